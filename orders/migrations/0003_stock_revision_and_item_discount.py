"""Columns with a database default, so that the previous version can write during a rolling deployment."""

from typing import ClassVar

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import CheckConstraint, F, Q

DISCOUNT = CheckConstraint(condition=Q(discount__gte=0, discount__lte=F("total")), name="order_items_discount")
STATUSES = [("requested", "Requested"), ("refunded", "Refunded"), ("failed", "Failed"), ("settled", "Settled")]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("orders", "0002_append_only_audit_trail")]
    operations: ClassVar = [
        migrations.AddField("order", "stock_revision", models.BigIntegerField(db_default=0)),
        migrations.AddField("orderitem", "discount", models.BigIntegerField(db_default=0)),
        AddConstraintNotValid("orderitem", DISCOUNT),
        migrations.AlterField(
            "refund", "status", models.CharField(choices=STATUSES, default="requested", max_length=10)
        ),
    ]
