"""Request bodies of coupons: each field by itself. `orders.coupons.terms` has the rules across fields."""

from decimal import Decimal
from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from orders.coupons.codes import CODE, PREFIX, in_capitals
from orders.coupons.rules import FundedBy, Kind
from orders.coupons.terms import CHANGEABLE, NULLABLE
from orders.domain.errors import Invalid
from orders.domain.money import DECIMALS
from orders.http.problems import pointer
from orders.http.serializers import (
    MONEY,
    Input,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    TimestampField,
)

MAX_ID_LENGTH, MAX_IDS = 64, 500
MAX_COUNT = 10_000
"""The maximum number of a batch's coupons, which are created in one transaction."""


class PercentValidator(RegexValidator):
    """Validate a percentage above 0 with up to two decimals."""

    def __call__(self, value: Any) -> None:
        super().__call__(value)
        if not 0 < Decimal(value) <= 100:
            raise ValidationError("Not from 0.01 to 100.00.")


PERCENT = PercentValidator(r"\A[0-9]{1,3}(\.[0-9]{1,2})?\Z", "Not a decimal number like 12.50.")


def currency_code(text: str) -> None:
    """Raise ValidationError unless `text` is a currency."""
    if text not in DECIMALS:
        raise ValidationError("Not a currency of ISO 4217, like EUR.")


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH, "pattern": r"\S"},
        "minItems": 1,
        "maxItems": MAX_IDS,
        "uniqueItems": True,
    }
)
class IdsField(serializers.ListField):
    """Different ids of products."""

    def __init__(self, **options: Any) -> None:
        child = StrictCharField(max_length=MAX_ID_LENGTH)
        super().__init__(child=child, min_length=1, max_length=MAX_IDS, **options)

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            raise ValidationError("Not an array.")
        ids: list[str] = super().to_internal_value(data)
        if len(set(ids)) < len(ids):
            raise ValidationError("An id is given more than once.")
        return ids


def _optional(field: type[serializers.Field[Any, Any, Any, Any]], **options: Any) -> Any:
    return field(required=False, allow_null=True, **options)


def _money(help_text: str = "") -> Any:
    return _optional(StrictCharField, validators=[MONEY], help_text=help_text)


def _quantity(most: int, help_text: str = "") -> Any:
    return _optional(StrictIntegerField, min_value=1, max_value=most, help_text=help_text)


class CouponChangeInput(Input):
    """The terms of a coupon that can be changed. Null removes a limit."""

    name = _optional(StrictCharField, max_length=100, allow_blank=True, help_text="Customers never see it.")
    product_ids = _optional(IdsField, help_text="Only these products are eligible.")
    get_product_ids = _optional(IdsField, help_text="Of `buy_x_get_y`: what is got, none of `product_ids`.")
    minimum_spend = _money()
    maximum_discount = _money("The most it takes off one order.")
    first_order_only = _optional(StrictBooleanField)
    stackable = _optional(StrictBooleanField, help_text="May be used together with other coupons.")
    usage_limit = _quantity(10**9, "Uses in all.")
    per_customer_limit = _quantity(10**9, "Uses of one customer.")
    budget = _money("The most it takes off all orders together.")
    starts_at = _optional(TimestampField, help_text="Inclusive; without it, now.")
    ends_at = _optional(TimestampField, help_text="Exclusive, later than `starts_at`.")
    is_active = _optional(StrictBooleanField, help_text="Without it, true.")

    def check_names(self, data: Any) -> None:
        """Raise Invalid for any other field: it cannot be changed."""
        if isinstance(data, dict) and (others := sorted(data.keys() - {*CHANGEABLE})):
            detail = "Cannot be changed: make another coupon."
            errors = [{"pointer": pointer(name), "code": "immutable", "detail": detail} for name in others]
            raise Invalid("Invalid input: see errors.", errors=errors)
        super().check_names(data)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the given terms; null in a term that cannot be null is the same as leaving it out."""
        terms: dict[str, Any] = super().to_internal_value(data)
        return terms | {name: None for name in NULLABLE if name in data and data[name] is None}


class CouponTermsInput(CouponChangeInput):
    """The terms of a coupon."""

    kind = serializers.ChoiceField(list(Kind))
    percent = _optional(
        StrictCharField,
        validators=[PERCENT],
        help_text="Of `percentage`: 0.01 to 100.00. Of `buy_x_get_y`: how much is taken off what is got, 100.00 unless given.",
    )
    amount = _money("Of `fixed_amount`.")
    buy_quantity = _quantity(1000, "Of `buy_x_get_y`.")
    get_quantity = _quantity(1000, "Of `buy_x_get_y`.")
    currency = _optional(
        StrictCharField,
        validators=[currency_code],
        pattern="^[A-Z]{3}$",
        help_text="ISO 4217; required with any amount. Good only for carts in it; null: for any.",
    )
    vendor_id = _optional(StrictCharField, max_length=MAX_ID_LENGTH, help_text="Only this vendor's items are eligible.")
    funded_by = _optional(
        serializers.ChoiceField,
        choices=list(FundedBy),
        help_text="Who bears the discount. Without it: `vendor` with a `vendor_id`, else `platform`.",
    )

    def check_names(self, data: Any) -> None:
        """Raise ValidationError unless `data` is an object without unknown fields."""
        Input.check_names(self, data)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the given terms, without those that are null."""
        return dict(Input.to_internal_value(self, data))


class CouponInput(CouponTermsInput):
    """A new coupon."""

    code = _optional(
        StrictCharField,
        validators=[RegexValidator(rf"\A{CODE}\Z", "Not 3 to 50 of A–Z, 0–9, - and _, the first a letter or digit.")],
        help_text="In any case, kept in capitals. Without it: 12 random characters.",
        pattern=f"^{CODE}$",
    )

    def validate_code(self, code: str) -> str:
        """Return the code in capitals."""
        return in_capitals(code)


class CouponBatchInput(Input):
    """A new batch of coupons of the same terms."""

    count = StrictIntegerField(min_value=1, max_value=MAX_COUNT)
    prefix = _optional(
        StrictCharField,
        allow_blank=True,
        validators=[
            RegexValidator(rf"\A{PREFIX}\Z", "Not up to 20 of A–Z, 0–9, - and _, the first a letter or digit.")
        ],
        help_text="In any case, kept in capitals; 12 random characters follow.",
    )
    coupon = CouponTermsInput(help_text="`usage_limit` is 1 unless given.")

    def validate_prefix(self, prefix: str) -> str:
        """Return the prefix in capitals."""
        return in_capitals(prefix)
