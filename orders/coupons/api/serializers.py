"""Coupons, their redemptions, history and batches: responses."""

# mypy: disable-error-code="override"
# Each to_representation takes the data of its own response (orders.http.serializers.Output).

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from orders.coupons.history import EVENT_TYPES
from orders.coupons.models import CouponRedemption
from orders.coupons.records import BatchRow, CouponRow, EventRow, RedemptionRow
from orders.coupons.rules import FundedBy, Kind
from orders.coupons.states import State
from orders.domain.callers import Role
from orders.domain.money import to_decimal_string
from orders.http.serializers import Output, PageOutput, money

MANAGERS: list[Role] = ["vendor", "admin"]


def _amount(help_text: str = "") -> serializers.RegexField:
    return money(help_text, allow_null=True)


class CouponSerializer(Output):
    """A coupon: a code, its terms and its uses."""

    code = serializers.RegexField("^[A-Z0-9][A-Z0-9_-]{2,49}$")
    kind = serializers.ChoiceField(list(Kind))
    percent = serializers.RegexField(r"^[0-9]{1,3}\.[0-9]{2}$", allow_null=True)
    amount = _amount("Of `fixed_amount`.")
    buy_quantity = serializers.IntegerField(min_value=1, allow_null=True)
    get_quantity = serializers.IntegerField(min_value=1, allow_null=True)
    currency = serializers.RegexField(
        r"^[A-Z]{3}$", allow_null=True, help_text="Good only for carts in it; null: for any."
    )
    vendor_id = serializers.CharField(allow_null=True, help_text="Only this vendor's items are eligible.")
    product_ids = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Only these products are eligible."
    )
    get_product_ids = serializers.ListField(child=serializers.CharField(), allow_null=True)
    funded_by = serializers.ChoiceField(list(FundedBy), help_text="Who bears the discount.")
    minimum_spend = _amount()
    maximum_discount = _amount("The most it takes off one order.")
    first_order_only = serializers.BooleanField()
    stackable = serializers.BooleanField(help_text="May be used together with other coupons.")
    usage_limit = serializers.IntegerField(min_value=1, allow_null=True, help_text="Uses in all.")
    per_customer_limit = serializers.IntegerField(min_value=1, allow_null=True, help_text="Uses of one customer.")
    budget = _amount("The most it takes off all orders together.")
    starts_at = serializers.DateTimeField(help_text="Inclusive.")
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Exclusive.")
    is_active = serializers.BooleanField()
    name = serializers.CharField(allow_blank=True)
    id = serializers.UUIDField()
    times_used = serializers.IntegerField(
        min_value=0, help_text="Orders that use it and are neither cancelled nor expired."
    )
    amount_used = _amount("What it has taken off these orders; null without a `currency`.")
    state = serializers.ChoiceField(
        list(State), help_text="The first that holds of `disabled`, `expired`, `scheduled`, `used_up`, else `active`."
    )
    batch_id = serializers.UUIDField(allow_null=True)
    version = serializers.IntegerField(
        min_value=1, help_text="Increases with every change of the terms; also its `ETag`. Uses do not change it."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    @staticmethod
    def to_representation(row: CouponRow) -> dict[str, Any]:
        currency = row.currency

        def amount(minor: int | None) -> str | None:
            return None if minor is None or currency is None else to_decimal_string(minor, currency)

        return {
            "code": row.code,
            "kind": row.kind,
            "percent": None if row.percent is None else f"{row.percent // 100}.{row.percent % 100:02}",
            "amount": amount(row.amount),
            "buy_quantity": row.buy_quantity,
            "get_quantity": row.get_quantity,
            "currency": currency,
            "vendor_id": row.vendor_id,
            "product_ids": row.product_ids,
            "get_product_ids": row.get_product_ids,
            "funded_by": row.funded_by,
            "minimum_spend": amount(row.minimum_spend),
            "maximum_discount": amount(row.maximum_discount),
            "first_order_only": row.first_order_only,
            "stackable": row.stackable,
            "usage_limit": row.usage_limit,
            "per_customer_limit": row.per_customer_limit,
            "budget": amount(row.budget),
            "starts_at": row.starts_at,
            "ends_at": row.ends_at,
            "is_active": row.is_active,
            "name": row.name,
            "id": row.id,
            "times_used": row.usage__times_used,
            "amount_used": amount(row.usage__amount_used),
            "state": row.state,
            "batch_id": row.batch_id,
            "version": row.version,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }


class CouponPageSerializer(PageOutput):
    """A page of coupons."""

    results = CouponSerializer(many=True)


class RedemptionSerializer(Output):
    """The use of a coupon by an order."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    order_number = serializers.RegexField(r"^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$")
    customer_id = serializers.CharField(required=False, help_text="For admins only.")
    vendor_order_id = serializers.UUIDField(
        allow_null=True, help_text="The vendor order of the coupon's vendor; null for a coupon without one."
    )
    discount = money("What it takes off the order.")
    currency = serializers.RegexField(r"^[A-Z]{3}$", help_text="ISO 4217.")
    status = serializers.ChoiceField(
        list(CouponRedemption.Status),
        help_text="`reserved` → `redeemed` once the order confirms; `released` when it is cancelled or expires.",
    )
    reserved_at = serializers.DateTimeField()
    redeemed_at = serializers.DateTimeField(allow_null=True)
    released_at = serializers.DateTimeField(allow_null=True)

    @staticmethod
    def to_representation(row: RedemptionRow, role: Role) -> dict[str, Any]:
        """Return the redemption as shown to this role."""
        body = {
            "id": row.id,
            "order_id": row.order_id,
            "order_number": row.order__number,
            "customer_id": row.customer_id,
            "vendor_order_id": row.vendor_order_id,
            "discount": to_decimal_string(row.discount, row.currency),
            "currency": row.currency,
            "status": row.status,
            "reserved_at": row.reserved_at,
            "redeemed_at": row.redeemed_at,
            "released_at": row.released_at,
        }
        if role != "admin":
            del body["customer_id"]
        return body


class RedemptionPageSerializer(PageOutput):
    """A page of redemptions."""

    results = RedemptionSerializer(many=True)


class CouponEventSerializer(Output):
    """An entry of a coupon's history."""

    sequence = serializers.IntegerField(min_value=1, help_text="1, 2, 3 … within the coupon.")
    type = serializers.ChoiceField(list(EVENT_TYPES))
    actor_role = serializers.ChoiceField(MANAGERS)
    actor_id = serializers.CharField(required=False, help_text="For admins only.")
    at = serializers.DateTimeField()
    changes = serializers.DictField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True), min_length=2, max_length=2),
        help_text="By field: the old and the new value.",
    )

    @staticmethod
    def to_representation(row: EventRow, role: Role) -> dict[str, Any]:
        """Return the entry as shown to this role."""
        body = {
            "sequence": row.sequence,
            "type": row.type,
            "actor_role": row.actor_role,
            "at": row.at,
            "changes": row.changes,
        }
        if role == "admin":
            body["actor_id"] = row.actor_id
        return body


