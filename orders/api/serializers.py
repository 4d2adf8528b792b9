"""The shapes of requests: every field they take, and nothing else. Those of answers stand in `orders/api/schema/outputs.py`."""

from decimal import Decimal
from typing import Any

from django.core.validators import RegexValidator, URLValidator
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from clients.carts import MAX_VERSION
from orders.api.countries import COUNTRIES
from orders.money import MAX_MINOR


class Money(RegexValidator):
    """Lets a decimal string through that is no more than the largest amount."""

    def __call__(self, value: Any) -> None:
        super().__call__(value)
        if Decimal(value) > MAX_MINOR:
            raise ValidationError(f"Amounts are at most {MAX_MINOR}.")


MONEY = Money(r"\A[0-9]{1,16}(\.[0-9]{1,4})?\Z", "Not a decimal number like 20.00.")

HTTPS = URLValidator(schemes=["https"], message="Not an https address.")


class Text(serializers.CharField):
    """A JSON string, kept as it is sent; numbers are not taken for text. One that is optional may be null (see Strict)."""

    def __init__(self, **how: Any) -> None:
        how.setdefault("allow_null", how.get("required") is False)
        super().__init__(trim_whitespace=False, **how)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("Not a string.")
        if not self.allow_blank and not data.strip():
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
        if not isinstance(data, dict):
            raise ValidationError("Not an object.")
        if unknown := data.keys() - self.fields.keys():
            raise ValidationError(dict.fromkeys(sorted(unknown), "There is no such field."))
        said = {name: value for name, value in data.items() if value is not None or self.fields[name].required}
        return super().to_internal_value(said)


class AddressInput(Strict):
    """Where to deliver."""

    name = Text(max_length=200)
    line1 = Text(max_length=200)
    line2 = Text(max_length=200, required=False, default="", allow_blank=True)
    city = Text(max_length=100)
    postal_code = Text(max_length=20)
    country = Text(max_length=2, help_text="ISO 3166-1 alpha-2")
    phone = Text(max_length=40, required=False, default="", allow_blank=True)

    def validate_country(self, value: str) -> str:
        """Two capital letters that ISO 3166-1 has given to a country."""
        if value not in COUNTRIES:
            raise ValidationError("Not a country code of ISO 3166-1 alpha-2.")
        return value


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
    tracking_url = Text(required=False, default=None, max_length=500, validators=[HTTPS])
