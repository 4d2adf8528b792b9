"""Orders as JSON documents made by PostgreSQL, one a row, parts included: what reading comes down to.

A queryset says which rows are asked for; here its SQL is turned into one that answers documents. Compiling costs more than
running, so a shape that is asked for often is compiled once, with stand-ins for the values it is run with.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from django.db import connection
from django.db.models import QuerySet, TextField
from django.db.models.expressions import RawSQL

from orders.rows import OrderRecord, VendorOrderRecord

Record = TypeVar("Record", OrderRecord, VendorOrderRecord)
Statement = tuple[str, tuple[Any, ...]]

ITEMS = """(
    SELECT coalesce(json_agg(row_to_json(part) ORDER BY part.position), '[]')
    FROM order_items part WHERE part.{key} = {table}.id)"""
DOCUMENTS: dict[str, str] = {
    "orders": f"""json_build_object(
    'row', row_to_json(orders.*),
    'items', {ITEMS.format(key="order_id", table="orders")},
    'vendor_orders', (
        SELECT coalesce(json_agg(row_to_json(part) ORDER BY part.vendor_id), '[]')
        FROM vendor_orders part WHERE part.order_id = orders.id))::text""",
    "vendor_orders": f"""json_build_object(
    'row', row_to_json(vendor_orders.*),
    'items', {ITEMS.format(key="vendor_order_id", table="vendor_orders")},
    'order', (SELECT row_to_json(parent) FROM orders parent WHERE parent.id = vendor_orders.order_id))::text""",
}
ORDERS = msgspec.json.Decoder(OrderRecord)
VENDOR_ORDERS = msgspec.json.Decoder(VendorOrderRecord)
NOTHING: Mapping[Any, Any] = MappingProxyType({})


def compiled(queryset: QuerySet[Any]) -> Statement:
    """The SQL that answers the documents of `queryset`, and its parameters in their order."""
    document = RawSQL(DOCUMENTS[queryset.model._meta.db_table], (), TextField())
    text, parameters = queryset.annotate(document=document).values_list("document").query.sql_with_params()
    return text, parameters


def fetch(
    statement: Statement, decoder: "msgspec.json.Decoder[Record]", values: Mapping[Any, Any] = NOTHING
) -> list[Record]:
    """Run `statement` with `values` for its stand-ins, and decode what it answers."""
    text, stand_ins = statement
    with connection.cursor() as cursor:
        cursor.execute(text, [values.get(value, value) for value in stand_ins])
        return [decoder.decode(document) for (document,) in cursor.fetchall()]
