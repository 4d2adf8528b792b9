"""Validation of shipping addresses: the same rules for a request's address and a customer's default address. Pure.

Contract: REST API, "Orders".
"""

from collections.abc import Mapping

from orders.domain.countries import COUNTRIES, WITHOUT_POSTAL_CODES
from orders.domain.text import has_visible_character

MAX_LENGTHS: Mapping[str, int] = {
    "name": 200,
    "line1": 200,
    "line2": 200,
    "city": 100,
    "state": 100,
    "postal_code": 20,
    "country": 2,
    "phone": 40,
}
"""The fields of an address in the order of a response, and the maximum length of each."""

_REQUIRED = frozenset({"name", "line1", "city", "country"})


def read_address(given: Mapping[str, object]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields of the address in `given`, and its errors: a detail by the name of the field.

    A null or missing field is empty. Unknown fields are ignored.
    """
    known = {name: "" if given.get(name) is None else given[name] for name in MAX_LENGTHS}
    address = {name: text for name, text in known.items() if isinstance(text, str)}
    required = _REQUIRED if address.get("country") in WITHOUT_POSTAL_CODES else _REQUIRED | {"postal_code"}
    errors = {}
    for name in MAX_LENGTHS:
        if name not in address:
            errors[name] = "Not a valid string."
        elif detail := _error(name, address[name], name in required):
            errors[name] = detail
    return address, errors


def _error(name: str, text: str, required: bool) -> str | None:
    """Return the error of one field of an address, None when it is valid."""
    if required and not has_visible_character(text):
        return "This field is required."
    if "\0" in text:
        return "Null characters are not allowed."
    if name == "country" and text not in COUNTRIES:
        return "Not a country code of ISO 3166-1 alpha-2."
    if len(text) > MAX_LENGTHS[name]:
        return f"Ensure this field has no more than {MAX_LENGTHS[name]} characters."
    return None
