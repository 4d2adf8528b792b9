"""`manage.py check --deploy`: silent about settings fit for production, and one warning for each weakness."""

import os
import secrets
import subprocess
import sys
from typing import Any

import pytest
from django.core import checks
from django.test import override_settings

from tests.support.environment import CHECKOUT, PLACEHOLDERS, SAMPLE, read

SECRETS = ("DJANGO_SECRET_KEY", "JWT_SECRET", "PAYMENT_SIGNING_SECRET", "SERVICE_TOKEN")
FIT: dict[str, Any] = {
    "SECRET_KEY": secrets.token_urlsafe(48),
    "JWT_SECRET": secrets.token_hex(16),
    "PAYMENT_SIGNING_SECRET": secrets.token_hex(16),
    "SERVICE_TOKEN": secrets.token_urlsafe(24),
    "SECRET_KEY_FALLBACKS": [],
    "JWT_SECRET_FALLBACK": "",
    "PAYMENT_SIGNING_SECRET_FALLBACK": "",
    "ALLOWED_HOSTS": ["orders.example.com"],
}


def check_deploy(**changed: str) -> subprocess.CompletedProcess[str]:
    """Return the command's output in an environment with strong secrets and these changes."""
    environment = read(PLACEHOLDERS) | {name: secrets.token_urlsafe(48) for name in SECRETS}
    environment |= {"ALLOWED_HOSTS": "orders.example.com", "PATH": os.defpath, **changed}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(
        command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )


def warnings(**changed: Any) -> list[str]:
    """Return the warnings under settings fit for production with these changes."""
    with override_settings(**FIT | changed):
        return [
            f"{found.id}: {found.msg}"
            for found in checks.run_checks(include_deployment_checks=True, tags=["security"])
            if not found.is_silenced()
        ]


def test_settings_fit_for_production_pass_silently() -> None:
    ended = check_deploy()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "no issues" in ended.stdout


def test_a_warning_names_the_remedy() -> None:
    ended = check_deploy(PAYMENT_SIGNING_SECRET="", JWT_SECRET="hunter2", DJANGO_DEBUG="true", ALLOWED_HOSTS="*")
    assert ended.returncode != 0
    for expected in ("PAYMENT_SIGNING_SECRET is not set", "JWT_SECRET is weak", "token_urlsafe", "DEBUG", "every host"):
        assert expected in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout


def test_fit_settings_have_no_warning() -> None:
    assert warnings() == []


def test_unsigned_payment_messages_are_warned_of() -> None:
    assert warnings(PAYMENT_SIGNING_SECRET="") == ["order_service.W001: PAYMENT_SIGNING_SECRET is not set."]


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SECRET", "PAYMENT_SIGNING_SECRET", "SERVICE_TOKEN"])
@pytest.mark.parametrize(
    "weak",
    [secrets.token_urlsafe(48)[:31], "x" * 64, "check-" * 12, "change-me-" + secrets.token_urlsafe(48)],
    ids=["short", "one letter", "one word", "the sample's"],
)
def test_each_weak_secret_is_warned_of(name: str, weak: str) -> None:
    expected = {"SECRET_KEY": "DJANGO_SECRET_KEY"}.get(name, name)
    [warning] = [found for found in warnings(**{name: weak}) if found.startswith("order_service.W002")]
    assert f"W002: {expected} is weak: " in warning
    assert weak not in warning


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("SECRET_KEY_FALLBACKS", "DJANGO_SECRET_KEY_FALLBACK"),
        ("JWT_SECRET_FALLBACK", "JWT_SECRET_FALLBACK"),
        ("PAYMENT_SIGNING_SECRET_FALLBACK", "PAYMENT_SIGNING_SECRET_FALLBACK"),
    ],
)
def test_a_second_secret_must_be_as_strong_as_the_first(setting: str, name: str) -> None:
    def given(secret: str) -> dict[str, Any]:
        return {setting: [secret] if setting.endswith("S") else secret}

    assert warnings(**given(secrets.token_urlsafe(48))) == []
    assert f"order_service.W002: {name} is weak: it has fewer than 32 bytes." in warnings(**given("hunter2"))


def test_no_secret_of_the_repository_is_strong() -> None:
    for file in (PLACEHOLDERS, SAMPLE):
        given = {name: value for name, value in read(file).items() if name in SECRETS}
        assert given
        found = warnings(
            **{{"DJANGO_SECRET_KEY": "SECRET_KEY"}.get(name, name): value for name, value in given.items()}
        )
        assert len([warning for warning in found if "order_service.W002" in warning]) == len(given), file


def test_a_secret_that_is_not_used_need_not_be_strong() -> None:
    assert (
        warnings(JWT_ALGORITHM="ES256", JWT_PUBLIC_KEYS=["a key"], JWT_SECRET="weak", JWT_SECRET_FALLBACK="weak") == []
    )


def test_a_service_for_every_host_is_warned_of() -> None:
    assert warnings(ALLOWED_HOSTS=["orders.example.com", "*"]) == [
        "order_service.W003: ALLOWED_HOSTS allows every host."
    ]


def test_debugging_pages_are_warned_of() -> None:
    assert [found.split(":")[0] for found in warnings(DEBUG=True)] == ["security.W018"]
