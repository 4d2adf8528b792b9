"""Values of the settings: those accepted unchanged, and those that stop the start with their name and the allowed values."""

import traceback
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.support.settings import ENOUGH, refusal, start

NUMBERS = sorted(
    name for name, value in start(ENOUGH).items() if isinstance(value, int | float) and not isinstance(value, bool)
)
NOT_SETTINGS = {"DATA_UPLOAD_MAX_MEMORY_SIZE"}
ZERO_MEANS_NONE = {
    "CHECKOUTS_IN_FLIGHT",
    "REQUESTS_IN_FLIGHT",
    "CHECKOUT_QUEUE_MS",
    "PAYMENT_PARKING_SECONDS",
    "SHUTDOWN_DRAIN_SECONDS",
}
NO_NUMBERS = ["15m", "-1", "nan", "inf", "1e3", "1_000", "0x10", "٣", "ten", "+1", "99999999999999", "$CHECK", "1,5"]
DATABASE = "postgresql://orders:s3cret@postgres:5432/orders"


def database(url: str, **more: str) -> dict[str, Any]:
    """Return Django's settings for the database."""
    found: dict[str, Any] = start(ENOUGH | {"DATABASE_URL": url, **more})["DATABASES"]["default"]
    return found


@pytest.mark.parametrize("value", ["$HOME", "$", "${JWT_ISSUER}", "\\$HOME", "%(HOME)s", "a#b", '"quoted"', "a=b"])
@pytest.mark.parametrize("name", ["JWT_SECRET", "PAYMENT_SIGNING_SECRET", "SERVICE_TOKEN", "JWT_ISSUER"])
def test_a_value_is_used_unchanged(name: str, value: str) -> None:
    assert start(ENOUGH | {"HOME": "/root", name: value})[name] == value


def test_a_password_in_an_address_is_decoded() -> None:
    assert database("postgresql://u:$HOME@h/orders", HOME="/root")["PASSWORD"] == "$HOME"
    assert start(ENOUGH | {"REDIS_URL": "redis://:$HOME@h/0"})["REDIS_URL"] == "redis://:$HOME@h/0"


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize("name", sorted(set(NUMBERS) - NOT_SETTINGS))
def test_a_value_that_is_no_number_stops_the_start(name: str, value: str) -> None:
    message = refusal(ENOUGH | {name: value})
    assert message.startswith(f"{name} is {value!r}"), message
    assert "number" in message


@pytest.mark.parametrize("name", sorted(set(NUMBERS) - NOT_SETTINGS))
def test_zero_is_accepted_where_it_has_a_meaning(name: str) -> None:
    environment = ENOUGH | {name: "0"}
    if name in ZERO_MEANS_NONE:
        assert start(environment)[name] == 0
    else:
        assert name in refusal(environment)


@pytest.mark.parametrize("name", sorted(set(NUMBERS) - NOT_SETTINGS))
def test_an_empty_number_is_the_default(name: str) -> None:
    assert start(ENOUGH | {name: ""})[name] == start(ENOUGH)[name]


BOOLEANS = {
    **dict.fromkeys(("true", "True", "1", "on", "yes"), True),
    **dict.fromkeys(("false", "FALSE", "0", "off", "no", ""), False),
}


@pytest.mark.parametrize(("text", "value"), BOOLEANS.items())
@pytest.mark.parametrize(
    ("name", "setting"), [("DJANGO_DEBUG", "DEBUG"), ("PRODUCT_SERVICE_TLS", "PRODUCT_SERVICE_TLS")]
)
def test_a_boolean_is_true_or_false(name: str, setting: str, text: str, value: bool) -> None:
    assert start(ENOUGH | {name: text})[setting] is value


