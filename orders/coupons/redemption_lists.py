"""The list of a coupon's redemptions, newest first. A page is read from an index, one part for each status of the filter."""

from typing import Any

from orders.coupons.models import CouponRedemption
from orders.coupons.records import RedemptionRow
from orders.coupons.services.reading import ensure_coupon_visible
from orders.domain.callers import Caller
from orders.store.paging import Page, PageRequest, from_position, page_of

NEWEST = "-reserved_at"


def list_redemptions(caller: Caller, code: str, request: PageRequest) -> Page[RedemptionRow]:
    """Return a page of the redemptions of the coupon with this code. Raises NotFound."""
    redemptions = CouponRedemption.objects.filter(coupon_id=ensure_coupon_visible(caller=caller, code=code))
    statuses = request.filters.get("status")
    parts = [redemptions.filter(status=status) for status in statuses] if statuses else [redemptions]
    found: list[RedemptionRow] = []
    for part in parts:
        rows: Any = from_position(part, request).values_list(*RedemptionRow._fields)
        found += [RedemptionRow(*values) for values in rows[: request.limit + 1]]
    found.sort(key=_sort_key, reverse=not request.backwards)
    return page_of(found[: request.limit + 1], request, sort_key=lambda row, _: _sort_key(row))


def _sort_key(row: RedemptionRow) -> Any:
    return row.reserved_at, row.id
