"""What `manage.py check --deploy` says of this service's own settings, beside what Django says of its settings."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

SHORTEST_SECRET = 32
"""Bytes: a key for HMAC-SHA256 has no fewer than its hash (RFC 7518, 3.2)."""

FEWEST_CHARACTERS = 8
"""Different characters. Random text of that length has more, even in hexadecimal; a word said over and over has not."""


class Composition(AppConfig):
    """Makes Django run the checks."""

    name = "asgi_app"

    def ready(self) -> None:
        """Register them for `check --deploy`: a developer's machine may have weak secrets."""
        for check in (payments_are_signed, secrets_are_strong, hosts_are_named):
            register(check, Tags.security, deploy=True)


def payments_are_signed(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Without the secret, whoever reaches Redis can say that an order is paid."""
    if settings.PAYMENT_SIGNING_SECRET:
        return []
    hint = "Set the secret that Payment signs with: without it, whoever reaches Redis can say that an order is paid."
    return [Warning("PAYMENT_SIGNING_SECRET is not set.", hint, id="order_service.W001")]


def secrets_are_strong(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """A secret that can be guessed, or stands in this repository, keeps nothing."""
    secrets = {
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
        "SERVICE_TOKEN": settings.SERVICE_TOKEN,
        "PAYMENT_SIGNING_SECRET": settings.PAYMENT_SIGNING_SECRET,
        "JWT_SECRET": settings.JWT_SECRET if settings.JWT_ALGORITHM == "HS256" else "",
    }
    hint = f"Take {SHORTEST_SECRET} random characters or more: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    return [
        Warning(f"{name} is weak: {why}.", hint, id="order_service.W002")
        for name, secret in secrets.items()
        if secret and (why := _weakness(secret))
    ]


def hosts_are_named(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Links in answers are made of the host that was asked for."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "Name the hosts that people and probes use: with any host allowed, a caller decides where links lead."
    return [Warning("ALLOWED_HOSTS allows every host.", hint, id="order_service.W003")]


def _weakness(secret: str) -> str:
    if secret.startswith("change-me"):
        return "it is the sample's"
    if len(secret.encode()) < SHORTEST_SECRET:
        return f"it has fewer than {SHORTEST_SECRET} bytes"
    if len(set(secret)) < FEWEST_CHARACTERS:
        return "it repeats itself"
    return ""
