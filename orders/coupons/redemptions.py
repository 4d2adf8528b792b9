"""The uses of coupons: taken in the transaction that writes the order, given back when the whole order ends unfulfilled.

A use locks the coupon's row of `coupon_usage`, so the limits are compared with the exact number of uses. Orders with coupons
are written in batches, as all orders are: a batch locks each row once and updates it once, so that the uses of one code do
not wait for each other's commits. Orders without a coupon never get here.

Locks are taken in one order everywhere: rows of `coupon_usage` by coupon, customers of first orders, orders. The statements
of a batch are SQL: Django's queries would hold the lock of a hot code several times as long (docs/decisions.md).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from orders.coupons.models import CouponRedemption, CouponUsage
from orders.coupons.states import is_used_up
from orders.domain.errors import CouponUnavailable
from orders.domain.ids import ids_of_parts
from orders.domain.lifecycle import TERMINATED, OrderStatus
from orders.domain.records import AppliedCoupon
from orders.store.order_writer import NewOrder, Outcome, insert, move

RESERVED, REDEEMED, RELEASED = CouponRedemption.Status

_LOCK = """
    SELECT u.coupon_id, c.usage_limit, c.per_customer_limit, c.budget, c.first_order_only, c.currency IS NOT NULL,
        u.times_used, u.amount_used
    FROM coupon_usage u JOIN coupons c ON c.id = u.coupon_id
    WHERE u.coupon_id = ANY(%s) ORDER BY u.coupon_id FOR UPDATE OF u"""
_LOCK_CUSTOMERS = """
    SELECT pg_advisory_xact_lock(hashtextextended('first order of ' || customer_id, 0))
    FROM unnest(%s::text[]) AS customer_id"""
_USES_OF_CUSTOMERS = """
    SELECT coupon_id, customer_id, count(*) FROM coupon_redemptions
    WHERE coupon_id = ANY(%s) AND customer_id = ANY(%s) AND status <> 'released' GROUP BY coupon_id, customer_id"""
_CUSTOMERS_WITH_ORDERS = """
    SELECT DISTINCT customer_id FROM orders WHERE customer_id = ANY(%s) AND status <> ALL(%s)"""
_SAVE = """
    UPDATE coupon_usage u SET times_used = now.times_used, amount_used = now.amount_used
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS now (coupon_id, times_used, amount_used)
    WHERE u.coupon_id = now.coupon_id"""
_INSERT = """
    INSERT INTO coupon_redemptions
        (id, coupon_id, order_id, vendor_order_id, customer_id, discount, currency, status, reserved_at, redeemed_at)
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::bigint[], %s::text[], %s::text[],
        %s::timestamptz[], %s::timestamptz[])"""


class _Limits(NamedTuple):
    """The limits of a coupon, and its uses when its row was locked."""

    usage_limit: int | None
    per_customer_limit: int | None
    budget: int | None
    first_order_only: bool
    has_currency: bool
    times_used: int
    amount_used: int


class _Allotments:
    """The remaining uses and budgets of a batch's coupons while it is written. The rows of `coupon_usage` are locked."""

    def __init__(self, batch: Sequence[NewOrder]) -> None:
        ids = list({applied.coupon_id for new in batch for applied in new.order.coupons})
        self._limits = {coupon_id: _Limits(*limits) for coupon_id, *limits in _rows(_LOCK, ids)}
        self._times_used = {coupon_id: limits.times_used for coupon_id, limits in self._limits.items()}
        self._amount_used = {coupon_id: limits.amount_used for coupon_id, limits in self._limits.items()}
        self._with_orders = self._lock_first_orders(batch)
        self._uses: Counter[tuple[UUID, str]] = Counter()
        if limited := [coupon_id for coupon_id in ids if self._limits[coupon_id].per_customer_limit is not None]:
            customers = [new.order.customer_id for new in batch]
            for coupon_id, customer_id, uses in _rows(_USES_OF_CUSTOMERS, limited, customers):
                self._uses[coupon_id, customer_id] = uses

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
        ids = list(self._limits)
        amounts = [self._amount_used[coupon_id] for coupon_id in ids]
        _execute(_SAVE, ids, [self._times_used[coupon_id] for coupon_id in ids], amounts)

    def _lock_first_orders(self, batch: Sequence[NewOrder]) -> Counter[str]:
        """Return the customers of first orders that have an order, or will have; one transaction at a time decides on each.

        They may have no row that could be locked.
        """
        customers = sorted({new.order.customer_id for new in batch if self._is_first_order(new)})
        if not customers:
            return Counter()
        _rows(_LOCK_CUSTOMERS, customers)
        return Counter(customer_id for (customer_id,) in _rows(_CUSTOMERS_WITH_ORDERS, customers, [*TERMINATED]))

    def _refusal(self, applied: AppliedCoupon, customer_id: str) -> str | None:
        limits, amount_used = self._limits[applied.coupon_id], self._amount_used[applied.coupon_id]
        if is_used_up(limits.usage_limit, self._times_used[applied.coupon_id], limits.budget, amount_used):
            return "used_up"
        limit = limits.per_customer_limit
        if limit is not None and self._uses[applied.coupon_id, customer_id] >= limit:
            return "customer_limit"
        if limits.first_order_only and self._with_orders[customer_id]:
            return "first_order_only"
        if limits.budget is not None and amount_used + applied.discount > limits.budget:
            return "used_up"
        return None

    def _count(self, new: NewOrder, uses: int) -> None:
        for applied in new.order.coupons:
            self._times_used[applied.coupon_id] += uses
            if self._limits[applied.coupon_id].has_currency:
                self._amount_used[applied.coupon_id] += uses * applied.discount
            self._uses[applied.coupon_id, new.order.customer_id] += uses
        if self._is_first_order(new):
            self._with_orders[new.order.customer_id] += uses

    def _is_first_order(self, new: NewOrder) -> bool:
        return any(self._limits[applied.coupon_id].first_order_only for applied in new.order.coupons)


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
    redemptions = [row for new in batch if new.order.id in written for row in _redemptions(new, written[new.order.id])]
    if redemptions:
        allotments.save()
        _execute(_INSERT, *(list(column) for column in zip(*redemptions, strict=True)))
    return written, refusals


def _redemptions(new: NewOrder, difference: timedelta) -> Iterator[tuple[Any, ...]]:
    order = new.order
    at, is_confirmed = order.created_at + difference, order.status == OrderStatus.CONFIRMED
    status, redeemed_at = (REDEEMED, at) if is_confirmed else (RESERVED, None)
    parts = {part.vendor_id: part.id for part in new.vendor_orders}
    for id_, applied in zip(ids_of_parts(order.id, len(order.coupons)), order.coupons, strict=True):
        part = applied.vendor_id and parts[applied.vendor_id]
        of_order = (order.id, part, order.customer_id, applied.discount, order.currency)
        yield (id_, applied.coupon_id, *of_order, str(status), at, redeemed_at)


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


def lock_usage(coupon_ids: Iterable[UUID]) -> None:
    """Lock the uses of these coupons until the transaction ends, in the order in which a checkout locks them."""
    if ids := list(coupon_ids):
        _rows(_LOCK, ids)


def _rows(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _execute(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
