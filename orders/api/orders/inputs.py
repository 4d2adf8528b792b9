"""Orders: request bodies."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from clients.carts import MAX_VERSION
from orders.coupons.codes import in_capitals
from orders.domain.addresses import MAX_LENGTHS, read_address
from orders.http.serializers import MONEY, Input, StrictCharField, StrictIntegerField

MAX_CODE_LENGTH = 50


def _address_text(name: str, required: bool = True, **options: Any) -> StrictCharField:
    """Return a field of an address for the schema; `read_address` validates it."""
    if not required:
        options |= {"required": False, "allow_blank": True}
    return StrictCharField(max_length=MAX_LENGTHS[name], **options)


class ShippingAddressInput(Input):
    """A delivery address."""

    name = _address_text("name")
    line1 = _address_text("line1")
    line2 = _address_text("line2", required=False)
    city = _address_text("city")
    state = _address_text("state", required=False, help_text="State, province or region.")
    postal_code = _address_text("postal_code", required=False, help_text="Required unless the country has none.")
    country = _address_text("country", help_text="ISO 3166-1 alpha-2", pattern="^[A-Z]{2}$")
    phone = _address_text("phone", required=False)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Return the address with all its fields; absent ones are empty."""
        self.check_names(data)
        address, errors = read_address(data)
        if errors:
            raise ValidationError(errors)
        return address


@extend_schema_field({"type": "string", "description": "1 to 50 characters without blanks around them, in any case."})
class CouponCodeField(serializers.CharField):
    """The code of a coupon, returned in capitals. Any text is accepted: one that cannot be a code is unknown."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = []  # those of CharField refuse texts, such as one with NUL

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("Not a string.")
        code = data.strip()
        if len(code) > MAX_CODE_LENGTH:
            raise ValidationError(f"More than {MAX_CODE_LENGTH} characters.")
        return in_capitals(code)


class CheckoutInput(Input):
    """The body of a checkout or a quote; all fields are optional."""

    shipping_address = ShippingAddressInput(required=False, default=None, allow_null=True)
    cart_version = StrictIntegerField(required=False, default=None, allow_null=True, min_value=0, max_value=MAX_VERSION)
    expected_total = StrictCharField(required=False, default=None, validators=[MONEY])
    coupon_code = CouponCodeField(
        required=False, default=None, allow_null=True, allow_blank=True, help_text="Instead of `coupon_codes`."
    )
    coupon_codes = serializers.ListField(
        child=CouponCodeField(), max_length=5, required=False, default=None, allow_null=True
    )
    note = StrictCharField(required=False, default="", max_length=500, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the body with one list of codes, from whichever of the two fields it was given in."""
        code, codes = attrs.pop("coupon_code"), attrs["coupon_codes"]
        if code is not None and codes is not None:
            raise ValidationError({"coupon_codes": "Send either coupon_code or coupon_codes."})
        attrs["coupon_codes"] = codes = ([code] if code else codes) or []
        if repeated := {
            str(place): "Given more than once." for place, code in enumerate(codes) if code in codes[:place]
        }:
            raise ValidationError({"coupon_codes": repeated})
        return attrs


class CancelInput(Input):
    """The reason of a cancellation."""

    reason = StrictCharField(required=False, default="", max_length=200, allow_blank=True)
