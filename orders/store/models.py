"""What the service keeps. Amounts are minor units of the order's currency; times are UTC.

Users, products and vendors live in other services and are indexed ids here; what is ours hangs together by foreign keys.
What must never be false is a constraint of the database, and the audit trail (`OrderEvent`) is append-only by a trigger.
"""

import uuid
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
from django.db.models.functions import Now

from orders.domain.callers import Caller
from orders.domain.lifecycle import OrderStatus, PaymentStatus, VendorOrderStatus
from orders.domain.money import DECIMALS

ORDER_IDS = uuid.UUID("8f6a1c52-0c5e-4d0b-9a58-5a0a3c1f7e21")
"""Namespace of the ids that are made of a customer and an Idempotency-Key."""


def order_id_of(customer_id: str, idempotency_key: str) -> uuid.UUID:
    """The id of the one order that this customer's key can make (UUIDv5, RFC 9562)."""
    return uuid.uuid5(ORDER_IDS, f"{customer_id}\n{idempotency_key}")


class OrderQuerySet(models.QuerySet["Order"]):
    """Orders, and the one gate through which callers see them."""

    def visible_to(self, caller: Caller) -> "OrderQuerySet":
        """The orders this caller may know of: an admin all, a customer their own, a vendor none."""
        if caller.role == "admin":
            return self.all()
        if caller.role == "customer":
            return self.filter(customer_id=caller.id)
        return self.none()


class VendorOrderQuerySet(models.QuerySet["VendorOrder"]):
    """Vendor orders, and the one gate through which callers see them."""

    def visible_to(self, caller: Caller) -> "VendorOrderQuerySet":
        """The vendor orders this caller may know of: an admin all, a vendor their own, a customer none."""
        if caller.role == "admin":
            return self.all()
        if caller.role == "vendor":
            return self.filter(vendor_id=caller.vendor_id)
        return self.none()


def _legal(
    column: str, words: type[OrderStatus] | type[VendorOrderStatus] | type[PaymentStatus], name: str
) -> CheckConstraint:
    return CheckConstraint(condition=Q(**{f"{column}__in": [str(word) for word in words]}), name=name)


def _sums(name: str) -> CheckConstraint:
    return CheckConstraint(
        condition=Q(subtotal__gte=0, discount__gte=0, total__gte=0, total=F("subtotal") - F("discount")), name=name
    )


def _whole_units() -> GeneratedField:
    """`total` in whole units of the currency (19.99), kept by the database: what lists are filtered and ordered by."""
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
    note = models.CharField(max_length=500)
    shipping_address = models.JSONField()
    cart_version = models.BigIntegerField()
    request_hash = models.BinaryField(max_length=32)
    stock_revision = models.BigIntegerField(db_default=0)
    """Product's revision of the stock reservation that has this order's lines; 0 for orders placed before it was kept."""
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
                # Orders without a revision were placed before this rule, and may break it.
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
                ],  # by which a customer's orders are sorted without looking at them
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
    """One product of an order, as it was called and priced when the order was placed."""

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


class OrderEvent(models.Model):
    """One entry of an order's audit trail; `sequence` runs 1, 2, 3 … without a gap. Never changed, never deleted."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, models.PROTECT, related_name="events", db_index=False)
    vendor_order = models.ForeignKey(VendorOrder, models.PROTECT, related_name="events", null=True, db_index=False)
    sequence = models.IntegerField()
    type = models.CharField(max_length=40)
    from_status = models.CharField(max_length=20, null=True)
    to_status = models.CharField(max_length=20)
    actor_role = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, null=True)
    request_id = models.CharField(max_length=200)
    data = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        db_table = "order_events"
        constraints: ClassVar = [UniqueConstraint(fields=["order", "sequence"], name="order_events_gapless")]
        indexes: ClassVar = [
            Index(
                fields=["vendor_order", "sequence"],
                condition=Q(vendor_order__isnull=False),
                name="order_events_of_vendor_order",
            )
        ]

    def __str__(self) -> str:
        return f"{self.sequence}. {self.type}"


class PaymentEvent(models.Model):
    """The ledger of what Payment said, and its inbox: a row without an order is parked until its order is known.

    `event_id` is unique, so that an event counts once however often it is heard.
    """

    id = models.BigAutoField(primary_key=True)
    event_id = models.CharField(max_length=64)
    order = models.ForeignKey(Order, models.PROTECT, related_name="payment_events", null=True)
    claimed_order_id = models.UUIDField()
    type = models.CharField(max_length=30)
    payment_id = models.CharField(max_length=200, null=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    refund_id = models.CharField(max_length=64, null=True)
    message = models.JSONField()
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "payment_events"
        constraints: ClassVar = [
            UniqueConstraint(fields=["event_id"], name="payment_events_count_once"),
            CheckConstraint(condition=Q(amount__gte=0), name="payment_events_amount"),
        ]
        indexes: ClassVar = [Index(fields=["received_at"], condition=Q(order=None), name="payment_events_parked")]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class Refund(models.Model):
    """Money the service has asked Payment to give back; its id is the `refund_id` of every retry.

    `attempts` counts how often Payment refused and was asked anew, `asked` how often it was asked because it was silent.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested"
        REFUNDED = "refunded"
        FAILED = "failed"
        SETTLED = "settled"
        """Nothing more is asked for: the money has gone back some other way, or a newer request has it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    order = models.ForeignKey(Order, models.PROTECT, related_name="refunds")
    amount = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    attempts = models.IntegerField(default=1)
    asked = models.IntegerField(db_default=1)
    ask_again_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "refunds"
        constraints: ClassVar = [CheckConstraint(condition=Q(amount__gt=0), name="refunds_amount")]
        indexes: ClassVar = [
            Index(fields=["ask_again_at"], condition=Q(status="requested"), name="refunds_to_ask_about")
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.order_id}"


class OutboxMessage(models.Model):
    """Something that must happen because of a commit, written with it, deleted when it is in effect.

    `kind` says how (`orders.outbox`), `available_at` when it is to be tried next. Rows of one order in one `lane` take
    effect in the order in which they were written.
    """

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, models.PROTECT, related_name="outbox")
    kind = models.CharField(max_length=20)
    lane = models.CharField(max_length=10)
    payload = models.JSONField()
    request_id = models.CharField(max_length=200)
    dead_letter_id = models.UUIDField(null=True, db_default=None)
    """The dead letter that this row tries anew: it goes when the row has taken effect."""
    attempts = models.IntegerField(db_default=0)
    available_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbox"
        indexes: ClassVar = [Index(fields=["available_at"], name="outbox_due")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.order_id}"


class DeadLetter(models.Model):
    """A message nobody could use or deliver, kept with its reason for an admin. `fingerprint` keeps copies from piling up.

    `order_id` is what the message says, and may name an order that doesn't exist. `attempts` counts how often it was in
    vain, `retrying` says that an admin wants a message of Payment's heard again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    fingerprint = models.BinaryField(max_length=32, unique=True)
    source = models.CharField(max_length=40)
    reason = models.CharField(max_length=300)
    message = models.TextField()
    order_id = models.UUIDField(null=True)
    attempts = models.IntegerField(db_default=1)
    retrying = models.BooleanField(db_default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "dead_letters"
        indexes: ClassVar = [
            Index(F("created_at").desc(), F("id").desc(), name="dead_letters_newest"),
            Index(fields=["id"], condition=Q(retrying=True), name="dead_letters_to_retry"),
            Index(fields=["order_id"], name="dead_letters_of_order"),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"
