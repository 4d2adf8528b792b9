"""Orders as JSON documents built by PostgreSQL, one for each row, parts included: the common last step of all reads.

A queryset selects the rows; `compile_documents` turns it into SQL that returns their documents. Compiling costs more than
running, so a statement that is run often is compiled once, with a Placeholder for each value.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, QuerySet, TextField
from django.db.models.expressions import RawSQL
from django.db.models.sql.compiler import SQLCompiler

from orders.domain.records import OrderRecord, VendorOrderRecord

Record = TypeVar("Record", OrderRecord, VendorOrderRecord)
Statement = tuple[str, Sequence[Any] | Mapping[str, Any]]
"""SQL and its parameters: positional, or by the names of its Placeholders."""

SortKey = tuple[Any, uuid.UUID]
"""The position of a row in an ordering: its value of the ordering's column, and its id."""

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


class Placeholder(Expression):
    """A parameter of a compiled statement, as psycopg's named parameter."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:  # type: ignore[override]
        """Return `%(name)s`."""
        return f"%({self.name})s", []


def compile_documents(queryset: QuerySet[Any], *candidates: QuerySet[Any]) -> Statement:
    """Return the SQL of the documents of `queryset`.

    The concatenated rows of `candidates` replace the table, as a CTE of its name. Each has a limit, so that PostgreSQL does
    not merge it with the query, and reads it lazily if it has the order of `queryset`: it determines which index is used.
    """
    table = queryset.model._meta.db_table
    document = RawSQL(DOCUMENTS[table], (), TextField())
    text, parameters = queryset.annotate(document=document).values_list("document").query.sql_with_params()
    if not candidates:
        return text, parameters
    parts = [rows.query.sql_with_params() for rows in candidates]
    rows = " UNION ALL ".join(f"({part})" for part, _ in parts)
    return f'WITH "{table}" AS NOT MATERIALIZED ({rows}) {text}', [
        *(value for _, values in parts for value in values),
        *parameters,
    ]


def compile_template(queryset: QuerySet[Any]) -> str:
    """Return the SQL of the documents of `queryset`, whose values must all be Placeholders."""
    text, parameters = compile_documents(queryset)
    assert not parameters, f"Values that are no Placeholders: {parameters}"
    return text


def compile_scan(page: QuerySet[Any], limit: int, candidates: QuerySet[Any], end: QuerySet[Any]) -> Statement:
    """Return the SQL that filters `candidates`, which have the order of `page`, for its rows; `fetch_scan` runs it.

    It stops when the page has `limit` rows. Otherwise it also returns the SortKey that `end` selects: that of the last
    candidate, or nothing where the candidates end earlier.
    """
    text, parameters = compile_documents(page, candidates)
    sort_key, of_sort_key = end.query.sql_with_params()
    text = f"""
        WITH page AS MATERIALIZED ({text}) SELECT document, NULL, NULL FROM page
        UNION ALL SELECT NULL, scanned.* FROM ({sort_key}) AS scanned WHERE (SELECT count(*) FROM page) < {limit}"""
    return text, [*parameters, *of_sort_key]


def fetch(statement: Statement, decoder: "msgspec.json.Decoder[Record]") -> list[Record]:
    """Run `statement` and return its decoded documents."""
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return [decoder.decode(document) for (document,) in cursor.fetchall()]


def fetch_scan(statement: Statement, decoder: "msgspec.json.Decoder[Record]") -> tuple[list[Record], SortKey | None]:
    """Run a statement of `compile_scan`; return the page, and the end of a scan that did not fill it."""
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        rows = cursor.fetchall()
    records = [decoder.decode(document) for document, _, _ in rows if document is not None]
    ends = [(value, id_) for document, value, id_ in rows if document is None]
    return records, ends[0] if ends else None
