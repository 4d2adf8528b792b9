"""Filters of the lists of coupons; `orders.coupons.lists` has their conditions."""

from orders.coupons.api.serializers import FUNDERS, KINDS, STATUSES
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
    kind = ChoicesFilter(KINDS, "CouponKind")
    is_active = BooleanFilter("The field of this name; `state` tells more.")
    batch_id = IdentifierFilter("Of this batch.")


class AdminCouponFilterSet(CouponFilterSet):
    """Coupons, for admins."""

    vendor_id = TextFilter("For admins only.")
    funded_by = ChoicesFilter(FUNDERS, "FundedBy", "For admins only. ")


class RedemptionFilterSet(ListFilterSet):
    """Redemptions of a coupon."""

    status = ChoicesFilter(STATUSES, "RedemptionStatus")
