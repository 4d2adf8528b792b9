"""`python -m tests.support.models_view ORDER_ID…`: orders as the models read them, as JSON.

A program of its own, because Django is set up once a process and the tests use the service from outside.
"""

import json
import os
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "asgi_app.settings"
django.setup()

from django.core.exceptions import ValidationError  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402

from orders.store.models import Order, OrderEvent  # noqa: E402

DECIMALS = {"EUR": 2, "JPY": 0}
AMOUNTS = ("subtotal", "discount", "total", "unit_price")


def view(order: Order) -> dict[str, Any]:
    """Return the order as the API shows it, the errors of its models' validation, and the columns that saving would change."""
    names = "id number customer_id status payment_status currency subtotal discount total coupon_code note"
    names += " shipping_address created_at updated_at expires_at version"
    item = "id product_id vendor_id name sku quantity unit_price total discount"
    part = "id vendor_id status subtotal discount total carrier tracking_number tracking_url shipped_at delivered_at"
    rows: list[models.Model] = [order, *order.items.all(), *order.vendor_orders.all(), *order.events.all()]
    return {
        "order": json_values(order, names, order.currency),
        "items": [json_values(each, item, order.currency) for each in order.items.order_by("position")],
        "vendor_orders": [
            json_values(each, part, order.currency) for each in order.vendor_orders.order_by("vendor_id")
        ],
        "events": order.events.count(),
        "invalid": [complaint for row in rows for complaint in validation_errors(row)],
        "changed_by_saving": [str(row) for row in rows if not isinstance(row, OrderEvent) and changed_by_saving(row)],
    }


def json_values(row: models.Model, names: str, currency: str) -> dict[str, Any]:
    """Return these columns of a row as JSON values of the API."""
    values = {name: getattr(row, name) for name in names.split()}
    for name in AMOUNTS:
        if name in values:
            values[name] = f"{Decimal(values[name]).scaleb(-DECIMALS[currency]):.{DECIMALS[currency]}f}"
    for name, value in values.items():
        if hasattr(value, "isoformat"):
            values[name] = value.isoformat().replace("+00:00", "Z")
    return {name: str(value) if name == "id" else value for name, value in values.items()}


def validation_errors(row: models.Model) -> Iterator[str]:
    """Return the errors of `full_clean`; that a value is blank is a rule for forms, not for the database."""
    try:
        row.full_clean()
    except ValidationError as error:
        for name, errors in error.error_dict.items():
            yield from (f"{row!r}.{name}: {each}" for each in errors if each.code != "blank")


def changed_by_saving(row: models.Model) -> bool:
    """Return whether the row would differ if the model had written it."""
    table, before = row._meta.db_table, as_stored(row)
    with transaction.atomic():
        row.save(force_update=True)
        after = as_stored(row)
        transaction.set_rollback(True)
    assert after, table
    return before != after


def as_stored(row: models.Model) -> str:
    """Return the row's columns as PostgreSQL's text."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT stored::text FROM {row._meta.db_table} AS stored WHERE id = %s", [row.pk])
        return str(cursor.fetchone()[0])


if __name__ == "__main__":
    print(json.dumps([view(Order.objects.get(id=order_id)) for order_id in sys.argv[1:]]))
