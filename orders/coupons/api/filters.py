"""Filters of the lists of coupons; `orders.coupons.lists` has their conditions."""

from orders.coupons.models import CouponRedemption
from orders.coupons.rules import FundedBy, Kind
from orders.http.filters import (
    BooleanFilter,
    ChoicesFilter,
    IdentifierFilter,
    ListFilterSet,
    TextFilter,
)


class CouponFilterSet(ListFilterSet):
    """Coupons, for vendors."""

    q = TextFilter("The beginning of the code, in any case.")
    kind = ChoicesFilter(list(Kind), "CouponKind")
    is_active = BooleanFilter("The field of this name; `state` tells more.")
    batch_id = IdentifierFilter("Of this batch.")


class AdminCouponFilterSet(CouponFilterSet):
    """Coupons, for admins."""

    vendor_id = TextFilter("For admins only.")
    funded_by = ChoicesFilter(list(FundedBy), "FundedBy", "For admins only. ")


class RedemptionFilterSet(ListFilterSet):
    """Redemptions of a coupon."""

    status = ChoicesFilter(list(CouponRedemption.Status), "RedemptionStatus")
