"""Records have the columns of their models, name for name: a new column that a record lacks would never be written or read."""

from typing import Any

import pytest
from msgspec import Struct

from orders.domain.records import OrderEventRow, OrderItemRow, OrderRow, VendorOrderRow
from orders.store.models import Order, OrderEvent, OrderItem, VendorOrder

GENERATED = {"total_value"}
"""The database computes it."""


@pytest.mark.parametrize(
    ("record", "model"),
    [(OrderRow, Order), (VendorOrderRow, VendorOrder), (OrderItemRow, OrderItem), (OrderEventRow, OrderEvent)],
)
def test_a_record_has_the_columns_of_its_model(record: type[Struct], model: Any) -> None:
    columns = {field.column for field in model._meta.concrete_fields} - GENERATED
    if model is OrderEvent:
        columns.remove("id")  # a sequence of the database

    assert set(record.__struct_fields__) == columns
