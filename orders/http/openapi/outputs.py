"""The shapes of answers. They document only: what is sent is made in `orders/api/representation.py`, and the tests hold
the two together. A class whose name is not what clients should read has a `component_name`: generated clients are named by it.
"""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from orders.domain.lifecycle import ORDER_STATUSES_FOR_VENDORS, OrderStatus, PaymentStatus, VendorOrderStatus

EVENT_TYPE = r"^(order|vendor_order|payment)\.[a-z_]+$"
ORDER_ACTIONS = ["cancel"]
VENDOR_ORDER_ACTIONS = ["accept", "ship", "deliver", "cancel"]


def money(text: str = "", **how: Any) -> serializers.RegexField:
    """An amount as the API writes it."""
    return serializers.RegexField(r"^[0-9]+(\.[0-9]{2,4})?$", help_text=text, **how)


def currency() -> serializers.RegexField:
    return serializers.RegexField(r"^[A-Z]{3}$", help_text="ISO 4217. It says how many decimals the amounts have.")


def number() -> serializers.RegexField:
    return serializers.RegexField(r"^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$", help_text="For people to read out.")


def version(of: str) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, help_text=f"Grows with every change of the {of}; its `ETag` is this.")


def actions(names: list[str]) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(names),
        help_text="What you can do with it now: the last part of the action's path.",
    )


@extend_schema_serializer(component_name="ShippingAddress")
class Address(serializers.Serializer[Any]):
    """Where an order goes."""

    name = serializers.CharField()
    line1 = serializers.CharField()
    line2 = serializers.CharField(allow_blank=True)
    city = serializers.CharField()
    state = serializers.CharField(allow_blank=True)
    postal_code = serializers.CharField(allow_blank=True)
    country = serializers.RegexField(r"^[A-Z]{2}$", help_text="ISO 3166-1 alpha-2.")
    phone = serializers.CharField(allow_blank=True)


class Product(serializers.Serializer[Any]):
    """A product as it is called and priced."""

    product_id = serializers.CharField()
    vendor_id = serializers.CharField()
    name = serializers.CharField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField(min_value=1)
    unit_price = money()
    total = money("`quantity` × `unit_price`.")


@extend_schema_serializer(component_name="OrderItem")
class Item(Product):
    """One product of an order, as it was called and priced when the order was placed."""

    id = serializers.UUIDField()
    discount = money("This item's share of all discounts.")


class Parcel(serializers.Serializer[Any]):
    """How one vendor's things travel; all null until they are shipped."""

    carrier = serializers.CharField(allow_null=True)
    tracking_number = serializers.CharField(allow_null=True)
    tracking_url = serializers.URLField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)


class Amounts(serializers.Serializer[Any]):
    """What something comes to."""

    subtotal = money("The items together.")
    discount = money("What a coupon takes off.")
    total = money("`subtotal` − `discount`: what is paid.")


@extend_schema_serializer(component_name="VendorOrderOverview")
class VendorPart(Amounts, Parcel):
    """One vendor's part of an order."""

    id = serializers.UUIDField()
    vendor_id = serializers.CharField()
    status = serializers.ChoiceField(list(VendorOrderStatus))


@extend_schema_serializer(component_name="Order")
class OrderOutput(Amounts):
    """An order. Money is a decimal string with the currency's own number of decimals."""

    id = serializers.UUIDField()
    number = number()
    customer_id = serializers.CharField()
    status = serializers.ChoiceField(list(OrderStatus))
    payment_status = serializers.ChoiceField(list(PaymentStatus))
    currency = currency()
    coupon_code = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    items = Item(many=True)
    vendor_orders = VendorPart(many=True)
    shipping_address = Address()
    available_actions = actions(ORDER_ACTIONS)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="When an order that is still `pending` expires.")
    version = version("order")


class Page(serializers.Serializer[Any]):
    """A page of a list."""

    next = serializers.URLField(allow_null=True, help_text="The next page, null on the last one. Follow it as it is.")
    previous = serializers.URLField(allow_null=True, help_text="The page before, null on the first one.")


class OrderPage(Page):
    """A page of orders."""

    results = OrderOutput(many=True)


class QuoteItem(Product):
    """One product of the cart at what it costs now."""

    available = serializers.IntegerField(min_value=0, help_text="Units on the shelf.")


