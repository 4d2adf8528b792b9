"""The audit trail of orders."""

from typing import ClassVar

from django.db import models
from django.db.models import Index, Q, UniqueConstraint

from orders.store.models.order import Order, VendorOrder


class OrderEvent(models.Model):
    """One entry of an order's audit trail; `sequence` is 1, 2, 3 … without gaps. Append-only except for an erasure."""

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
