"""Orders, their vendor orders and their items. `visible_to` is the one rule of visibility."""

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import (
    Case,
    CheckConstraint,
    DecimalField,
    F,
    GeneratedField,
    Index,
    Q,
    UniqueConstraint,
    Value,
    When,
)

from orders.domain.callers import Caller
from orders.domain.lifecycle import OrderStatus, PaymentStatus, VendorOrderStatus
from orders.domain.money import DECIMALS


class OrderQuerySet(models.QuerySet["Order"]):
    """Querysets of orders, with the one rule of their visibility."""

    def visible_to(self, caller: Caller) -> "OrderQuerySet":
        """Return the orders that are visible to this caller: to an admin all, to a customer their own, to a vendor none."""
        if caller.role == "admin":
            return self.all()
        if caller.role == "customer":
            return self.filter(customer_id=caller.id)
        return self.none()


class VendorOrderQuerySet(models.QuerySet["VendorOrder"]):
    """Querysets of vendor orders, with the one rule of their visibility."""

    def visible_to(self, caller: Caller) -> "VendorOrderQuerySet":
        """Return the vendor orders that are visible to this caller: to an admin all, to a vendor their own, to a customer none."""
        if caller.role == "admin":
            return self.all()
        if caller.role == "vendor":
            return self.filter(vendor_id=caller.vendor_id)
        return self.none()


def _legal(
    column: str, choices: type[OrderStatus] | type[VendorOrderStatus] | type[PaymentStatus], name: str
) -> CheckConstraint:
    return CheckConstraint(condition=Q(**{f"{column}__in": [str(choice) for choice in choices]}), name=name)


def _sums(name: str) -> CheckConstraint:
    return CheckConstraint(
        condition=Q(subtotal__gte=0, discount__gte=0, total__gte=0, total=F("subtotal") - F("discount")), name=name
    )


def _whole_units() -> GeneratedField:
    """Return the generated column of `total` in whole units of the currency (19.99), for filters and orderings of lists."""
    units = [
        When(
            currency__in=[code for code, n in DECIMALS.items() if n == decimals],
            then=Value(Decimal(1).scaleb(-decimals)),
        )
        for decimals in (0, 3, 4)
    ]
    amount = DecimalField(max_digits=23, decimal_places=4)
    unit = Case(*units, default=Value(Decimal("0.01")), output_field=amount)
    return GeneratedField(expression=F("total") * unit, output_field=amount, db_persist=True)


class Order(models.Model):
    """One checkout of one customer. `version` counts its changes, `event_count` its audit entries."""

    id = models.UUIDField(primary_key=True)
    number = models.CharField(max_length=14)
    customer_id = models.CharField(max_length=64)
    status = models.CharField(max_length=12)
    payment_status = models.CharField(max_length=20)
    currency = models.CharField(max_length=3)
    subtotal = models.BigIntegerField()
    discount = models.BigIntegerField()
    total = models.BigIntegerField()
    total_value = _whole_units()
    coupon_code = models.CharField(max_length=50, null=True)
    """The first code that the customer named; null for an order without a coupon."""
    coupons = models.JSONField(db_default=[])
    """The coupons in the order of their application, as they were: a list of AppliedCoupon."""
    note = models.CharField(max_length=500)
    shipping_address = models.JSONField()
    cart_version = models.BigIntegerField()
    request_hash = models.BinaryField(max_length=32)
    stock_revision = models.BigIntegerField(db_default=0)
    """Product's revision of the order's stock reservation; 0 for orders placed before it was stored."""
    version = models.IntegerField()
    event_count = models.IntegerField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    payment_check_at = models.DateTimeField()
    payment_checks = models.IntegerField()

    objects = OrderQuerySet.as_manager()

    class Meta:
        db_table = "orders"
        constraints: ClassVar = [
            UniqueConstraint(fields=["number"], name="orders_one_a_number"),
            UniqueConstraint(
                fields=["customer_id", "cart_version"],
                # Orders without a revision were placed before this constraint, and may violate it.
                condition=Q(status__in=[OrderStatus.PENDING, OrderStatus.CONFIRMED], stock_revision__gt=0),
                name="orders_one_a_cart_version",
            ),
            _legal("status", OrderStatus, "orders_legal_status"),
            _legal("payment_status", PaymentStatus, "orders_legal_payment_status"),
            _sums("orders_sums"),
        ]
        indexes: ClassVar = [
            Index(
                F("customer_id"),
                F("created_at").desc(),
                F("id").desc(),
                include=[
                    "total_value",
                    "updated_at",
                ],  # covering: a customer's orders are sorted without reading their rows
                name="orders_of_customer",
            ),
            Index(F("created_at").desc(), F("id").desc(), name="orders_newest"),
            Index(fields=["updated_at", "id"], name="orders_by_update"),
            Index(fields=["total_value", "id"], name="orders_by_total"),
            Index(F("status"), F("created_at").desc(), F("id").desc(), name="orders_by_status"),
            Index(F("payment_status"), F("created_at").desc(), F("id").desc(), name="orders_by_payment"),
            Index(fields=["expires_at"], condition=Q(status=OrderStatus.PENDING), name="orders_to_expire"),
            Index(fields=["payment_check_at"], condition=Q(status=OrderStatus.PENDING), name="orders_to_ask_about"),
        ]

    def __str__(self) -> str:
        return self.number