@extend_schema_serializer(component_name="Shortage")
class ShortageOutput(serializers.Serializer[Any]):
    """A product of which there is less than is wanted."""

    product_id = serializers.CharField()
    requested = serializers.IntegerField(min_value=1)
    available = serializers.IntegerField(min_value=0)


@extend_schema_serializer(component_name="Quote")
class QuoteOutput(Amounts):
    """What checkout would cost now."""

    currency = currency()
    items = QuoteItem(many=True)
    coupon_code = serializers.CharField(allow_null=True)
    cart_version = serializers.IntegerField(help_text="Send it with the checkout, and a changed cart is refused.")
    shortages = ShortageOutput(many=True, help_text="What checkout would refuse as `out_of_stock`.")


@extend_schema_serializer(component_name="VendorOrder")
class VendorOrderOutput(Amounts, Parcel):
    """The part of an order that one vendor fulfils, and nothing of the others."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    order_number = number()
    order_status = serializers.ChoiceField(
        ORDER_STATUSES_FOR_VENDORS, help_text="The order, as far as this vendor is concerned."
    )
    vendor_id = serializers.CharField()
    status = serializers.ChoiceField(list(VendorOrderStatus))
    currency = currency()
    items = Item(many=True)
    shipping_address = Address(
        allow_null=True, help_text="Null until the order is confirmed, and once the vendor order is cancelled."
    )
    available_actions = actions(VENDOR_ORDER_ACTIONS)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    version = version("vendor order")


class VendorOrderPage(Page):
    """A page of vendor orders."""

    results = VendorOrderOutput(many=True)


@extend_schema_serializer(component_name="VendorOrderSummary")
class SummaryOutput(serializers.Serializer[Any]):
    """A vendor's day at a glance."""

    counts = serializers.DictField(child=serializers.IntegerField(min_value=0), help_text="Vendor orders by status.")
    to_accept = serializers.IntegerField(
        min_value=0, help_text="Those that are `pending` and whose order is `confirmed`."
    )
    revenue = serializers.DictField(
        child=money(), help_text="By currency; what was never paid and what was cancelled is left out."
    )
    oldest_waiting_at = serializers.DateTimeField(
        allow_null=True, help_text="When the oldest order was placed that is paid for and not accepted."
    )


class Shipment(Parcel):
    """One parcel of an order."""

    vendor_order_id = serializers.UUIDField()
    vendor_id = serializers.CharField()
    status = serializers.ChoiceField(list(VendorOrderStatus))
    items = Item(many=True)


class TimelineEntry(serializers.Serializer[Any]):
    """One thing that happened."""

    at = serializers.DateTimeField()
    type = serializers.RegexField(
        EVENT_TYPE,
        help_text="`order.placed`, `vendor_order.tracking_changed`, or `order.`, `vendor_order.` or `payment.` and its new"
        " status.",
    )
    to = serializers.CharField(help_text="The new status.")

    def get_fields(self) -> Any:
        """`from` is no name that Python lets a class have."""
        return {**super().get_fields(), "from": serializers.CharField(allow_null=True, help_text="The status before.")}


@extend_schema_serializer(component_name="OrderTracking")
class TrackingOutput(serializers.Serializer[Any]):
    """Where the parcels of an order are."""

    order_id = serializers.UUIDField()
    number = number()
    status = serializers.ChoiceField(list(OrderStatus))
    shipments = Shipment(many=True)
    timeline = TimelineEntry(many=True)


class HistoryEntry(TimelineEntry):
    """One entry of the audit trail."""

    sequence = serializers.IntegerField(min_value=1, help_text="1, 2, 3 … for each order.")
    actor_role = serializers.ChoiceField(["customer", "vendor", "admin", "system", "payment"])
    actor_id = serializers.CharField(required=False, allow_null=True, help_text="For admins.")
    request_id = serializers.CharField(required=False, help_text="For admins.")
    data = serializers.DictField(required=False, help_text="For admins.")  # type: ignore[assignment]


@extend_schema_serializer(component_name="OrderHistory")
class HistoryOutput(serializers.Serializer[Any]):
    """An audit trail, oldest first."""

    results = HistoryEntry(many=True)
