"""Bulk inserts of new orders: all rows of an order in one statement, concurrent orders in the same statement.

The statement takes one JSON document of rows and is built once from the models' columns. It bypasses `save()`, so a test
compares the rows that it writes with the models. A conflicting order (its id exists, or an order of its cart version) is
skipped without an effect on the others.

Times are the database's: rows have the times of this process's clock, and all of them are shifted by the difference between
the two clocks. A wrong clock would hide the order from a client that polls with `updated_since`.

The rows of the outbox are leased from the start (`orders.outbox.queue`), and their ids returned: after the commit this process
hands them to its relay.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import msgspec
from django.db import DatabaseError, OperationalError, connection, models
from django.db.backends.utils import CursorWrapper
from msgspec import Struct

from orders.domain.errors import OrderError
from orders.domain.records import OrderEventRow, OrderItemRow, OrderRecord, OrderRow, VendorOrderRow
from orders.runtime.tracing import span
from orders.store import database
from orders.store.batches import Batches
from orders.store.models import Order, OrderEvent, OrderItem, OutboxMessage, VendorOrder
from orders.store.reconnect import is_of_the_connection

BATCH_SIZE = 32
"""Orders in one statement: with more, the first of them would wait for the last."""

MAX_CONCURRENT_WRITES = 2
"""Concurrent statements: while one waits for the disk, the next one is processed; more would only reduce the batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """The rows of a new order, the parts by their tables."""

    order: OrderRow
    vendor_orders: Sequence[VendorOrderRow]
    order_items: Sequence[OrderItemRow]
    order_events: Sequence[OrderEventRow]
    outbox: Sequence[Mapping[str, Any]]
    outbox_ids: dict[str, int] = field(default_factory=dict)
    """The ids of the inserted rows of the outbox by their lanes, which are different."""

    @property
    def record(self) -> OrderRecord:
        return OrderRecord(self.order, self.order_items, self.vendor_orders)

    def move(self, difference: timedelta) -> None:
        """Shift the record's times by the difference between the database's clock and this process's."""
        rows: list[OrderRow | VendorOrderRow] = [self.order, *self.vendor_orders]
        for row in rows:
            row.created_at += difference
            row.updated_at += difference
        self.order.expires_at += difference
        self.order.payment_check_at += difference


PARTS = ("vendor_orders", "order_items", "order_events", "outbox")
"""Tables of an order's parts; a table before those that refer to it."""

ROWS: dict[str, type[Struct]] = {
    "orders": OrderRow,
    "vendor_orders": VendorOrderRow,
    "order_items": OrderItemRow,
    "order_events": OrderEventRow,
}
LEASE = ("attempts", "available_at")
"""The columns of the outbox that new orders set though the database has a default for them."""

_MODELS: dict[str, type[models.Model]] = {
    model._meta.db_table: model for model in (Order, VendorOrder, OrderItem, OrderEvent, OutboxMessage)
}


Outcome = bool | OrderError
"""The outcome of one order: whether it was written or conflicts with another one, or its refusal."""

Insert = Callable[[Sequence[NewOrder]], Sequence[Outcome]]
"""A function that inserts a batch in one transaction and returns the outcome of each order."""

OnWritten = Callable[[NewOrder], None]
"""A function that is called for each order whose transaction has committed, in the event loop. It must not raise."""


class OrderWriter:
    """A writer of one process, which collects new orders and writes them in batches. Bound to one event loop."""

    def __init__(self, insert: Insert, on_written: OnWritten, max_concurrent: int = MAX_CONCURRENT_WRITES) -> None:
        def on_outcome(order: NewOrder, is_new: bool) -> None:
            if is_new:
                on_written(order)

        self._batches = Batches(partial(_write_or_each, insert), BATCH_SIZE, max_concurrent, on_outcome)

    async def write(self, order: NewOrder) -> bool:
        """Write `order` atomically. Return False for a conflict with another order of its id or its cart version.

        Raises the refusal of `insert`, or DependencyUnavailable("database") when it is unknown whether it was written.
        """
        with span("write order"):
            return await self._batches.run(order)


