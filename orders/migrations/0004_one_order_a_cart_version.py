"""One active order per cart version. Built concurrently: neither step locks a table against writes."""

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.db.models import Q, UniqueConstraint

ONE = UniqueConstraint(
    fields=["customer_id", "cart_version"],
    condition=Q(status__in=["pending", "confirmed"], stock_revision__gt=0),
    name="orders_one_a_cart_version",
)
# The build may exceed the statement timeout; an interrupted build leaves an invalid index.
PATIENT = ["SET statement_timeout = 0", "SET lock_timeout = 0"]
AS_BEFORE = ["RESET statement_timeout", "RESET lock_timeout"]
AGAIN = "DROP INDEX CONCURRENTLY IF EXISTS orders_one_a_cart_version"
CREATE = """
CREATE UNIQUE INDEX CONCURRENTLY orders_one_a_cart_version ON orders (customer_id, cart_version)
    WHERE status IN ('pending', 'confirmed') AND stock_revision > 0"""


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("orders", "0003_stock_revision_and_item_discount")]
    operations: ClassVar = [
        migrations.RunSQL(PATIENT, AS_BEFORE),
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL(AGAIN, migrations.RunSQL.noop), migrations.RunSQL(CREATE, AGAIN)],
            [migrations.AddConstraint("order", ONE)],
        ),
        AddIndexConcurrently("deadletter", models.Index(fields=["order_id"], name="dead_letters_of_order")),
        ValidateConstraint("orderitem", "order_items_discount"),
        migrations.RunSQL(AS_BEFORE, PATIENT),
    ]
