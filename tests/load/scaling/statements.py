"""The service's own functions on databases of different sizes, in turns: time, CPU, buffers and WAL of each.

A program of its own, started by `table_size.py` with the environment of a server, because Django belongs to one process:
`python -m tests.load.scaling.statements FILE DATABASE … --samples 100 --rounds 5` writes its figures to FILE.
"""

import argparse
import json
import os
import random
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402  Django must be set up first

from orders.domain.callers import Actor, Caller  # noqa: E402
from orders.domain.ids import order_id_of  # noqa: E402
from orders.domain.pricing import Product, price  # noqa: E402
from orders.outbox import queue  # noqa: E402
from orders.services.checkout.new_order import new_order  # noqa: E402
from orders.services.payments.events import PaymentMessage, record  # noqa: E402
from orders.store.order_lists import list_orders  # noqa: E402
from orders.store.order_queries import read_order  # noqa: E402
from orders.store.order_writer import NewOrder, insert_orders  # noqa: E402
from orders.store.paging import PageRequest  # noqa: E402

PAGE = PageRequest(20)
ROWS_OF_A_CLAIM = 20

IO = """
    SELECT sum(hits)::bigint, sum(reads)::bigint, (SELECT wal_bytes::bigint FROM pg_stat_get_backend_wal(pg_backend_pid())),
        (SELECT wal_fpi FROM pg_stat_get_backend_wal(pg_backend_pid()))
    FROM pg_stat_get_backend_io(pg_backend_pid()) WHERE object = 'relation'"""


@dataclass(frozen=True)
class Cost:
    """The cost of one call in one round: the median time, and the means of the others.

    Buffers are pages of 8 KiB that PostgreSQL accessed, `reads` those of them that were not in its memory.
    """

    milliseconds: float
    cpu: float
    buffers: float
    reads: float
    wal: float
    page_images: float


Call = Callable[[], object]


def sample(database_orders: int, count: int) -> list[tuple[str, uuid.UUID]]:
    """Return customers and an order of each, from all over the table."""
    with connection.cursor() as cursor:
        share = min(100.0, 100 * 20 * count / max(database_orders, 1))
        cursor.execute(f"SELECT customer_id, id FROM orders TABLESAMPLE SYSTEM ({share}) REPEATABLE (1)")
        found = cursor.fetchall()
    random.Random(1).shuffle(found)
    return found[:count]


def placed(customer_id: str, number: int) -> NewOrder:
    """Return an order of three lines of two vendors, as checkout makes it."""
    ids = {f"scaling-{n % 30}": n % 2 + 1 for n in range(number, number + 3)}
    products = {
        id_: Product(id_, f"v-scaling-{vendor}", "Mug in blue", id_.upper(), 1999, "EUR", 1)
        for id_, vendor in ids.items()
    }
    address = {
        "name": "Ada Lovelace",
        "line1": "12 Rue de la Paix",
        "city": "Paris",
        "postal_code": "75002",
        "country": "FR",
    }
    return new_order(
        order_id=order_id_of(customer_id, str(uuid.uuid4())),
        actor=Actor("customer", customer_id, str(uuid.uuid4())),
        pricing=price(dict.fromkeys(products, 1), products, "EUR"),
        address=address,
        note="",
        cart_version=time.time_ns() // 1000,
        request_hash="\\x" + "00" * 32,
        stock_revision=1,
    )


def captured(order: NewOrder) -> PaymentMessage:
    """Return Payment's event that the order is paid."""
    now, event_id, row = datetime.now(UTC), str(uuid.uuid4()), order.order
    message = {
        "event_id": event_id,
        "type": "payment.captured",
        "occurred_at": now.isoformat(),
        "order_id": str(row.id),
        "payment_id": f"pay-{event_id}",
        "amount_minor": row.total,
        "currency": row.currency,
        "refund_id": None,
        "reason": None,
        "signature": "0" * 64,
    }
    return PaymentMessage(
        event_id, "payment.captured", now, row.id, f"pay-{event_id}", row.total, row.currency, None, message
    )