@pytest.mark.parametrize("text", ["maybe", "treu", "2", "none", "-1"])
@pytest.mark.parametrize("name", ["DJANGO_DEBUG", "PRODUCT_SERVICE_TLS"])
def test_a_text_that_is_no_boolean_stops_the_start(name: str, text: str) -> None:
    message = refusal(ENOUGH | {name: text})
    assert all(part in message for part in (name, repr(text), "true or false"))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("LOG_LEVEL", "loud", "DEBUG, INFO, WARNING or ERROR"),
        ("DATABASE_POOLER", "session", "none or transaction"),
        ("USER_SERVICE_URL", "users:80", "http://"),
        ("USER_SERVICE_URL", "http://", "http://"),
        ("CART_SERVICE_URL", "http://carts:http", "port"),
        ("CART_SERVICE_URL", "http://carts:70000", "port"),
        ("CART_SERVICE_URL", "http://carts:0", "port"),
        ("CART_SERVICE_URL", "http://carts /", "http://"),
        ("CART_SERVICE_URL", "ftp://carts", "http://"),
        ("CART_SERVICE_URL", "http://[::1", "http://"),
        ("PRODUCT_SERVICE_ADDR", "product", "host:port"),
        ("PRODUCT_SERVICE_ADDR", "http://product:80", "host:port"),
        ("PRODUCT_SERVICE_ADDR", "product:0", "host:port"),
        ("PRODUCT_SERVICE_ADDR", "product:65536", "host:port"),
        ("PRODUCT_SERVICE_ADDR", ":80", "host:port"),
        ("JWT_JWKS_URL", "users/keys", "http://"),
        ("REDIS_URL", "redis", "redis://host"),
        ("REDIS_URL", "http://redis", "redis://host"),
        ("REDIS_URL", "redis://", "redis://host"),
        ("REDIS_URL", "redis://redis:port/0", "redis://host"),
        ("REDIS_URL", "redis://redis:70000/0", "redis://host"),
        ("REDIS_URL", "redis://redis/zero", "redis://host"),
        ("REDIS_URL", "redis://redis/0?db=seven", "redis://host"),
        ("REDIS_URL", "unix:///run/redis.sock", "unix sockets"),
        ("REDIS_URL", "redis+sentinel://a:26379,b:26379/main", "Sentinel"),
        ("CELERY_BROKER_URL", "redis+socket:///run/redis.sock", "unix sockets"),
        ("CELERY_BROKER_URL", "sentinel://a:26379;sentinel://b:26379", "Sentinel"),
        ("CELERY_BROKER_URL", "amqp://rabbit:many", "amqp://"),
        ("ALLOWED_HOSTS", "https://orders.example.com", "without scheme"),
        ("ALLOWED_HOSTS", "orders.example.com:443", "without scheme"),
        ("ALLOWED_HOSTS", "*.example.com", "without scheme"),
        ("ALLOWED_HOSTS", "a b", "without scheme"),
        ("DATABASE_URL", "x", "postgresql://"),
        ("DATABASE_URL", "mysql://a/b", "postgresql://"),
        ("DATABASE_URL", "postgresql://a:b@c", "postgresql://"),
        ("DATABASE_URL", "postgresql://a:b@c:port/d", "postgresql://"),
        ("DATABASE_URL", "postgresql://a:b@c:0/d", "postgresql://"),
        ("DATABASE_URL", "postgresql://a:b@c:70000/d", "postgresql://"),
        ("DATABASE_URL", "postgresql://a:b@c:5432,d:99999/e", "postgresql://"),
        ("DATABASE_URL", "postgresql://a:b@c/d?conn_max_age=60", "postgresql://"),
        ("DATABASE_URL", "postgresql://a:b@c/d?connect_timeout=soon", "postgresql://"),
        ("DATABASE_URL", "postgresql://a:b@c/d?sslmode=loud", "verify-full"),
        ("DATABASE_URL", "postgresql://a:b@c/d?target_session_attrs=writable", "read-write"),
        ("STOCK_HOLD_SECONDS", "899", "ORDER_EXPIRY_SECONDS"),
        ("DATABASE_ANSWER_SECONDS", "1", "DATABASE_POOL_WAIT_SECONDS"),
        ("REDIS_READ_TIMEOUT_SECONDS", "1", "above 1"),
    ],
)
def test_an_unusable_value_stops_the_start(name: str, value: str, allowed: str) -> None:
    message = refusal(ENOUGH | {name: value})
    assert name in message
    assert allowed in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://orders:s3cret@postgres:70000/orders"),
        ("DATABASE_URL", "postgresql://orders:s3/cret@postgres/orders"),
        ("DATABASE_URL", "postgresql://orders:s3%cret@postgres/orders"),
        ("DATABASE_URL", "postgresql://orders:s3@cret@post gres:x/orders"),
        ("DATABASE_URL", "postgresql://postgres:x/orders?password=s3cret"),
        ("DATABASE_URL", "mysql://orders:s3cret@mysql/orders"),
        ("REDIS_URL", "redis://:s3cret@redis:x/0"),
        ("REDIS_URL", "redis://redis/x?password=s3cret"),
        ("CELERY_BROKER_URL", "amqp://u:s3cret@rabbit:x/"),
        ("USER_SERVICE_URL", "http://u:s3cret@users:x/"),
    ],
)
def test_a_refused_address_is_shown_without_its_password(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        start(ENOUGH | {name: value})
    message = "".join(traceback.format_exception(refused.value))  # in the format of a failed start
    assert name in message
    assert "s3" not in message
    assert "cret" not in message


@pytest.mark.parametrize(
    ("redis", "used", "broker"),
    [
        ("redis://h?db=7", "redis://h/7", "redis://h/1"),
        ("redis://h/2?db=7&protocol=3", "redis://h/7?protocol=3", "redis://h/1?protocol=3"),
        ("redis://h/?db=", "redis://h/0", "redis://h/1"),
        ("redis://u:p%40ss@h:6380/3", "redis://u:p%40ss@h:6380/3", "redis://u:p%40ss@h:6380/1"),
        ("redis://[::1]:6379", "redis://[::1]:6379/0", "redis://[::1]:6379/1"),
        (
            "rediss://h/0?ssl_ca_certs=/etc/ca.pem",
            "rediss://h/0?ssl_ca_certs=/etc/ca.pem",
            "rediss://h/1?ssl_ca_certs=/etc/ca.pem",
        ),
    ],
)
def test_the_number_of_the_redis_database_is_read_as_every_client_reads_it(redis: str, used: str, broker: str) -> None:
    settings = start(ENOUGH | {"REDIS_URL": redis})
    assert (settings["REDIS_URL"], settings["CELERY_BROKER_URL"]) == (used, broker)
    assert start(ENOUGH | {"CELERY_BROKER_URL": redis})["CELERY_BROKER_URL"] == used


@pytest.mark.parametrize("url", ["amqp://u:p@rabbit:5672//", "amqps://rabbit/jobs"])
def test_a_broker_other_than_redis_is_used_unchanged(url: str) -> None:
    assert start(ENOUGH | {"CELERY_BROKER_URL": url})["CELERY_BROKER_URL"] == url


@pytest.mark.parametrize(
    "given", ["a.example.com, b.example.com", " a.example.com ,,b.example.com,", "a.example.com,\tb.example.com"]
)
def test_hosts_are_separated_by_commas_and_blanks(given: str) -> None:
    assert start(ENOUGH | {"ALLOWED_HOSTS": given})["ALLOWED_HOSTS"] == ["a.example.com", "b.example.com"]


def test_hosts_may_be_a_domain_an_address_and_all() -> None:
    given = ".example.com,10.0.0.1,[::1],*"
    assert start(ENOUGH | {"ALLOWED_HOSTS": given})["ALLOWED_HOSTS"] == given.split(",")


@pytest.mark.parametrize("given", ["", " ", ","])
def test_without_hosts_those_of_this_machine_are_allowed(given: str) -> None:
    assert "localhost" in start(ENOUGH | {"ALLOWED_HOSTS": given})["ALLOWED_HOSTS"]


def test_the_hold_may_last_as_long_as_the_order_waits_for_its_payment() -> None:
    assert start(ENOUGH | {"STOCK_HOLD_SECONDS": "900"})["STOCK_HOLD_SECONDS"] == 900


# --- the database's address -------------------------------------------------------------------------------------------


def test_the_parts_of_the_databases_address_reach_django() -> None:
    found = database("postgres://or%40ders:s3%2Fcret@db.example.com:6432/or%20ders")
    parts = {name: found[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    assert parts == {
        "NAME": "or ders",
        "USER": "or@ders",
        "PASSWORD": "s3/cret",
        "HOST": "db.example.com",
        "PORT": "6432",
    }


def test_several_hosts_and_their_parameters_reach_libpq() -> None:
    found = database("postgresql://u:p@a:5432,b:5433/orders?target_session_attrs=read-write")
    assert (found["HOST"], found["PORT"]) == ("a,b", "5432,5433")
    assert found["OPTIONS"]["target_session_attrs"] == "read-write"


def test_a_unix_socket_reaches_libpq() -> None:
    assert database("postgresql:///orders?host=/run/postgresql")["HOST"] == "/run/postgresql"


def test_a_parameter_of_the_address_takes_precedence_over_the_services_own() -> None:
    options = database(
        f"{DATABASE}?sslmode=verify-full&application_name=shop&connect_timeout=7&options=-c%20search_path%3Dshop"
    )["OPTIONS"]
    given = {"sslmode": "verify-full", "application_name": "shop", "connect_timeout": "7"}
    assert options | given == options
    assert options["options"] == "-c statement_timeout=3000 -c lock_timeout=1000 -c search_path=shop"


def test_without_a_parameter_in_the_address_the_services_own_is_used() -> None:
    options = database(DATABASE)["OPTIONS"]
    assert (options["application_name"], options["connect_timeout"]) == ("order-service", 2)
    assert options["options"] == "-c statement_timeout=3000 -c lock_timeout=1000"


def test_a_pooler_gets_no_parameter_of_a_single_connection() -> None:
    found = database(DATABASE, DATABASE_POOLER="transaction")
    assert "options" not in found["OPTIONS"]
    assert found["OPTIONS"]["prepare_threshold"] is None
    assert found["DISABLE_SERVER_SIDE_CURSORS"] is True


def test_options_that_the_address_gives_are_sent_to_a_pooler_too() -> None:
    found = database(f"{DATABASE}?options=-c%20search_path%3Dshop", DATABASE_POOLER="transaction")
    assert found["OPTIONS"]["options"] == "-c search_path=shop"
