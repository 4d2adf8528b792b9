"""Typed access to environment variables, for the settings.

Values are literal: no reference to another variable is expanded, and an empty value counts as not set. An invalid value
raises ImproperlyConfigured with the variable's name, the value and the allowed form.
"""

import os
import re
from collections.abc import Sequence

import jwt
from django.core.exceptions import ImproperlyConfigured

MAX_NUMBER = 2**31 - 1
"""The maximum of a 32-bit integer, for PostgreSQL, Product and timers."""

BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
PLACEHOLDER = "change-me"


def refused(name: str, given: str, allowed: str) -> ImproperlyConfigured:
    """Return the exception for an invalid value; `given` must not contain a secret."""
    return ImproperlyConfigured(f"{name} is {given!r}, which is not allowed: set it to {allowed}.")


def _str(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def _choice(name: str, default: str, choices: Sequence[str], in_capitals: bool = False) -> str:
    given = _str(name, default)
    given = given.upper() if in_capitals else given
    if given not in choices:
        raise refused(name, given, f"{', '.join(choices[:-1])} or {choices[-1]}")
    return given


def _bool(name: str, default: bool) -> bool:
    given = _str(name).strip()
    if given.lower() not in {*BOOLEANS, ""}:
        raise refused(name, given, "true or false")
    return BOOLEANS.get(given.lower(), default)


def _int(name: str, default: int, least: int = 1) -> int:
    given = _str(name, str(default)).strip()
    if not re.fullmatch("[0-9]{1,10}", given) or not least <= int(given) <= MAX_NUMBER:
        raise refused(name, given, f"a whole number from {least} to {MAX_NUMBER}, in digits alone")
    return int(given)


def _float(name: str, default: float, above: float = 0) -> float:
    given = _str(name, str(default)).strip()
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]+)?", given) or not above < float(given) <= MAX_NUMBER:
        raise refused(name, given, f"a number above {above} and up to {MAX_NUMBER}, like 2 or 0.5")
    return float(given)


def _list(name: str, default: Sequence[str] = ()) -> list[str]:
    return [part for part in map(str.strip, _str(name).split(",")) if part] or list(default)


def pem_blocks(text: str) -> list[str]:
    """Return the keys of a text that holds several, one after the other (RFC 7468, 2)."""
    return [part for part in re.split("(?=-----BEGIN )", text) if part.strip()]


def is_public_key(pem: str, algorithm: str) -> bool:
    """Return whether tokens of this algorithm (RFC 7518, 3.1) can be verified with `pem`."""
    try:
        jwt.get_algorithm_by_name(algorithm).prepare_key(pem)
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return True


class Env:
    """Typed reads by name: `env.int("NAME", default=1)`."""

    str = staticmethod(_str)
    choice = staticmethod(_choice)
    bool = staticmethod(_bool)
    int = staticmethod(_int)
    float = staticmethod(_float)
    list = staticmethod(_list)


def placeholders(*names: str) -> list[str]:
    """Return the variables whose value, or a part of it like a password in a URL, is still that of `.env.sample`."""
    return [name for name in names if PLACEHOLDER in _str(name).lower()]
