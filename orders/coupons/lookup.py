"""The coupons that a quote or a checkout names, before stock is reserved: reasons 1 to 7 of the contract (coupons, "Refusal").

Nothing is locked: whether a use is left is decided again when the order is written (`orders.coupons.redemptions`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Count, ExpressionWrapper, Q
from django.db.models.functions import Now

from orders.coupons.models import Coupon, CouponRedemption
from orders.coupons.rules import FundedBy, Kind, RedeemableCoupon, Terms
from orders.domain.errors import CouponUnavailable
from orders.domain.lifecycle import TERMINATED
from orders.store.models import Order

CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{2,49}")
"""The form of a code, in capitals."""


def find_redeemable(*, codes: Sequence[str], customer_id: str, currency: str) -> list[RedeemableCoupon]:
    """Return the coupons of `codes`, which are in capitals, in the order of their application.

    Raises CouponUnavailable with the first reason of the first code that this customer cannot use in a cart of `currency`.
    """
    found = {
        coupon.code: coupon for coupon in _usable().filter(code__in=[code for code in codes if CODE.fullmatch(code)])
    }
    uses = uses_by_customer(found.values(), [customer_id])
    for code in codes:
        if reason := _refusal(found.get(code), uses, customer_id, currency, len(codes)):
            raise CouponUnavailable(code, reason)
    return sorted((_redeemable(coupon, currency) for coupon in found.values()), key=lambda each: each.terms.rank)


def uses_by_customer(coupons: Iterable[Coupon], customer_ids: Iterable[str]) -> Mapping[tuple[UUID, str], int]:
    """Return how often each customer uses each coupon that has a limit for it, by coupon and customer."""
    limited = [coupon.id for coupon in coupons if coupon.per_customer_limit is not None]
    if not limited:
        return {}
    uses = CouponRedemption.objects.filter(coupon_id__in=limited, customer_id__in=customer_ids)
    counts = uses.exclude(status=CouponRedemption.Status.RELEASED).values_list("coupon_id", "customer_id")
    return {(coupon_id, customer): uses for coupon_id, customer, uses in counts.annotate(Count("id"))}


def customers_with_orders(customer_ids: Iterable[str]) -> set[str]:
    """Return the customers among these with an order that is neither cancelled nor expired."""
    orders = Order.objects.filter(customer_id__in=customer_ids).exclude(status__in=TERMINATED)
    return set(orders.values_list("customer_id", flat=True).distinct())


def _usable() -> Any:
    """Return the coupons that are active and have begun: the others are unknown to customers."""
    has_ended = ExpressionWrapper(Q(ends_at__lte=Now(), ends_at__isnull=False), output_field=BooleanField())
    coupons = Coupon.objects.filter(deleted_at=None, is_active=True, starts_at__lte=Now())
    return coupons.select_related("usage").annotate(has_ended=has_ended)


def _refusal(
    coupon: Any, uses: Mapping[tuple[UUID, str], int], customer_id: str, currency: str, named: int
) -> str | None:
    """Return the first of the reasons 1 to 7 that applies."""
    if coupon is None:
        return "unknown"
    if coupon.has_ended:
        return "expired"
    if is_used_up(coupon, coupon.usage.times_used, coupon.usage.amount_used):
        return "used_up"
    if coupon.per_customer_limit is not None and uses.get((coupon.id, customer_id), 0) >= coupon.per_customer_limit:
        return "customer_limit"
    if coupon.first_order_only and customers_with_orders([customer_id]):
        return "first_order_only"
    if coupon.currency not in (None, currency):
        return "currency"
    if named > 1 and not coupon.stackable:
        return "not_stackable"
    return None


def is_used_up(coupon: Coupon, times_used: int, amount_used: int) -> bool:
    """Return whether the coupon's usage limit is reached or its budget spent."""
    return (coupon.usage_limit is not None and times_used >= coupon.usage_limit) or (
        coupon.budget is not None and amount_used >= coupon.budget
    )


def _redeemable(coupon: Coupon, currency: str) -> RedeemableCoupon:
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
        budget_left=None if coupon.budget is None else coupon.budget - coupon.usage.amount_used,
    )


def _ids(product_ids: Sequence[str] | None) -> frozenset[str] | None:
    return None if product_ids is None else frozenset(product_ids)
