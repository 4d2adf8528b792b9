"""An index of a product's items by vendor, so that one vendor's items are found without reading those of others.

The index is built concurrently beside the old one, without blocking writes.
"""

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

PATIENT = ["SET statement_timeout = 0", "SET lock_timeout = 0"]
AS_BEFORE = ["RESET statement_timeout", "RESET lock_timeout"]


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("orders", "0004_one_order_a_cart_version")]
    operations: ClassVar = [
        migrations.RunSQL(PATIENT, AS_BEFORE),
        AddIndexConcurrently(
            "orderitem", models.Index(fields=["product_id", "vendor_id", "order"], name="order_items_by_product")
        ),
        RemoveIndexConcurrently("orderitem", "order_items_of_product"),
        migrations.RunSQL(AS_BEFORE, PATIENT),
    ]