def insert(order: NewOrder) -> None:
    if insert_orders([order]) != [True]:
        raise SystemExit("An order was not written.")


def end_leases() -> None:
    """Make the rows of the new orders due, as after the end of a process that had leased them."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox SET available_at = now()")


def claims(orders: int) -> list[Call]:
    """Return claims of ROWS_OF_A_CLAIM due rows in each queue; each of the new orders has one row in each."""
    times = max(orders // ROWS_OF_A_CLAIM, 1)
    return [partial(claim, name, min(ROWS_OF_A_CLAIM, orders)) for name in queue.Queue for _ in range(times)]


def claim(name: queue.Queue, rows: int) -> None:
    if len(queue.claim(rows, name)) != rows:
        raise SystemExit(f"Fewer than {rows} rows of {name} were claimed.")


def measured(calls: Sequence[Call]) -> Cost:
    """Execute the calls; return the cost of one."""
    process = Path(f"/proc/{backend()}/schedstat")
    before, began = io(), int(process.read_text().split()[0])
    times = []
    for call in calls:
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    cpu = int(process.read_text().split()[0]) - began
    hits, reads, wal, images = (now - then for now, then in zip(io(), before, strict=True))
    share = 1 / len(calls)
    return Cost(
        statistics.median(times), cpu * share / 1e6, (hits + reads) * share, reads * share, wal * share, images * share
    )


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [[pid]] = cursor.fetchall()
    return int(pid)


def io() -> tuple[int, ...]:
    """Return the backend's counters, complete up to now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")
        cursor.execute(IO)
        [row] = cursor.fetchall()
    return tuple(int(value or 0) for value in row)


def run_round(samples: Sequence[tuple[str, uuid.UUID]]) -> dict[str, Cost]:
    """Measure everything once in the connected database."""
    owners = [(Caller(customer_id, "customer", None, 0), order_id) for customer_id, order_id in samples]
    new = [placed(customer_id, number) for number, (customer_id, _) in enumerate(samples)]
    found = {
        "page of history": measured([partial(list_orders, owner, PAGE) for owner, _ in owners]),
        "order by id": measured([partial(read_order, owner, order_id) for owner, order_id in owners]),
        "checkout": measured([partial(insert, order) for order in new]),
    }
    end_leases()
    found["claim of the outbox"] = measured(claims(len(new)))
    events = [captured(order) for order in new]
    found["payment event"] = measured([partial(record, event=event, request_id=event.event_id) for event in events])
    verify(new)
    return found


def verify(new: Sequence[NewOrder]) -> None:
    """End with an error unless every order is paid and confirmed; empty the outbox for the next round."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM orders WHERE id = ANY(%s) AND status = 'confirmed'", [[o.order.id for o in new]]
        )
        [[confirmed]] = cursor.fetchall()
        if confirmed != len(new):
            raise SystemExit(f"{confirmed} of {len(new)} orders were paid.")
        cursor.execute("DELETE FROM outbox")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM outbox")


def connect(database: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = database


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("databases", nargs="+")
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    given = parser.parse_args()
    rounds: dict[str, list[dict[str, Cost]]] = {name: [] for name in given.databases}
    samples = {}
    for name in given.databases:
        connect(name)
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE relname = 'orders'")
            [[orders]] = cursor.fetchall()
        samples[name] = sample(orders, given.samples)
    for number in range(-1, given.rounds):  # the first one warms up
        for name in given.databases if number % 2 else reversed(given.databases):
            began = time.monotonic()
            connect(name)
            found = run_round(samples[name])
            print(f"  {time.monotonic() - began:7.1f} s  round {number + 1} on {name}", flush=True)
            if number >= 0:
                rounds[name].append(found)
    figures: dict[str, Any] = {
        name: [{call: asdict(cost) for call, cost in found.items()} for found in of_name]
        for name, of_name in rounds.items()
    }
    given.file.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
