"""The outbox: effects of a commit that are still to be executed."""

from typing import ClassVar

from django.db import models
from django.db.models import Index
from django.db.models.functions import Now

from orders.store.models.order import Order


class OutboxMessage(models.Model):
    """An effect of a commit, written in its transaction and deleted when the effect is confirmed.

    `kind` determines its execution (`orders.outbox`), `available_at` the time of the next attempt. Rows of one order in
    one `lane` are executed in the order in which they were written.
    """

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, models.PROTECT, related_name="outbox")
    kind = models.CharField(max_length=20)
    lane = models.CharField(max_length=10)
    payload = models.JSONField()
    request_id = models.CharField(max_length=200)
    traceparent = models.CharField(max_length=55, null=True)
    """The span in which the row was written (W3C Trace Context); null while tracing is off."""
    dead_letter_id = models.UUIDField(null=True, db_default=None)
    """The dead letter that this row retries: it is deleted when the effect is confirmed."""
    attempts = models.IntegerField(db_default=0)
    available_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbox"
        indexes: ClassVar = [Index(fields=["available_at"], name="outbox_due")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.order_id}"
