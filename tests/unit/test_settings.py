"""Settings: the required and the optional variables of the environment, which `.env.sample` explains exactly."""

import ast
import os
import re
import subprocess
import sys

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.environment import CHECKOUT, SAMPLE, defaults, read
from tests.support.settings import ENOUGH, SETTINGS, refusal, start

CONTRACT = """
    DATABASE_URL REDIS_URL CELERY_BROKER_URL USER_SERVICE_URL CART_SERVICE_URL PRODUCT_SERVICE_ADDR PRODUCT_SERVICE_TLS
    SERVICE_TOKEN JWT_ALGORITHM JWT_SECRET JWT_PUBLIC_KEY JWT_JWKS_URL JWT_ISSUER JWT_AUDIENCE PAYMENT_SIGNING_SECRET
    ORDER_EXPIRY_SECONDS STOCK_HOLD_SECONDS PAYMENT_STATUS_AFTER_SECONDS DJANGO_SECRET_KEY DJANGO_DEBUG ALLOWED_HOSTS
    LOG_LEVEL RATE_LIMITS CHECKOUTS_IN_FLIGHT CHECKOUT_QUEUE_MS NEIGHBOUR_CALLS_IN_FLIGHT CHECKOUT_BUDGET_SECONDS
"""
"""The names that the contract on running the service gives."""

REQUIRED = (
    "DATABASE_URL",
    "REDIS_URL",
    "USER_SERVICE_URL",
    "CART_SERVICE_URL",
    "PRODUCT_SERVICE_ADDR",
    "SERVICE_TOKEN",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "DJANGO_SECRET_KEY",
)
COMPOSE_ALONE = {
    *("POSTGRES_PASSWORD", "REDIS_PASSWORD", "GRAFANA_PASSWORD"),
    *("ORDER_SERVICE_IMAGE", "SERVICE_REPLICAS", "HTTP_PORT", "COMPOSE_FILE", "TLS_FOLDER"),
}
UVICORN_ALONE = {"FORWARDED_ALLOW_IPS", "UVICORN_TIMEOUT_KEEP_ALIVE"}
OPENTELEMETRY_ALONE = {"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
WITHOUT_DEFAULT = {
    "JWT_PUBLIC_KEY",
    "JWT_JWKS_URL",
    "JWT_SECRET_FALLBACK",
    "PAYMENT_SIGNING_SECRET_FALLBACK",
    "DJANGO_SECRET_KEY_FALLBACK",
    "METRICS_ADDRESS",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
}
AS_IT_IS = read(SAMPLE) | {"DJANGO_DEBUG": "true"}


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in ENOUGH.items() if name not in names}


def names_read() -> set[str]:
    """Return the first argument of every `env.str("…")`, `env.int("…")` … in the settings."""
    calls = [node for node in ast.walk(ast.parse(SETTINGS.read_text())) if isinstance(node, ast.Call)]
    asked = [call for call in calls if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "env"]
    return {
        argument.value
        for call in asked
        for argument in call.args[:1]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def names_explained() -> set[str]:
    return {*read(SAMPLE), *defaults(SAMPLE)}


def test_the_sample_explains_every_name_that_is_read() -> None:
    assert names_read() - names_explained() == set()


def test_the_sample_explains_nothing_that_is_not_read() -> None:
    assert names_explained() - names_read() == COMPOSE_ALONE | UVICORN_ALONE | OPENTELEMETRY_ALONE


def test_every_name_of_the_contract_is_read() -> None:
    assert set(CONTRACT.split()) - names_read() == set()


def test_each_name_is_in_the_sample_once() -> None:
    assert not read(SAMPLE).keys() & defaults(SAMPLE).keys()
    for name in names_explained():
        assert len(re.findall(rf"^(?:# )?{name}=", SAMPLE.read_text(), re.MULTILINE)) == 1, name


def test_each_name_of_the_sample_has_a_comment_in_front() -> None:
    for paragraph in re.split(r"\n\n", SAMPLE.read_text()):
        lines = paragraph.splitlines()
        names = [line for line in lines if re.match(r"(# )?[A-Z_]+=", line)]
        assert not names or re.match(r"# .*[a-z]", lines[0]), paragraph


def test_the_required_names_come_first_in_the_sample_and_are_set() -> None:
    assert set(list(read(SAMPLE))[: len(REQUIRED)]) == set(REQUIRED)


def test_the_service_starts_with_the_sample_as_it_is_for_debugging_only() -> None:
    assert start(AS_IT_IS)["USER_SERVICE_URL"] == "http://sandbox:8101"
    message = refusal(read(SAMPLE))
    placeholders = {name for name, value in read(SAMPLE).items() if "change-me" in value} - COMPOSE_ALONE
    assert len(placeholders) >= 5
    assert all(name in message for name in placeholders)
    assert "change-me" not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_TOKEN", "change-me-token-that-the-neighbours-know"),
        ("JWT_SECRET", "change-me-secret-shared-with-the-issuer"),
        ("JWT_SECRET", "  Change-Me"),
        ("PAYMENT_SIGNING_SECRET", "change-me-secret-shared-with-payment"),
        ("DJANGO_SECRET_KEY", "change-me-fifty-random-characters-or-more-for-django-alone"),
        ("DATABASE_URL", "postgresql://orders:change-me-database-password@postgres:5432/orders"),
        ("JWT_SECRET_FALLBACK", "change-me-secret-shared-with-the-issuer"),
        ("PAYMENT_SIGNING_SECRET_FALLBACK", "change-me-secret-shared-with-payment"),
        ("DJANGO_SECRET_KEY_FALLBACK", "change-me-fifty-random-characters-or-more-for-django-alone"),
        ("REDIS_URL", "redis://:change-me@redis:6379/0"),
        ("CELERY_BROKER_URL", "redis://:change-me@redis:6379/1"),
    ],
)
def test_a_published_secret_stops_the_start_unless_it_is_for_debugging(name: str, value: str) -> None:
    message = refusal(ENOUGH | {name: value})
    assert message.startswith(f"{name} in the environment: ")
    assert "change-me" not in message.lower()
    assert start(ENOUGH | {name: value, "DJANGO_DEBUG": "true"})