class VendorOrder(models.Model):
    """The part of an order that one vendor fulfils, with its share of the amounts and its shipment."""

    id = models.UUIDField(primary_key=True)
    order = models.ForeignKey(Order, models.PROTECT, related_name="vendor_orders", db_index=False)
    vendor_id = models.CharField(max_length=64)
    status = models.CharField(max_length=12)
    currency = models.CharField(max_length=3)
    subtotal = models.BigIntegerField()
    discount = models.BigIntegerField()
    total = models.BigIntegerField()
    total_value = _whole_units()
    carrier = models.CharField(max_length=100, null=True)
    tracking_number = models.CharField(max_length=100, null=True)
    tracking_url = models.CharField(max_length=500, null=True)
    shipped_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    version = models.IntegerField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = VendorOrderQuerySet.as_manager()

    class Meta:
        db_table = "vendor_orders"
        constraints: ClassVar = [
            UniqueConstraint(fields=["order", "vendor_id"], name="vendor_orders_one_a_vendor"),
            _legal("status", VendorOrderStatus, "vendor_orders_legal_status"),
            _sums("vendor_orders_sums"),
        ]
        indexes: ClassVar = [
            Index(F("vendor_id"), F("created_at").desc(), F("id").desc(), name="vendor_orders_of_vendor"),
            Index(F("vendor_id"), F("updated_at").desc(), F("id").desc(), name="vendor_orders_by_update"),
            Index(F("vendor_id"), F("total_value").desc(), F("id").desc(), name="vendor_orders_by_total"),
            Index(F("vendor_id"), F("status"), F("created_at").desc(), F("id").desc(), name="vendor_orders_by_status"),
            Index(F("created_at").desc(), F("id").desc(), name="vendor_orders_newest"),
            Index(fields=["updated_at", "id"], name="vendor_orders_all_by_update"),
            Index(fields=["total_value", "id"], name="vendor_orders_all_by_total"),
        ]

    def __str__(self) -> str:
        return f"{self.vendor_id}'s part of {self.order_id}"


class OrderItem(models.Model):
    """One product of an order, with its name and price when the order was placed."""

    id = models.UUIDField(primary_key=True)
    order = models.ForeignKey(Order, models.PROTECT, related_name="items", db_index=False)
    vendor_order = models.ForeignKey(VendorOrder, models.PROTECT, related_name="items")
    position = models.IntegerField()
    product_id = models.CharField(max_length=64)
    vendor_id = models.CharField(max_length=64)
    name = models.CharField(max_length=500)
    sku = models.CharField(max_length=100)
    quantity = models.IntegerField()
    unit_price = models.BigIntegerField()
    total = models.BigIntegerField()
    discount = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "order_items"
        constraints: ClassVar = [
            CheckConstraint(condition=Q(discount__gte=0, discount__lte=F("total")), name="order_items_discount"),
            UniqueConstraint(fields=["order", "position"], name="order_items_one_a_position"),
            CheckConstraint(
                condition=Q(quantity__gt=0, unit_price__gte=0, total=F("quantity") * F("unit_price")),
                name="order_items_sums",
            ),
        ]
        indexes: ClassVar = [Index(fields=["product_id", "vendor_id", "order"], name="order_items_by_product")]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"
