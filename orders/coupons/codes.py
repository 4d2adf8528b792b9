"""The codes of coupons: their form, and random ones. Pure.

A code is given in any case and kept in capitals; only the letters a to z have another case.
"""

import secrets
import string

from orders.domain.ids import NUMBER_ALPHABET

CODE = "[A-Za-z0-9][A-Za-z0-9_-]{2,49}"
"""The form of a code as it is given (a regular expression)."""

PREFIX = "([A-Za-z0-9][A-Za-z0-9_-]{0,19})?"
"""The form of the prefix of a batch's codes; with its random characters it is a code."""

RANDOM_LENGTH = 12
"""Random characters of a generated code: 60 bits. With 10 million codes in use, one guess in 10^11 finds any of them."""

_CAPITALS = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)


def in_capitals(text: str) -> str:
    """Return `text` with a to z in capitals, and every other letter unchanged."""
    return text.translate(_CAPITALS)


def random_code(prefix: str = "") -> str:
    """Return `prefix` and twelve random characters of Crockford's base 32."""
    bits = secrets.randbits(5 * RANDOM_LENGTH)
    return prefix + "".join(NUMBER_ALPHABET[bits >> shift & 31] for shift in range(5 * (RANDOM_LENGTH - 1), -1, -5))


def random_codes(count: int, prefix: str) -> list[str]:
    """Return `count` different random codes with this prefix."""
    codes: set[str] = set()
    while len(codes) < count:
        codes.add(random_code(prefix))
    return list(codes)
