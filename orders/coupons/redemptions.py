"""The uses of coupons: taken in the transaction that writes the order, given back when the whole order ends unfulfilled.

A use locks the coupon's row of `coupon_usage`, so the limits are compared with the exact number of uses. Orders with coupons
are written in batches, as all orders are: a batch locks each row once and updates it once, so that the uses of one code do
not wait for each other's commits. Orders without a coupon never get here.

Locks are taken in one order everywhere: customers with a coupon for first orders, rows of `coupon_usage` by coupon, orders.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F

from orders.coupons.models import Coupon, CouponRedemption, CouponUsage
from orders.coupons.states import is_used_up
from orders.domain.errors import CouponUnavailable
from orders.domain.ids import ids_of_parts
from orders.domain.lifecycle import TERMINATED, OrderStatus
from orders.domain.records import AppliedCoupon
from orders.store.models import Order
from orders.store.order_writer import NewOrder, Outcome, insert, move

RESERVED, REDEEMED, RELEASED = CouponRedemption.Status


class _Allotments:
    """What is left of the coupons of a batch, while it is written. The rows of `coupon_usage` are locked."""

    def __init__(self, batch: Sequence[NewOrder]) -> None:
        customers = {new.order.customer_id for new in batch}
        ids = {applied.coupon_id for new in batch for applied in new.order.coupons}
        self._coupons = {coupon.id: coupon for coupon in Coupon.objects.filter(id__in=ids)}
        first_orders = [new.order.customer_id for new in batch if self._first_order_only(new)]
        _lock_customers(first_orders)
        self._usage = lock_usage(ids)
        limited = [coupon.id for coupon in self._coupons.values() if coupon.per_customer_limit is not None]
        self._uses = _uses_by_customer(limited, customers) if limited else Counter()
        self._with_orders = Counter(_customers_with_orders(first_orders) if first_orders else ())

    def take(self, new: NewOrder) -> CouponUnavailable | None:
        """Take the uses of this order; return the refusal, having taken none, when one is not left."""
        for applied in new.order.coupons:
            if reason := self._refusal(applied, new.order.customer_id):
                return CouponUnavailable(applied.code, reason)
        self._count(new, 1)
        return None

    def give_back(self, new: NewOrder) -> None:
        """Give the uses of an order that was not written to the other orders of the batch."""
        self._count(new, -1)

    def save(self) -> None:
        """Write the new numbers of uses."""
        for usage in self._usage.values():
            usage.save(update_fields=["times_used", "amount_used"])

    def _refusal(self, applied: AppliedCoupon, customer_id: str) -> str | None:
        coupon, usage = self._coupons[applied.coupon_id], self._usage[applied.coupon_id]
        if is_used_up(coupon.usage_limit, usage.times_used, coupon.budget, usage.amount_used):
            return "used_up"
        limit = coupon.per_customer_limit
        if limit is not None and self._uses[coupon.id, customer_id] >= limit:
            return "customer_limit"
        if coupon.first_order_only and self._with_orders[customer_id]:
            return "first_order_only"
        if coupon.budget is not None and usage.amount_used + applied.discount > coupon.budget:
            return "used_up"
        return None

    def _count(self, new: NewOrder, uses: int) -> None:
        for applied in new.order.coupons:
            coupon, usage = self._coupons[applied.coupon_id], self._usage[applied.coupon_id]
            usage.times_used += uses
            usage.amount_used += uses * applied.discount if coupon.currency else 0
            self._uses[coupon.id, new.order.customer_id] += uses
        if self._first_order_only(new):
            self._with_orders[new.order.customer_id] += uses

    def _first_order_only(self, new: NewOrder) -> bool:
        return any(self._coupons[applied.coupon_id].first_order_only for applied in new.order.coupons)


def insert_with_coupons(batch: Sequence[NewOrder]) -> list[Outcome]:
    """Insert the orders of `batch` with their uses, in one transaction; return an outcome for each.

    An order is refused with CouponUnavailable when no use is left for it. An order that conflicts with another one takes no
    use: its uses are given to orders of the batch that would be refused otherwise.
    """
    with transaction.atomic():
        written, refusals = _insert_while_uses_are_left(batch)
    move(batch, written)
    return [refusals.get(new.order.id) or new.order.id in written for new in batch]


def _insert_while_uses_are_left(
    batch: Sequence[NewOrder],
) -> tuple[Mapping[UUID, timedelta], Mapping[UUID, CouponUnavailable]]:
    allotments = _Allotments(batch)
    written: dict[UUID, timedelta] = {}
    rest = list(batch)
    while True:
        refusals = {new.order.id: refusal for new in rest if (refusal := allotments.take(new))}
        chosen = [new for new in rest if new.order.id not in refusals]
        inserted = insert(chosen)
        written |= inserted
        conflicting = [new for new in chosen if new.order.id not in inserted]
        for new in conflicting:
            allotments.give_back(new)
        rest = [new for new in rest if new.order.id in refusals]
        if not (conflicting and rest):
            break
    allotments.save()
    CouponRedemption.objects.bulk_create(
        redemption
        for new in batch
        if new.order.id in written
        for redemption in _redemptions(new, written[new.order.id])
    )
    return written, refusals


def _redemptions(new: NewOrder, difference: timedelta) -> Iterable[CouponRedemption]:
    order = new.order
    at, is_confirmed = order.created_at + difference, order.status == OrderStatus.CONFIRMED
    parts = {part.vendor_id: part.id for part in new.vendor_orders}
    for id_, applied in zip(ids_of_parts(order.id, len(order.coupons)), order.coupons, strict=True):
        yield CouponRedemption(
            id=id_,
            coupon_id=applied.coupon_id,
            order_id=order.id,
            vendor_order_id=applied.vendor_id and parts[applied.vendor_id],
            customer_id=order.customer_id,
            discount=applied.discount,
            currency=order.currency,
            status=REDEEMED if is_confirmed else RESERVED,
            reserved_at=at,
            redeemed_at=at if is_confirmed else None,
        )


def redeem(*, order_id: UUID, at: datetime) -> None:
    """Mark the uses of a confirmed order as redeemed."""
    CouponRedemption.objects.filter(order_id=order_id, status=RESERVED).update(status=REDEEMED, redeemed_at=at)


def release(*, order_id: UUID, at: datetime) -> None:
    """Release the uses of an order that ended cancelled or expired, before its row is updated."""
    uses = list(CouponRedemption.objects.filter(order_id=order_id).exclude(status=RELEASED).select_related("coupon"))
    lock_usage(use.coupon_id for use in uses)
    for use in uses:
        CouponUsage.objects.filter(coupon_id=use.coupon_id).update(
            times_used=F("times_used") - 1,
            amount_used=F("amount_used") - (use.discount if use.coupon.currency else 0),
        )
    CouponRedemption.objects.filter(id__in=[use.id for use in uses]).update(status=RELEASED, released_at=at)


def lock_usage(coupon_ids: Iterable[UUID]) -> dict[UUID, CouponUsage]:
    """Return the usage of these coupons, locked until the transaction ends."""
    rows = CouponUsage.objects.filter(coupon_id__in=list(coupon_ids)).order_by("coupon_id")
    return {usage.coupon_id: usage for usage in rows.select_for_update()}


def _uses_by_customer(coupon_ids: Iterable[UUID], customer_ids: Iterable[str]) -> Counter[tuple[UUID, str]]:
    """Count the uses of each of these coupons by each of these customers."""
    uses = CouponRedemption.objects.filter(coupon_id__in=coupon_ids, customer_id__in=customer_ids)
    found = uses.exclude(status=RELEASED).values_list("coupon_id", "customer_id").annotate(Count("id"))
    return Counter({(coupon_id, customer_id): uses for coupon_id, customer_id, uses in found})


def _customers_with_orders(customer_ids: Iterable[str]) -> set[str]:
    """Return the customers among these with an order that is neither cancelled nor expired."""
    orders = Order.objects.filter(customer_id__in=customer_ids).exclude(status__in=TERMINATED)
    return set(orders.values_list("customer_id", flat=True).distinct())


def _lock_customers(customer_ids: Iterable[str]) -> None:
    """Let one transaction at a time decide on the first order of each of these customers, who may have no row yet."""
    with connection.cursor() as cursor:
        for customer_id in sorted(set(customer_ids)):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"first order of {customer_id}"])
