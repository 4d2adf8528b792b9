"""The rows of coupons, redemptions and batches as they are read: plain values, without the cost of a model's instance."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.db.models.functions import Now

from orders.coupons.models import Coupon
from orders.coupons.states import State, state_at


class CouponRow(NamedTuple):
    """A coupon, its uses, and the time of the reading by the database's clock."""

    id: uuid.UUID
    code: str
    kind: str
    percent: int | None
    amount: int | None
    buy_quantity: int | None
    get_quantity: int | None
    currency: str | None
    vendor_id: str | None
    product_ids: Sequence[str] | None
    get_product_ids: Sequence[str] | None
    funded_by: str
    minimum_spend: int | None
    maximum_discount: int | None
    first_order_only: bool
    stackable: bool
    usage_limit: int | None
    per_customer_limit: int | None
    budget: int | None
    starts_at: datetime
    ends_at: datetime | None
    is_active: bool
    name: str
    batch_id: uuid.UUID | None
    version: int
    created_at: datetime
    updated_at: datetime
    usage__times_used: int
    usage__amount_used: int
    now: datetime

    @property
    def state(self) -> State:
        """Return the coupon's state at the time of the reading."""
        return state_at(
            self.now,
            is_active=self.is_active,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            usage_limit=self.usage_limit,
            times_used=self.usage__times_used,
            budget=self.budget,
            amount_used=self.usage__amount_used,
        )


def coupon_rows(coupons: QuerySet[Coupon]) -> list[CouponRow]:
    """Return these coupons with their uses and the database's time."""
    rows: Any = coupons.annotate(now=Now()).values_list(*CouponRow._fields)
    return [CouponRow(*values) for values in rows]


class RedemptionRow(NamedTuple):
    """A use of a coupon by an order."""

    id: uuid.UUID
    order_id: uuid.UUID
    order__number: str
    customer_id: str
    vendor_order_id: uuid.UUID | None
    discount: int
    currency: str
    status: str
    reserved_at: datetime
    redeemed_at: datetime | None
    released_at: datetime | None


class EventRow(NamedTuple):
    """An entry of a coupon's history."""

    sequence: int
    type: str
    actor_role: str
    actor_id: str
    at: datetime
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch of coupons and the uses of all of them."""

    id: uuid.UUID
    count: int
    prefix: str
    name: str
    created_at: datetime
    times_used: int