def test_the_sample_shows_the_defaults() -> None:
    shown = {name: value for name, value in defaults(SAMPLE).items() if name not in WITHOUT_DEFAULT}
    assert start(AS_IT_IS | shown | {"DJANGO_DEBUG": "true"}) == start(AS_IT_IS)


def test_every_secret_of_the_sample_asks_to_be_changed() -> None:
    secrets = {name: value for name, value in read(SAMPLE).items() if re.search("SECRET|TOKEN|PASSWORD", name)}
    assert len(secrets) == 7
    assert all(value.startswith("change-me-") for value in secrets.values())
    assert f":{secrets['POSTGRES_PASSWORD']}@" in read(SAMPLE)["DATABASE_URL"]


def test_the_containers_default_to_what_the_sample_shows() -> None:
    fallbacks = dict(re.findall(r"\$\{(\w+):-([^}]+)\}", (CHECKOUT / "docker-compose.yml").read_text()))
    shown = {**defaults(SAMPLE), **read(SAMPLE)}
    assert fallbacks == {name: shown[name] for name in fallbacks}


def test_a_value_set_in_a_copy_of_the_sample_reaches_the_containers() -> None:
    service = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]["service"]
    if "env_file" not in service:
        assert names_read() - service["environment"].keys() == set()


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_required_name_stops_the_start_and_is_named(name: str) -> None:
    assert name in refusal(without(name))
    assert name in refusal(ENOUGH | {name: ""})


def test_several_missing_names_are_all_named_and_no_other() -> None:
    message = refusal(without("REDIS_URL", "SERVICE_TOKEN", "JWT_ISSUER"))
    assert {name for name in REQUIRED if name in message} == {"REDIS_URL", "SERVICE_TOKEN", "JWT_ISSUER"}


