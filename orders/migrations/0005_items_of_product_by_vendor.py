"""The items of a product are indexed by vendor too, so that a vendor's are found without a look at anybody else's.

The index is built beside the old one, without holding up those who order, however long it takes.
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
