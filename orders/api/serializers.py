"""The shapes of requests and answers. Input names every field it takes and refuses the rest; output only documents."""

from typing import Any

from django.core.validators import RegexValidator, URLValidator
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from clients.carts import MAX_VERSION
from orders.api.countries import COUNTRIES
from orders.lifecycle import OrderStatus, PaymentStatus, VendorOrderStatus

MONEY = RegexValidator(r"\A[0-9]{1,15}(\.[0-9]{1,4})?\Z", "Not a decimal number like 20.00.")

HTTPS = URLValidator(schemes=["https"], message="Not an https address.")


class Text(serializers.CharField):
    """A JSON string, kept as it is sent; numbers are not taken for text."""

    def __init__(self, **how: Any) -> None:
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
    """An object that has the fields it names and no others."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError("Not an object.")
        if unknown := data.keys() - self.fields.keys():
            raise ValidationError(dict.fromkeys(sorted(unknown), "There is no such field."))
        return super().to_internal_value(data)


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
    expected_total = Text(required=False, default=None, allow_null=True, validators=[MONEY])
    coupon_code = Text(required=False, default=None, allow_null=True, max_length=50)
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
    tracking_url = Text(required=False, default=None, allow_null=True, max_length=500, validators=[HTTPS])


class Address(serializers.Serializer[Any]):
    """Where an order goes."""

    name = serializers.CharField()
    line1 = serializers.CharField()
    line2 = serializers.CharField(allow_blank=True)
    city = serializers.CharField()
    postal_code = serializers.CharField()
    country = serializers.CharField()
    phone = serializers.CharField(allow_blank=True)


class Item(serializers.Serializer[Any]):
    """One product of an order, as it was called and priced when the order was placed."""

    id = serializers.UUIDField()
    product_id = serializers.CharField()
    vendor_id = serializers.CharField()
    name = serializers.CharField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = serializers.CharField()
    total = serializers.CharField()


class VendorPart(serializers.Serializer[Any]):
    """One vendor's part of an order."""

    id = serializers.UUIDField()
    vendor_id = serializers.CharField()
    status = serializers.ChoiceField(list(VendorOrderStatus))
    subtotal = serializers.CharField()
    discount = serializers.CharField()
    total = serializers.CharField()
    carrier = serializers.CharField(allow_null=True)
    tracking_number = serializers.CharField(allow_null=True)
    tracking_url = serializers.CharField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)


class OrderOutput(serializers.Serializer[Any]):
    """An order. Money is a decimal string with the currency's own number of decimals."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    customer_id = serializers.CharField()
    status = serializers.ChoiceField(list(OrderStatus))
    payment_status = serializers.ChoiceField(list(PaymentStatus))
    currency = serializers.CharField()
    subtotal = serializers.CharField()
    discount = serializers.CharField()
    total = serializers.CharField()
    coupon_code = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    items = Item(many=True)
    vendor_orders = VendorPart(many=True)
    shipping_address = Address()
    available_actions = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class OrderPage(serializers.Serializer[Any]):
    """A page of orders."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = OrderOutput(many=True)


class QuoteItem(serializers.Serializer[Any]):
    """One product of the cart at what it costs now."""

    product_id = serializers.CharField()
    vendor_id = serializers.CharField()
    name = serializers.CharField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = serializers.CharField()
    total = serializers.CharField()
    available = serializers.IntegerField()


class ShortageOutput(serializers.Serializer[Any]):
    """A product of which there is less than is wanted."""

    product_id = serializers.CharField()
    requested = serializers.IntegerField()
    available = serializers.IntegerField()


class QuoteOutput(serializers.Serializer[Any]):
    """What checkout would cost now."""

    currency = serializers.CharField()
    items = QuoteItem(many=True)
    subtotal = serializers.CharField()
    discount = serializers.CharField()
    total = serializers.CharField()
    coupon_code = serializers.CharField(allow_null=True)
    cart_version = serializers.IntegerField()
    shortages = ShortageOutput(many=True)


class VendorOrderOutput(serializers.Serializer[Any]):
    """The part of an order that one vendor fulfils, and nothing of the others."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    order_number = serializers.CharField()
    order_status = serializers.ChoiceField(["pending", "confirmed", "cancelled", "expired"])
    vendor_id = serializers.CharField()
    status = serializers.ChoiceField(list(VendorOrderStatus))
    currency = serializers.CharField()
    subtotal = serializers.CharField()
    discount = serializers.CharField()
    total = serializers.CharField()
    items = Item(many=True)
    shipping_address = Address()
    carrier = serializers.CharField(allow_null=True)
    tracking_number = serializers.CharField(allow_null=True)
    tracking_url = serializers.CharField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    available_actions = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class VendorOrderPage(serializers.Serializer[Any]):
    """A page of vendor orders."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = VendorOrderOutput(many=True)


class SummaryOutput(serializers.Serializer[Any]):
    """A vendor's day at a glance."""

    counts = serializers.DictField(child=serializers.IntegerField())
    revenue = serializers.DictField(child=serializers.CharField())
    oldest_waiting_at = serializers.DateTimeField(allow_null=True)


class Shipment(serializers.Serializer[Any]):
    """One parcel of an order."""

    vendor_order_id = serializers.UUIDField()
    vendor_id = serializers.CharField()
    status = serializers.ChoiceField(list(VendorOrderStatus))
    carrier = serializers.CharField(allow_null=True)
    tracking_number = serializers.CharField(allow_null=True)
    tracking_url = serializers.CharField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    items = Item(many=True)


class TimelineEntry(serializers.Serializer[Any]):
    """One thing that happened."""

    at = serializers.DateTimeField()
    type = serializers.CharField()
    to = serializers.CharField()

    def get_fields(self) -> Any:
        """`from` is no name that Python lets a class have."""
        return {**super().get_fields(), "from": serializers.CharField(allow_null=True)}


class TrackingOutput(serializers.Serializer[Any]):
    """Where the parcels of an order are."""

    order_id = serializers.UUIDField()
    number = serializers.CharField()
    status = serializers.ChoiceField(list(OrderStatus))
    shipments = Shipment(many=True)
    timeline = TimelineEntry(many=True)


class HistoryEntry(TimelineEntry):
    """One entry of the audit trail; `actor_id`, `request_id` and `data` are for admins."""

    sequence = serializers.IntegerField()
    actor_role = serializers.ChoiceField(["customer", "vendor", "admin", "system", "payment"])
    actor_id = serializers.CharField(required=False, allow_null=True)
    request_id = serializers.CharField(required=False)
    data = serializers.DictField(required=False)  # type: ignore[assignment]


class HistoryOutput(serializers.Serializer[Any]):
    """An audit trail, oldest first."""

    results = HistoryEntry(many=True)


class InputError(serializers.Serializer[Any]):
    """One refused input; `pointer` is a JSON pointer (RFC 6901)."""

    pointer = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """A refusal (RFC 9457). `code` is the word to branch on."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField()
    errors = InputError(many=True, required=False)  # type: ignore[assignment]
    dependency = serializers.CharField(required=False)
    current_total = serializers.CharField(required=False)
    current_version = serializers.IntegerField(required=False)
    current = serializers.CharField(required=False)
    wanted = serializers.CharField(required=False)
    allowed = serializers.ListField(child=serializers.CharField(), required=False)
    shortages = ShortageOutput(many=True, required=False)
