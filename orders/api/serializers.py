"""The shapes of requests: every field they take, and nothing else. Those of answers stand in `orders/api/schema/outputs.py`."""

from decimal import Decimal
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from clients.carts import MAX_VERSION
from orders.addresses import MAX_LENGTHS, read_address
from orders.money import MAX_MINOR
from orders.text import has_visible_character
from orders.uris import is_https_uri


class Money(RegexValidator):
    """Lets a decimal string through that is no more than the largest amount."""

    def __call__(self, value: Any) -> None:
        super().__call__(value)
        if Decimal(value) > MAX_MINOR:
            raise ValidationError(f"Amounts are at most {MAX_MINOR}.")


MONEY = Money(r"\A[0-9]{1,16}(\.[0-9]{1,4})?\Z", "Not a decimal number like 20.00.")


def https_uri(text: str) -> None:
    """Raise ValidationError for what is no https URI."""
    if not is_https_uri(text):
        raise ValidationError("Not an https URI (RFC 3986) without user info.")


class Text(serializers.CharField):
    """A JSON string, kept as it is sent; numbers are not taken for text. One that is optional may be null (see Strict)."""

    def __init__(self, **how: Any) -> None:
        how.setdefault("allow_null", how.get("required") is False)
        super().__init__(trim_whitespace=False, **how)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("Not a string.")
        if not self.allow_blank and not has_visible_character(data):
            raise ValidationError("May not be blank.")
        return str(super().to_internal_value(data))


class Whole(serializers.IntegerField):
    """A JSON integer; text and fractions are not taken for one."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise ValidationError("Not an integer.")
        return int(super().to_internal_value(data))


class Strict(serializers.Serializer[Any]):
    """An object that has the fields it names and no others. Null in an optional one is the same as leaving it out."""

    def to_internal_value(self, data: Any) -> Any:
        self.check_names(data)
        said = {name: value for name, value in data.items() if value is not None or self.fields[name].required}
        return super().to_internal_value(said)

    def check_names(self, data: Any) -> None:
        """Raise ValidationError unless `data` is an object without unknown fields."""
        if not isinstance(data, dict):
            raise ValidationError("Not an object.")
        if unknown := data.keys() - self.fields.keys():
            raise ValidationError(dict.fromkeys(sorted(unknown), "There is no such field."))


def _address_text(name: str, required: bool = True, help_text: str = "") -> Text:
    """One text of an address, for the API's schema: `read_address` has the rules."""
    optional: dict[str, Any] = {} if required else {"required": False, "allow_blank": True}
    return Text(max_length=MAX_LENGTHS[name], help_text=help_text, **optional)


class AddressInput(Strict):
    """Where to deliver."""

    name = _address_text("name")
    line1 = _address_text("line1")
    line2 = _address_text("line2", required=False)
    city = _address_text("city")
    state = _address_text("state", required=False, help_text="State, province or region.")
    postal_code = _address_text("postal_code", required=False, help_text="Required unless the country has none.")
    country = _address_text("country", help_text="ISO 3166-1 alpha-2")
    phone = _address_text("phone", required=False)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Return the texts of the address, empty where there is none."""
        self.check_names(data)
        address, errors = read_address(data)
        if errors:
            raise ValidationError(errors)
        return address


class CheckoutInput(Strict):
    """The body of a checkout and of a quote, all of it optional."""

    shipping_address = AddressInput(required=False, default=None, allow_null=True)
    cart_version = Whole(required=False, default=None, allow_null=True, min_value=0, max_value=MAX_VERSION)
    expected_total = Text(required=False, default=None, validators=[MONEY])
    coupon_code = Text(required=False, default=None, max_length=50)
    note = Text(required=False, default="", max_length=500, allow_blank=True)


class CancelInput(Strict):
    """Why an order is cancelled."""

    reason = Text(required=False, default="", max_length=200, allow_blank=True)


class NoInput(Strict):
    """An action that needs no words."""


class ShipInput(Strict):
    """How a parcel travels."""

    carrier = Text(max_length=100)
    tracking_number = Text(max_length=100)
    tracking_url = Text(required=False, default=None, max_length=500, validators=[https_uri])
