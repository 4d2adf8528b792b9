"""The coupons that a quote or a checkout names, before stock is reserved: reasons 1 to 7 of the contract (coupons, "Refusal").

Nothing is locked: whether a use is left is decided again when the order is written (`orders.coupons.redemptions`). One
statement reads everything, for each checkout with a code runs it (docs/decisions.md).
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from orders.coupons.codes import CODE
from orders.coupons.rules import FundedBy, Kind, RedeemableCoupon, Terms
from orders.coupons.states import is_used_up
from orders.domain.errors import CouponUnavailable
from orders.domain.lifecycle import TERMINATED

IS_CODE = re.compile(CODE)


class _Found(NamedTuple):
    """A coupon that is active and has begun, its uses, and those of one customer."""

    id: UUID
    code: str
    kind: str
    funded_by: str
    percent: int | None
    amount: int | None
    buy_quantity: int | None
    get_quantity: int | None
    currency: str | None
    vendor_id: str | None
    product_ids: Sequence[str] | None
    get_product_ids: Sequence[str] | None
    minimum_spend: int | None
    maximum_discount: int | None
    stackable: bool
    usage_limit: int | None
    budget: int | None
    times_used: int
    amount_used: int
    has_ended: bool | None
    is_at_customer_limit: bool | None
    is_no_first_order: bool


# Inactive coupons and those that have not begun are left out: to customers they are unknown.
_FIND = """
    SELECT c.id, c.code, c.kind, c.funded_by, c.percent, c.amount, c.buy_quantity, c.get_quantity, c.currency, c.vendor_id,
        c.product_ids, c.get_product_ids, c.minimum_spend, c.maximum_discount, c.stackable, c.usage_limit, c.budget,
        u.times_used, u.amount_used, c.ends_at <= statement_timestamp(),
        CASE WHEN c.per_customer_limit IS NOT NULL THEN c.per_customer_limit <= (
            SELECT count(*) FROM coupon_redemptions r
            WHERE r.coupon_id = c.id AND r.customer_id = %(customer_id)s AND r.status <> 'released') END,
        c.first_order_only AND EXISTS (
            SELECT FROM orders o WHERE o.customer_id = %(customer_id)s AND o.status <> ALL(%(terminated)s))
    FROM coupons c JOIN coupon_usage u ON u.coupon_id = c.id
    WHERE c.code = ANY(%(codes)s) AND c.deleted_at IS NULL AND c.is_active AND c.starts_at <= statement_timestamp()"""


def find_redeemable(*, codes: Sequence[str], customer_id: str, currency: str) -> list[RedeemableCoupon]:
    """Return the coupons of `codes`, which are in capitals, in the order of their application.

    Raises CouponUnavailable with the first reason of the first code that this customer cannot use in a cart of `currency`.
    """
    found = {coupon.code: coupon for coupon in _find(codes, customer_id)}
    for code in codes:
        if reason := _refusal(found.get(code), currency, len(codes)):
            raise CouponUnavailable(code, reason)
    return sorted((_redeemable(coupon, currency) for coupon in found.values()), key=lambda each: each.terms.rank)


def _find(codes: Sequence[str], customer_id: str) -> list[_Found]:
    parameters: dict[str, Any] = {
        "codes": [code for code in codes if IS_CODE.fullmatch(code)],
        "customer_id": customer_id,
        "terminated": [*TERMINATED],
    }
    with connection.cursor() as cursor:
        cursor.execute(_FIND, parameters)
        return [_Found(*row) for row in cursor.fetchall()]


def _refusal(coupon: _Found | None, currency: str, named: int) -> str | None:
    """Return the first of the reasons 1 to 7 that applies."""
    if coupon is None:
        return "unknown"
    if coupon.has_ended:
        return "expired"
    if is_used_up(coupon.usage_limit, coupon.times_used, coupon.budget, coupon.amount_used):
        return "used_up"
    if coupon.is_at_customer_limit:
        return "customer_limit"
    if coupon.is_no_first_order:
        return "first_order_only"
    if coupon.currency not in (None, currency):
        return "currency"
    if named > 1 and not coupon.stackable:
        return "not_stackable"
    return None


def _redeemable(coupon: _Found, currency: str) -> RedeemableCoupon:
    terms = Terms(
        code=coupon.code,
        kind=Kind(coupon.kind),
        funded_by=FundedBy(coupon.funded_by),
        percent=coupon.percent or 0,
        amount=coupon.amount or 0,
        buy_quantity=coupon.buy_quantity or 0,
        get_quantity=coupon.get_quantity or 0,
        vendor_id=coupon.vendor_id,
        product_ids=_ids(coupon.product_ids),
        get_product_ids=_ids(coupon.get_product_ids),
        maximum_discount=coupon.maximum_discount,
    )
    return RedeemableCoupon(
        coupon_id=coupon.id,
        terms=terms,
        currency=currency,
        minimum_spend=coupon.minimum_spend,
        budget_left=None if coupon.budget is None else coupon.budget - coupon.amount_used,
    )


def _ids(product_ids: Sequence[str] | None) -> frozenset[str] | None:
    return None if product_ids is None else frozenset(product_ids)
