"""The ledger of Payment's events, and the refunds requested from Payment."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import CheckConstraint, Index, Q, UniqueConstraint
from django.db.models.functions import Now

from orders.store.models.order import Order


class PaymentEvent(models.Model):
    """The ledger of Payment's events, and its inbox: a row without an order is parked until its order is known.

    `event_id` is unique, so that a repeated event counts once.
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
    """A refund requested from Payment; its id is the `refund_id` of every retry.

    `attempts` counts the requests after a refusal, `asked` those after no response.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested"
        REFUNDED = "refunded"
        FAILED = "failed"
        SETTLED = "settled"
        """No longer requested: the money was refunded some other way, or is part of a newer request."""

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
