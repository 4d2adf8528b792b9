"""The checks of `manage.py check --deploy` for the service's own settings."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

MIN_SECRET_BYTES = 32
"""A key of HMAC-SHA256 has at least the bytes of its hash (RFC 7518, 3.2)."""

MIN_DISTINCT_CHARACTERS = 8
"""Distinct characters: random text of that length has more, even in hexadecimal; a repeated word has fewer."""


class Composition(AppConfig):
    """The app that registers the checks."""

    name = "asgi_app"

    def ready(self) -> None:
        """Register the checks for `check --deploy` only: a developer's machine may have weak secrets."""
        for check in (payments_are_signed, secrets_are_strong, hosts_are_named):
            register(check, Tags.security, deploy=True)


def payments_are_signed(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn when payment messages are not signed: any client of Redis could then forge a payment."""
    if settings.PAYMENT_SIGNING_SECRET:
        return []
    hint = "Set the secret that Payment signs with: without it, any client of Redis can forge a payment."
    return [Warning("PAYMENT_SIGNING_SECRET is not set.", hint, id="order_service.W001")]


def secrets_are_strong(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn about secrets that are guessable or published in this repository."""
    is_used = settings.JWT_ALGORITHM == "HS256"
    secrets = {
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_SECRET_KEY_FALLBACK": "".join(settings.SECRET_KEY_FALLBACKS),
        "SERVICE_TOKEN": settings.SERVICE_TOKEN,
        "PAYMENT_SIGNING_SECRET": settings.PAYMENT_SIGNING_SECRET,
        "PAYMENT_SIGNING_SECRET_FALLBACK": settings.PAYMENT_SIGNING_SECRET_FALLBACK,
        "JWT_SECRET": settings.JWT_SECRET if is_used else "",
        "JWT_SECRET_FALLBACK": settings.JWT_SECRET_FALLBACK if is_used else "",
    }
    hint = f"Use {MIN_SECRET_BYTES} random characters or more: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    return [
        Warning(f"{name} is weak: {why}.", hint, id="order_service.W002")
        for name, secret in secrets.items()
        if secret and (why := _weakness(secret))
    ]


def hosts_are_named(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn when every host is allowed: links in responses are built from the request's host."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "List the hosts that clients use: with any host allowed, a client determines the links."
    return [Warning("ALLOWED_HOSTS allows every host.", hint, id="order_service.W003")]


def _weakness(secret: str) -> str:
    if secret.startswith("change-me"):
        return "it is the sample's"
    if len(secret.encode()) < MIN_SECRET_BYTES:
        return f"it has fewer than {MIN_SECRET_BYTES} bytes"
    if len(set(secret)) < MIN_DISTINCT_CHARACTERS:
        return "it repeats itself"
    return ""
