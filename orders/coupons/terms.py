"""The rules across a coupon's fields (contract: coupons, "A coupon"), for new coupons and for changes. Pure.

Input fields are validated one by one before (`orders.coupons.api.inputs`); here `given` has their values without those
that are left out: amounts and `percent` are decimal strings, times are UTC. Results are values of columns: amounts in minor
units of the coupon's currency, `percent` in hundredths of a percent.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from orders.coupons.rules import FundedBy, Kind
from orders.domain.errors import Invalid
from orders.domain.money import DECIMALS, MAX_MINOR, to_decimal, to_decimal_string
from orders.domain.timestamps import write_timestamp

MONEY = ("amount", "minimum_spend", "maximum_discount", "budget")

DEFAULTS: Mapping[str, Any] = {
    "kind": None,
    "percent": None,
    "amount": None,
    "buy_quantity": None,
    "get_quantity": None,
    "currency": None,
    "vendor_id": None,
    "product_ids": None,
    "get_product_ids": None,
    "funded_by": None,
    "minimum_spend": None,
    "maximum_discount": None,
    "first_order_only": False,
    "stackable": False,
    "usage_limit": None,
    "per_customer_limit": None,
    "budget": None,
    "starts_at": None,
    "ends_at": None,
    "is_active": True,
    "name": "",
}
"""The terms of a coupon and their defaults; those of `percent`, `funded_by` and `starts_at` depend on others."""

NULLABLE = (
    "product_ids",
    "get_product_ids",
    "minimum_spend",
    "maximum_discount",
    "usage_limit",
    "per_customer_limit",
    "budget",
    "ends_at",
)
"""The terms that a change may set, to null too."""

CHANGEABLE = (*NULLABLE, "first_order_only", "stackable", "starts_at", "is_active", "name")

REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    Kind.PERCENTAGE: ("percent",),
    Kind.FIXED_AMOUNT: ("amount",),
    Kind.BUY_X_GET_Y: ("buy_quantity", "get_quantity"),
}
FOREIGN: Mapping[Kind, tuple[str, ...]] = {
    Kind.PERCENTAGE: ("amount", "buy_quantity", "get_quantity", "get_product_ids"),
    Kind.FIXED_AMOUNT: ("percent", "buy_quantity", "get_quantity", "get_product_ids", "maximum_discount"),
    Kind.BUY_X_GET_Y: ("amount",),
}
"""The fields that do not belong to a kind."""

Breach = tuple[tuple[str, ...], str]
"""The fields that contradict each other, the one to correct first, and the reason."""


def new_terms(given: Mapping[str, Any], *, now: datetime, place: str = "") -> dict[str, Any]:
    """Return the terms of a new coupon, which is good from `now` unless `given` says otherwise.

    Raises Invalid with pointers below `place`.
    """
    terms = with_defaults(given) | {"starts_at": given.get("starts_at") or now}
    errors = _errors(((names[0], detail) for names, detail in _breaches(terms)), place)
    terms = _in_units(terms, MONEY, errors, place)
    if errors:
        raise Invalid("Invalid input: see errors.", errors=errors)
    if terms["percent"] is not None:
        terms["percent"] = int(Decimal(terms["percent"]) * 100)
    return terms


def changed_terms(current: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new values of the `given` terms of a coupon whose `current` terms are values of columns.

    Raises Invalid with pointers to given terms.
    """
    changed = {**current, **given}
    named = ((next((name for name in names if name in given), ""), detail) for names, detail in _breaches(changed))
    errors = _errors(((name, detail) for name, detail in named if name), "")
    changed = _in_units(changed, [name for name in MONEY if name in given], errors, "")
    if errors:
        raise Invalid("Invalid input: see errors.", errors=errors)
    return {name: changed[name] for name in given}


def with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all terms of a new coupon as they are given; only the default of `starts_at` is not set."""
    terms = {**DEFAULTS, **given}
    if terms["funded_by"] is None:
        terms["funded_by"] = FundedBy.PLATFORM if terms["vendor_id"] is None else FundedBy.VENDOR
    if terms["kind"] == Kind.BUY_X_GET_Y and terms["percent"] is None:
        terms["percent"] = "100.00"
    return terms


def shown(name: str, value: Any, currency: str | None) -> Any:
    """Return the JSON value that a response has for a term's value of a column."""
    if value is None:
        return None
    if name in MONEY:
        assert currency is not None
        return to_decimal_string(value, currency)
    if isinstance(value, datetime):
        return write_timestamp(value)
    return value


def _breaches(terms: Mapping[str, Any]) -> Iterator[Breach]:
    kind = Kind(terms["kind"])
    for name in REQUIRED[kind]:
        if terms[name] is None:
            yield (name,), f"Required for {kind}."
    for name in FOREIGN[kind]:
        if terms[name] is not None:
            yield (name,), f"Not for {kind}."
    if terms["currency"] is None:
        needed_by = [name for name in MONEY if terms[name] is not None]
        if needed_by:
            yield ("currency", *needed_by), f"A currency is required with {', '.join(needed_by)}."
    if terms["funded_by"] == FundedBy.VENDOR and terms["vendor_id"] is None:
        yield ("funded_by",), "A coupon that a vendor funds needs a vendor_id."
    if terms["get_product_ids"] is not None:
        if terms["product_ids"] is None:
            yield ("get_product_ids", "product_ids"), "Needs product_ids."
        elif set(terms["get_product_ids"]) & set(terms["product_ids"]):
            yield ("get_product_ids", "product_ids"), "Shares an id with product_ids."
    if terms["ends_at"] is not None and terms["ends_at"] <= terms["starts_at"]:
        yield ("ends_at", "starts_at"), "ends_at must be later than starts_at."


def _in_units(
    terms: dict[str, Any], names: Collection[str], errors: list[dict[str, str]], place: str
) -> dict[str, Any]:
    """Return the terms with these amounts in minor units of their currency; add to `errors` those that are no amounts of it."""
    currency = terms["currency"]
    if currency is None:
        return terms
    units = dict(terms)
    for name in names:
        if terms[name] is not None:
            try:
                units[name] = _minor(terms[name], currency)
            except ValueError as error:
                errors += _errors([(name, str(error))], place)
    return units


def _minor(text: str, currency: str) -> int:
    """Return the minor units of a decimal string. Raises ValueError unless it is an amount of the currency above 0."""
    amount, decimals = Decimal(text), DECIMALS[currency]
    if len(text.partition(".")[2]) > decimals:
        raise ValueError(f"{currency} has {decimals} decimals.")
    minor = int(amount.scaleb(decimals))
    if not 0 < minor <= MAX_MINOR:
        raise ValueError(f"Not above 0 and at most {to_decimal(MAX_MINOR, currency)}.")
    return minor


def _errors(refused: Iterator[tuple[str, str]] | Collection[tuple[str, str]], place: str) -> list[dict[str, str]]:
    return [{"pointer": f"{place}/{name}", "code": "invalid", "detail": detail} for name, detail in refused]