@pytest.mark.parametrize(
    "process",
    [
        "manage.py check",
        "-m uvicorn asgi_app.asgi:application --lifespan on",
        "-m celery -A asgi_app worker",
        "-m celery -A asgi_app beat",
    ],
)
def test_no_process_starts_half_configured(process: str) -> None:
    environment = without("DATABASE_URL", "JWT_AUDIENCE") | {"PATH": os.defpath}
    command = [sys.executable, *process.split()]
    ended = subprocess.run(
        command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert "Set DATABASE_URL, JWT_AUDIENCE in the environment" in ended.stdout + ended.stderr


def test_another_database_than_postgresql_is_refused() -> None:
    assert "postgresql://" in refusal(ENOUGH | {"DATABASE_URL": "sqlite:///orders.db"})


@pytest.mark.parametrize("algorithm", ["none", "hs256", "HS512", "PS256", "RS256,HS256", " HS256"])
def test_another_algorithm_than_the_four_is_refused(algorithm: str) -> None:
    message = refusal(ENOUGH | {"JWT_ALGORITHM": algorithm})
    assert all(word in message for word in ("JWT_ALGORITHM", "HS256", "RS256", "ES256", "EdDSA"))


def test_hs256_needs_a_secret() -> None:
    assert "JWT_SECRET" in refusal(without("JWT_SECRET"))
    assert "JWT_SECRET" in refusal(ENOUGH | {"JWT_SECRET": ""})


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_algorithm_needs_a_key_and_a_secret_is_none(algorithm: str) -> None:
    message = refusal(ENOUGH | {"JWT_ALGORITHM": algorithm})
    assert all(word in message for word in ("JWT_PUBLIC_KEY", "JWT_JWKS_URL", algorithm))
    assert start(without("JWT_SECRET") | {"JWT_ALGORITHM": algorithm, "JWT_JWKS_URL": "http://users/keys"})


def test_a_public_key_may_stand_on_one_line() -> None:
    key = public_key()
    settings = start(ENOUGH | {"JWT_ALGORITHM": "EdDSA", "JWT_PUBLIC_KEY": key.replace("\n", "\\n")})
    assert settings["JWT_PUBLIC_KEYS"] == [key]


def test_two_public_keys_may_stand_one_after_the_other() -> None:
    new, old = public_key(), public_key()
    settings = start(ENOUGH | {"JWT_ALGORITHM": "EdDSA", "JWT_PUBLIC_KEY": (new + old).replace("\n", "\\n")})
    assert settings["JWT_PUBLIC_KEYS"] == [new, old]
    cut_off = new + old[: len(old) // 2]
    assert "no public key" in refusal(ENOUGH | {"JWT_ALGORITHM": "EdDSA", "JWT_PUBLIC_KEY": cut_off})


def test_a_fallback_of_the_payment_secret_needs_the_secret() -> None:
    """Without the secret, messages need no signature."""
    given = ENOUGH | {"PAYMENT_SIGNING_SECRET": "", "PAYMENT_SIGNING_SECRET_FALLBACK": "the other one"}
    assert "without PAYMENT_SIGNING_SECRET" in refusal(given)


def test_there_is_no_second_secret_by_default() -> None:
    settings = start(ENOUGH)
    assert settings["SECRET_KEY_FALLBACKS"] == []
    assert (settings["JWT_SECRET_FALLBACK"], settings["PAYMENT_SIGNING_SECRET_FALLBACK"]) == ("", "")
    assert start(ENOUGH | {"DJANGO_SECRET_KEY_FALLBACK": "a, b"})["SECRET_KEY_FALLBACKS"] == ["a, b"]


@pytest.mark.parametrize(
    ("algorithm", "key"), [("EdDSA", "no key"), ("RS256", None), ("ES256", "-----BEGIN PUBLIC KEY-----")]
)
def test_an_invalid_public_key_or_one_of_another_algorithm_stops_the_start(algorithm: str, key: str | None) -> None:
    message = refusal(ENOUGH | {"JWT_ALGORITHM": algorithm, "JWT_PUBLIC_KEY": key or public_key()})
    assert message.startswith(f"JWT_PUBLIC_KEY is no public key for {algorithm}")


def public_key() -> str:
    """Return an EdDSA key as PEM."""
    raw = Ed25519PrivateKey.generate().public_key()
    return raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("redis", "broker"),
    [
        ("redis://redis:6379/0", "redis://redis:6379/1"),
        ("redis://redis:6379", "redis://redis:6379/1"),
        ("rediss://:secret@redis/0?ssl_cert_reqs=none", "rediss://:secret@redis/1?ssl_cert_reqs=none"),
    ],
)
def test_the_broker_is_database_1_of_the_same_redis(redis: str, broker: str) -> None:
    assert start(ENOUGH | {"REDIS_URL": redis})["CELERY_BROKER_URL"] == broker
    assert start(ENOUGH | {"REDIS_URL": redis, "CELERY_BROKER_URL": ""})["CELERY_BROKER_URL"] == broker
    assert start(ENOUGH | {"CELERY_BROKER_URL": "redis://jobs/5"})["CELERY_BROKER_URL"] == "redis://jobs/5"


def test_stock_is_held_two_minutes_longer_than_an_order_waits_for_its_payment() -> None:
    assert start(ENOUGH)["STOCK_HOLD_SECONDS"] == 900 + 120
    assert start(ENOUGH | {"ORDER_EXPIRY_SECONDS": "60"})["STOCK_HOLD_SECONDS"] == 180
    assert start(ENOUGH | {"STOCK_HOLD_SECONDS": "2000"})["STOCK_HOLD_SECONDS"] == 2000


def test_debugging_and_open_hosts_are_off_by_default() -> None:
    settings = start(ENOUGH)
    assert settings["DEBUG"] is False
    assert set(settings["ALLOWED_HOSTS"]) == {"localhost", "127.0.0.1", "[::1]"}
