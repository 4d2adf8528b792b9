"""Reading coupons, their redemptions and their history. `visible_to` decides what a caller finds."""

import uuid
from collections.abc import Sequence
from typing import Any

from orders.coupons.models import Coupon, CouponEvent
from orders.coupons.records import CouponRow, EventRow, coupon_rows
from orders.domain.callers import Caller
from orders.domain.errors import NotFound


def read_coupon(*, caller: Caller, code: str) -> CouponRow:
    """Return the coupon with this code, in capitals. Raises NotFound."""
    found = coupon_rows(Coupon.objects.visible_to(caller).filter(code=code))
    if not found:
        raise NotFound()
    return found[0]


def ensure_coupon_visible(*, caller: Caller, code: str) -> uuid.UUID:
    """Raise NotFound unless a coupon with this code is visible to this caller; return its id."""
    coupon_id = Coupon.objects.visible_to(caller).filter(code=code).values_list("id", flat=True).first()
    if coupon_id is None:
        raise NotFound()
    return coupon_id


def coupon_history(*, caller: Caller, code: str) -> Sequence[EventRow]:
    """Return the coupon's history, oldest first. Raises NotFound."""
    events: Any = CouponEvent.objects.filter(coupon_id=ensure_coupon_visible(caller=caller, code=code))
    return [EventRow(*values) for values in events.order_by("sequence").values_list(*EventRow._fields)]
