"""The request bodies of orders: every field that they take, and nothing else."""

from typing import Any

from rest_framework.exceptions import ValidationError

from clients.carts import MAX_VERSION
from orders.domain.addresses import MAX_LENGTHS, read_address
from orders.http.serializers import MONEY, Strict, Text, Whole


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
