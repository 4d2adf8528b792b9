"""Orders as JSON documents made by PostgreSQL, one a row, parts included: what reading comes down to.

A queryset says which rows are asked for; here its SQL is turned into one that answers documents. Compiling costs more than
running, so a shape that is asked for often is compiled once, with stand-ins for the values it is run with.
"""

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from django.db import connection
from django.db.models import QuerySet, TextField
from django.db.models.expressions import RawSQL

from orders.domain.records import OrderRecord, VendorOrderRecord

Record = TypeVar("Record", OrderRecord, VendorOrderRecord)
Statement = tuple[str, tuple[Any, ...]]
Place = tuple[Any, uuid.UUID]
"""Of a row in an order: its value of the column that the order goes by, and its id."""

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


def compiled(queryset: QuerySet[Any], *among: QuerySet[Any]) -> Statement:
    """The SQL that answers the documents of `queryset`, and its parameters in their order.

    The rows of `among`, one after the other, take the table's place. Each has a limit, so that PostgreSQL reads it as it
    stands, lazily if it is in the order of `queryset`: it says which index is used.
    """
    table = queryset.model._meta.db_table
    document = RawSQL(DOCUMENTS[table], (), TextField())
    text, parameters = queryset.annotate(document=document).values_list("document").query.sql_with_params()
    if not among:
        return text, parameters
    parts = [rows.query.sql_with_params() for rows in among]
    rows = " UNION ALL ".join(f"({rows})" for rows, _ in parts)
    before, after = text.split(f' FROM "{table}" ', maxsplit=1)
    return f'{before} FROM ({rows}) AS "{table}" {after}', (*(p for _, of_part in parts for p in of_part), *parameters)


def walking(page: QuerySet[Any], rows: QuerySet[Any], last: QuerySet[Any]) -> Statement:
    """The SQL that looks for `page` among `rows`, which have its order; `fetch_to` runs it.

    It stops when the page is full. If it isn't, it answers the Place that `last` holds too: that of the last of `rows`, or
    nothing where they end before that.
    """
    text, parameters = compiled(page, rows)
    place, of_place = last.query.sql_with_params()
    text = f"""
        WITH page AS MATERIALIZED ({text}) SELECT document, NULL, NULL FROM page
        UNION ALL SELECT NULL, last.* FROM ({place}) AS last WHERE (SELECT count(*) FROM page) < {page.query.high_mark}"""
    return text, (*parameters, *of_place)


def fetch(
    statement: Statement, decoder: "msgspec.json.Decoder[Record]", values: Mapping[Any, Any] = NOTHING
) -> list[Record]:
    """Run `statement` with `values` for its stand-ins, and decode what it answers."""
    text, stand_ins = statement
    with connection.cursor() as cursor:
        cursor.execute(text, [values.get(value, value) for value in stand_ins])
        return [decoder.decode(document) for (document,) in cursor.fetchall()]


def fetch_to(statement: Statement, decoder: "msgspec.json.Decoder[Record]") -> tuple[list[Record], Place | None]:
    """Run a statement of `walking`: the page, and the place where it stopped looking before the page was full."""
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        answered = cursor.fetchall()
    records = [decoder.decode(document) for document, _, _ in answered if document is not None]
    places = [(value, id_) for document, value, id_ in answered if document is None]
    return records, places[0] if places else None