class CouponHistorySerializer(Output):
    """The history of a coupon, oldest entry first."""

    results = CouponEventSerializer(many=True)

    @staticmethod
    def to_representation(rows: Sequence[EventRow], role: Role) -> dict[str, Any]:
        return {"results": [CouponEventSerializer.to_representation(row, role) for row in rows]}


class CouponBatchSerializer(Output):
    """A batch of coupons of the same terms."""

    id = serializers.UUIDField()
    count = serializers.IntegerField(min_value=1)
    prefix = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    times_used = serializers.IntegerField(min_value=0, help_text="The uses of all of its coupons.")
    created_at = serializers.DateTimeField()

    @staticmethod
    def to_representation(row: BatchRow) -> dict[str, Any]:
        return {
            "id": row.id,
            "count": row.count,
            "prefix": row.prefix,
            "name": row.name,
            "times_used": row.times_used,
            "created_at": row.created_at,
        }


class ChangedCouponBatchSerializer(CouponBatchSerializer):
    """A batch after a change of its coupons."""

    changed = serializers.IntegerField(min_value=0, help_text="The number of coupons that had other terms before.")

    @staticmethod
    def to_representation(row: BatchRow, changed: int) -> dict[str, Any]:
        return {**CouponBatchSerializer.to_representation(row), "changed": changed}


class CouponBatchPageSerializer(PageOutput):
    """A page of batches."""

    results = CouponBatchSerializer(many=True)
