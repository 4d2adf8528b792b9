"""Validation and normalization of the addresses in the settings.

An invalid value raises ImproperlyConfigured with the variable's name and the value without user and password.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from asgi_app.environment import refused

DATABASE = "postgresql://user:password@host:5432/database, several hosts as host:5432,other:5432"
REDIS = "redis://host:6379/0 or rediss://host:6379/0 (unix sockets, Sentinel and Redis Cluster are not supported)"
HOST_PORT = "host:port, with a port from 1 to 65535"
LIBPQ_CHOICES: Mapping[str, tuple[str, ...]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "channel_binding": ("disable", "prefer", "require"),
    "load_balance_hosts": ("disable", "random"),
}
"""Parameters that libpq validates only when it connects (PostgreSQL, "Parameter Key Words")."""


def shown(url: str) -> str:
    """Return the URL without its secrets: the part between the scheme and the last @, and passwords in the parameters."""
    return re.sub(r"((?:password|secret)[^=&]*=)[^&]*", r"\1…", re.sub("://.*@", "://…@", url, flags=re.DOTALL))


def database(name: str, url: str) -> dict[str, Any]:
    """Return Django's settings for the PostgreSQL at `url`. libpq parses the URL, so all of its parameters are allowed."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise refused(name, shown(url), DATABASE)
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its message may quote the password
        raise refused(name, shown(url), f"{DATABASE}; percent-encode special characters in its parts") from None
    ports = [str(port) for port in str(given.get("port") or "5432").split(",") if port]
    if not given.get("dbname") or not all(map(_is_port, ports)) or not _is_timeout(given.get("connect_timeout")):
        raise refused(name, shown(url), DATABASE)
    for parameter, choices in LIBPQ_CHOICES.items():
        if given.get(parameter, choices[0]) not in choices:
            raise refused(f"{parameter} in {name}", str(given[parameter]), f"one of {', '.join(choices)}")
    settings: dict[str, Any] = {"ENGINE": "django.db.backends.postgresql", "NAME": given.pop("dbname")}
    settings |= {part.upper(): str(given.pop(part, "")) for part in ("user", "password", "host", "port")}
    return {**settings, "OPTIONS": given}


def redis(name: str, url: str) -> str:
    """Return `url` with its database number as its path, which every client supports."""
    parts = _split(name, url, REDIS)
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    path = next((value for key, value in reversed(parameters) if key == "db"), parts.path.strip("/"))
    if parts.scheme not in ("redis", "rediss") or not re.fullmatch("[0-9]{0,5}", path):
        raise refused(name, shown(url), REDIS)
    query = urlencode([(key, value) for key, value in parameters if key != "db"], safe="/:")
    return parts._replace(path=f"/{path or 0}", query=query).geturl()


def broker(name: str, url: str, of_redis: str) -> str:
    """Return Celery's broker URL: `url`, or by default database 1 of the Redis at `of_redis`."""
    if not url:
        return urlsplit(of_redis)._replace(path="/1").geturl()
    if url.startswith(("amqp://", "amqps://")):
        return _split(name, url, "amqp://host:5672/").geturl()
    return redis(name, url)


def http(name: str, url: str) -> str:
    """Return `url` without a trailing slash."""
    allowed = "http://host or https://host, with a port from 1 to 65535 and a path where needed"
    parts = _split(name, url, allowed)
    if parts.scheme not in ("http", "https") or re.search(r"[\s?#]", url):
        raise refused(name, shown(url), allowed)
    return url.rstrip("/")


def host_port(name: str, address: str) -> str:
    """Return `address`, a valid host:port."""
    host, _, port = address.rpartition(":")
    if not re.fullmatch(r"[^\s/:@\[\]]+|\[[0-9A-Fa-f:.]+\]", host) or not _is_port(port):
        raise refused(name, shown(address), HOST_PORT)
    return address


def hosts(name: str, given: list[str]) -> list[str]:
    """Return the host names for Django's ALLOWED_HOSTS."""
    for host in given:
        if not re.fullmatch(r"\*|\.?[^\s/:@*\[\]]+|\[[0-9A-Fa-f:.]+\]", host):
            raise refused(
                name, host, "host names without scheme and port, separated by commas; .example.com: with all below"
            )
    return given


def _split(name: str, url: str, allowed: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0  # `port` raises ValueError for an invalid port
    except ValueError:
        has_host = False
    if not has_host:
        raise refused(name, shown(url), allowed)
    return parts


def _is_port(text: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,5}", text)) and 0 < int(text) <= 65535


def _is_timeout(given: object) -> bool:
    return given is None or bool(re.fullmatch("[1-9][0-9]{0,5}", str(given)))
