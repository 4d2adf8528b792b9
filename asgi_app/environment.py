"""Typed reads of environment variables, for the settings.

Values are literal: nothing in them refers to another variable, and an empty one counts as not set. A value that can't be
used raises ImproperlyConfigured with the variable's name, the value and what is allowed.
"""

import os
import re
from collections.abc import Sequence

import jwt
from django.core.exceptions import ImproperlyConfigured

LARGEST = 2**31 - 1
"""Of every number: PostgreSQL, Product and the clocks take it as an integer of 32 bits."""

BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
PLACEHOLDER = "change-me"


def refused(name: str, given: str, allowed: str) -> ImproperlyConfigured:
    """The exception for a value that can't be used; `given` must hold no secret."""
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
    if not re.fullmatch("[0-9]{1,10}", given) or not least <= int(given) <= LARGEST:
        raise refused(name, given, f"a whole number from {least} to {LARGEST}, in digits alone")
    return int(given)


def _float(name: str, default: float, above: float = 0) -> float:
    given = _str(name, str(default)).strip()
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]+)?", given) or not above < float(given) <= LARGEST:
        raise refused(name, given, f"a number above {above} and up to {LARGEST}, like 2 or 0.5")
    return float(given)


def _list(name: str, default: Sequence[str] = ()) -> list[str]:
    return [part for part in map(str.strip, _str(name).split(",")) if part] or list(default)


def is_public_key(pem: str, algorithm: str) -> bool:
    """Whether `pem` is a key that tokens of this algorithm (RFC 7518, 3.1) can be verified with."""
    try:
        jwt.get_algorithm_by_name(algorithm).prepare_key(pem)
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return True


class Env:
    """How the settings read: `env.int("NAME", default=1)`."""

    str = staticmethod(_str)
    choice = staticmethod(_choice)
    bool = staticmethod(_bool)
    int = staticmethod(_int)
    float = staticmethod(_float)
    list = staticmethod(_list)


def placeholders(*names: str) -> list[str]:
    """Those of these variables whose value, or a part of it like a password in a URL, is still that of `.env.sample`."""
    return [name for name in names if PLACEHOLDER in _str(name).lower()]