def _write_or_each(insert: Insert, batch: Sequence[NewOrder]) -> Sequence[bool | Exception]:
    """Write the batch; when the database refuses it, write each order alone, so that an invalid one does not fail the others.

    An error of the connection is raised: `database.run` repeats the whole batch on another connection.
    """
    try:
        return insert(batch)
    except DatabaseError as error:
        if len(batch) == 1 or is_of_the_connection(error):
            raise
        return [_write_alone(insert, order) for order in batch]


def _write_alone(insert: Insert, order: NewOrder) -> bool | Exception:
    try:
        [outcome] = insert([order])
        return outcome
    except DatabaseError as error:
        if is_of_the_connection(error):
            raise
        return database.unavailable(error) if isinstance(error, OperationalError) else error


def insert_orders(batch: Sequence[NewOrder]) -> list[Outcome]:
    """Insert the orders of `batch` that conflict with no other order."""
    written = insert(batch)
    move(batch, written)
    return [new.order.id in written for new in batch]


def move(batch: Iterable[NewOrder], written: Mapping[uuid.UUID, timedelta]) -> None:
    """Give the records of the written orders the times of the database, once their transaction has committed."""
    for new in batch:
        if new.order.id in written:
            new.move(written[new.order.id])


def insert(batch: Iterable[NewOrder]) -> dict[uuid.UUID, timedelta]:
    """Insert the orders of `batch` that conflict with no other order, in one statement.

    Return the ids of the inserted orders, each with the difference between the database's clock and this process's.
    """
    # Conflicts are between orders of one customer: a common order prevents deadlocks between batches.
    in_order = sorted(batch, key=lambda new: (new.order.customer_id, new.order.id))
    rows: dict[str, Any] = {table: [row for new in in_order for row in getattr(new, table)] for table in PARTS}
    document = {**rows, "orders": [new.order for new in in_order], "at": datetime.now(UTC)}
    cursor: CursorWrapper
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [msgspec.json.encode(document).decode()])
        written = {order_id: (difference, outbox_ids) for order_id, difference, outbox_ids in cursor.fetchall()}
    for new in in_order:
        if new.order.id in written:
            new.outbox_ids.update(written[new.order.id][1])
    return {order_id: difference for order_id, (difference, _) in written.items()}


@cache
def _statement() -> str:
    inserts = ", ".join(f"new_{table} AS ({_insert(table)})" for table in ("orders", *PARTS))
    clocks = "clock_timestamp() - (rows->>'at')::timestamptz AS difference FROM (SELECT %s::jsonb AS rows) AS given"
    return f"""
        WITH document AS MATERIALIZED (SELECT rows, {clocks}), {inserts},
        outbox_ids AS (SELECT order_id, json_object_agg(lane, id) AS ids FROM new_outbox GROUP BY order_id)
        SELECT id, difference, ids FROM document, new_orders JOIN outbox_ids ON order_id = new_orders.id"""


def _insert(table: str) -> str:
    columns = {column.column: column.db_type(connection) for column in _columns(table)}
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(
        f'r."{name}"' + (" + difference" if kind == "timestamp with time zone" else "")
        for name, kind in columns.items()
    )
    shape = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    source = f"document, jsonb_to_recordset(rows->'{table}') AS r({shape})"
    if table == "orders":
        return f"INSERT INTO orders ({names}) SELECT {values} FROM {source} ON CONFLICT DO NOTHING RETURNING id"
    statement = (
        f"INSERT INTO {table} ({names}) SELECT {values} FROM {source} JOIN new_orders ON new_orders.id = r.order_id"
    )
    return f"{statement} RETURNING order_id, lane, id" if table == "outbox" else statement


def _columns(table: str) -> "list[models.Field[Any, Any]]":
    """Return the columns for which a row has values; the database sets the others."""
    columns = _MODELS[table]._meta.concrete_fields
    if row := ROWS.get(table):
        return [column for column in columns if column.column in row.__struct_fields__]
    return [c for c in columns if not isinstance(c, models.AutoField) and (not c.has_db_default() or c.column in LEASE)]
