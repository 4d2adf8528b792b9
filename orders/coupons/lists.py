"""Lists of coupons: filtered, in an ordering, a page at a time. The cost of a page is bounded for any number of coupons.

The candidates for a page are read in one of three ways (docs/decisions.md); `visible_to` and all filters then decide:

- a filter whose index does not have the ordering leaves at most SCAN_LIMIT coupons: all of them;
- an index has exactly the matching coupons in the ordering: the first ones;
- else: SCAN_LIMIT coupons along the ordering, and the next page continues after them.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Q, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThanOrEqual, TupleLessThanOrEqual

from orders.coupons.codes import in_capitals
from orders.coupons.models import Coupon
from orders.coupons.records import CouponRow, coupon_rows
from orders.coupons.rules import FundedBy
from orders.domain.callers import Caller
from orders.store.list_query import EqualsAny, by_index
from orders.store.paging import Page, PageRequest, both_ways, from_position, page_of

ORDERINGS = both_ways("created_at", "code")

SCAN_LIMIT = 10_000
"""The maximum number of coupons that are read for one page: a batch has no more."""

_AFTER_CODES = "~"
"""A character after those of codes: the codes that begin with a text are between it and the text followed by this one."""


class CouponList:
    """A list of the coupons that are visible to a caller and match the filters."""

    def __init__(self, caller: Caller, request: PageRequest) -> None:
        self.request = request
        filters = dict(request.filters)
        self.matching = Coupon.objects.visible_to(caller)
        for name, value in filters.items():
            self.matching = self.matching.filter(_condition(name, value))
        self._prefix = filters.pop("q", None)
        self._batch_id = filters.pop("batch_id", None)
        self._vendor_id = caller.vendor_id if caller.role == "vendor" else filters.pop("vendor_id", None)
        self._is_funded = caller.role == "vendor"
        if self._vendor_id is not None and filters.get("funded_by") == [FundedBy.VENDOR]:
            self._is_funded = bool(filters.pop("funded_by"))
        self._others = filters

    def page(self) -> Page[CouponRow]:
        """Return the requested page."""
        if (few := self._few()) is not None:
            return self._page_among(few[: 2 * SCAN_LIMIT])
        along = self._along_ordering()
        if not self._others and (self._prefix is None or self._by_code):
            return self._page_among(along[: self.request.limit + 1])
        return self._scan(along)

    @property
    def _by_code(self) -> bool:
        return self.request.column == "code"

    @property
    def _owned(self) -> QuerySet[Coupon]:
        """Return the vendor's coupons where there is one, in no order."""
        coupons = Coupon.objects.filter(deleted_at=None)
        if self._vendor_id is not None:
            coupons = coupons.filter(vendor_id=self._vendor_id)
        return coupons.filter(funded_by=FundedBy.VENDOR) if self._is_funded else coupons

    def _few(self) -> QuerySet[Coupon] | None:
        """Return all coupons that such a filter leaves, if they are few; else None."""
        for coupons in self._left_by_filters():
            if not coupons[SCAN_LIMIT:].exists():
                return coupons
        return None

    def _left_by_filters(self) -> Iterator[QuerySet[Coupon]]:
        """Yield the owner's coupons left by each single filter whose index does not have the ordering."""
        if self._batch_id is not None:
            yield self._owned.filter(batch_id=self._batch_id)
        if self._prefix is not None and not self._by_code:
            yield self._owned.filter(_condition("q", self._prefix))
        if self._vendor_id is not None and not self._is_funded and self._by_code:
            yield self._owned

    def _along_ordering(self) -> QuerySet[Coupon]:
        """Return the coupons along the ordering, by the index that has those of the vendor.

        By code, an admin's filter for a vendor has such an index for one funding only; then these are all vendors' coupons.
        """
        coupons: QuerySet[Coupon] = Coupon.objects.filter(deleted_at=None)
        if self._by_code and self._prefix is not None:
            coupons = coupons.filter(_condition("q", self._prefix))
        coupons = from_position(coupons, self.request)
        if self._is_funded:
            coupons = by_index(coupons, "funded_by", FundedBy.VENDOR)
        if self._vendor_id is not None and (self._is_funded or not self._by_code):
            coupons = by_index(coupons, "vendor_id", self._vendor_id)
        return coupons

    def _scan(self, along: QuerySet[Coupon]) -> Page[CouponRow]:
        """Read a page among the next SCAN_LIMIT coupons, whose last one is where the next page continues.

        They are bounded by that coupon, not counted again: others may be created meanwhile.
        """
        column = self.request.sort_column
        end = along.values_list(column, "id")[SCAN_LIMIT - 1 : SCAN_LIMIT].first()
        if end is not None:
            until = (
                TupleGreaterThanOrEqual if self.request.descending != self.request.backwards else TupleLessThanOrEqual
            )
            along = along.filter(until((column, "id"), end))
        return self._page_among(along, end)

    def _page_among(self, candidates: QuerySet[Coupon], scanned_to: Any = None) -> Page[CouponRow]:
        """Return the page of those candidates that match."""
        among = self.matching.filter(EqualsAny(F("id"), ArraySubquery(candidates.values("id"))))
        found = coupon_rows(from_position(among, self.request)[: self.request.limit + 1])
        return page_of(found, self.request, scanned_to, lambda coupon, name: (getattr(coupon, name), coupon.id))


def list_coupons(caller: Caller, request: PageRequest) -> Page[CouponRow]:
    """Return a page of the coupons that are visible to this caller."""
    return CouponList(caller, request).page()


def _condition(name: str, value: Any) -> Q:
    """Return the condition of a filter by its name."""
    if name == "q":
        beginning = in_capitals(value)
        return Q(code__gte=beginning, code__lt=beginning + _AFTER_CODES)
    if name in ("kind", "funded_by"):
        return Q((f"{name}__in", value))
    return Q((name, value))
