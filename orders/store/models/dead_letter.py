"""Dead letters: messages and effects that failed permanently."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Index, Q
from django.db.models.functions import Now


class DeadLetter(models.Model):
    """A message that could not be processed or delivered, with the reason for an admin. `fingerprint` identifies copies.

    `order_id` is read from the message; the order may not exist. `attempts` counts the failures, `retrying` marks a
    message from Payment that an admin has marked for a retry.
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
