"""Writing new orders: everything an order consists of in one statement, orders that arrive together in the same one.

The statement takes one JSON document of rows and is made once from the models' own columns. It skips `save()`, so a
test compares what it wrote with the models. An order that meets another one (its id exists, or its cart's version has
made an order) is left out without harming the others.

Times are the database's: a row comes with those of this process's clock, and all of them are moved by the difference
between the two clocks. A clock that is wrong would hide the order from a client that asks for what is new since a time.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from django.db import DatabaseError, OperationalError, connection, models
from django.db.backends.utils import CursorWrapper
from msgspec import Struct

from orders.domain.records import OrderEventRow, OrderItemRow, OrderRecord, OrderRow, VendorOrderRow
from orders.runtime import commit_signal
from orders.store import database
from orders.store.models import Order, OrderEvent, OrderItem, OutboxMessage, VendorOrder
from orders.store.reconnect import is_of_the_connection

BATCH_SIZE = 32
"""Orders in one statement: more would make the first of them wait for the last."""

MAX_CONCURRENT_WRITES = 2
"""While one statement waits for the disk, the next is on its way; more only make batches smaller."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order's rows, by column; parents before what refers to them."""

    orders: Sequence[OrderRow]
    vendor_orders: Sequence[VendorOrderRow]
    order_items: Sequence[OrderItemRow]
    order_events: Sequence[OrderEventRow]
    outbox: Sequence[Mapping[str, Any]]

    @property
    def id(self) -> uuid.UUID:
        return self.orders[0].id

    @property
    def record(self) -> OrderRecord:
        return OrderRecord(self.orders[0], self.order_items, self.vendor_orders)

    def move(self, difference: timedelta) -> None:
        """Move the times that the record shows by the difference between the database's clock and this process's."""
        rows: list[OrderRow | VendorOrderRow] = [*self.orders, *self.vendor_orders]
        for row in rows:
            row.created_at += difference
            row.updated_at += difference
        self.orders[0].expires_at += difference
        self.orders[0].payment_check_at += difference


TABLES = [field.name for field in fields(NewOrder)]
ROWS: dict[str, type[Struct]] = {
    "orders": OrderRow,
    "vendor_orders": VendorOrderRow,
    "order_items": OrderItemRow,
    "order_events": OrderEventRow,
}
_MODELS: dict[str, type[models.Model]] = {
    model._meta.db_table: model for model in (Order, VendorOrder, OrderItem, OrderEvent, OutboxMessage)
}


class OrderWriter:
    """Collects the new orders of one process and writes them in batches. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[NewOrder, asyncio.Future[bool]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps weak references only
        self._writing = 0

    async def write(self, order: NewOrder) -> bool:
        """Write `order`, all of it or nothing. False when it met another order: of its id, or of its cart's version.

        Raises DependencyUnavailable("database") when it isn't known whether it was written.
        """
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((order, written))
        if self._writing < MAX_CONCURRENT_WRITES:
            self._writing += 1
            task = asyncio.create_task(self._flush())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        was_new: bool = await written
        return was_new

    async def _flush(self) -> None:
        try:
            await self._write_all()
        finally:  # not in a callback of the task: an order that came before that ran would wait for the next one
            self._writing -= 1
        commit_signal.notify()

    async def _write_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH_SIZE, len(self._waiting)))]
            try:
                outcomes = await database.run(_write_or_each, [order for order, _ in batch])
            except Exception as error:  # whatever stopped the batch, everyone in it must hear of it
                outcomes = [error] * len(batch)
            for (_, written), outcome in zip(batch, outcomes, strict=True):
                if written.cancelled():
                    continue
                if isinstance(outcome, Exception):
                    written.set_exception(outcome)
                else:
                    written.set_result(outcome)


def _write_or_each(batch: list[NewOrder]) -> list[bool | Exception]:
    """Write the batch; when the database refuses it, one by one, so that a bad order is told from the good ones.

    What tells of the connection instead of the orders is raised: `database.run` writes all of them again on another one.
    """
    try:
        written = insert(batch)
    except DatabaseError as error:
        if len(batch) == 1 or is_of_the_connection(error):
            raise
        return [_write_alone(order) for order in batch]
    return [order.id in written for order in batch]


def _write_alone(order: NewOrder) -> bool | Exception:
    try:
        return bool(insert([order]))
    except DatabaseError as error:
        if is_of_the_connection(error):
            raise
        return database.unavailable(error) if isinstance(error, OperationalError) else error


def insert(batch: Iterable[NewOrder]) -> set[uuid.UUID]:
    """Insert the orders of `batch` that meet no other order, in one statement; return their ids."""
    # Orders meet others of the same customer: two batches in one order do not wait for each other.
    in_order = sorted(batch, key=lambda order: (order.orders[0].customer_id, order.id))
    rows: dict[str, Any] = {table: [row for order in in_order for row in getattr(order, table)] for table in TABLES}
    cursor: CursorWrapper
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [msgspec.json.encode({**rows, "at": datetime.now(UTC)}).decode()])
        written: dict[uuid.UUID, timedelta] = dict(cursor.fetchall())
    for order in in_order:
        if order.id in written:
            order.move(written[order.id])
    return set(written)


@cache
def _statement() -> str:
    inserts = ", ".join(f"new_{table} AS ({_insert(table)})" for table in TABLES)
    clocks = "clock_timestamp() - (rows->>'at')::timestamptz AS difference FROM (SELECT %s::jsonb AS rows) AS given"
    return f"WITH document AS MATERIALIZED (SELECT rows, {clocks}), {inserts} SELECT id, difference FROM new_orders, document"


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
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM {source} JOIN new_orders ON new_orders.id = r.order_id"


def _columns(table: str) -> "list[models.Field[Any, Any]]":
    """The columns that a row brings along; the database gives the others their values."""
    columns = _MODELS[table]._meta.concrete_fields
    if row := ROWS.get(table):
        return [column for column in columns if column.column in row.__struct_fields__]
    return [c for c in columns if not isinstance(c, models.AutoField) and not c.has_db_default()]
