"""The summing up of new entries of the audit trail and of the ledger into the kept sums.

Ids are given in order, but not committed in order. `settled` finds the ids below which nothing can appear any more, without
a clock and without delaying a writer: an insert locks its table before it gets an id.
"""

import time
from collections.abc import Mapping

from django.db import connection, transaction

from orders.analytics import kept_sums
from orders.analytics.models import Generation
from orders.store.models import OrderEvent, PaymentEvent

BATCH_SIZE = 5_000
"""Entries in one transaction of the worker: a fraction of a second."""

WRITERS_SECONDS = 0.2
"""The maximum wait for the transactions that are writing; after it, the next run tries again."""

_WRITERS = """
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND relation = %s::regclass AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()"""


@transaction.atomic
def sum_up() -> bool:
    """Add up to BATCH_SIZE new entries of the trail, and of the ledger, to the active sums; return whether there are more.

    Repeatable. One process does it at a time; for the others there is nothing to do.
    """
    active = Generation.objects.select_for_update(skip_locked=True).filter(is_active=True).first()
    return active is not None and add_to(active, upto=settled(), batch_size=BATCH_SIZE) >= BATCH_SIZE


def add_to(generation: Generation, *, upto: Mapping[str, int], batch_size: int) -> int:
    """Add the next entries up to the ids `upto` to a locked generation; return their number."""
    event_id = min(generation.last_event_id + batch_size, upto["order_events"])
    payment_event_id = min(generation.last_payment_event_id + batch_size, upto["payment_events"])
    added = 0
    if event_id > generation.last_event_id:
        added += event_id - generation.last_event_id
        kept_sums.add_entries(generation=generation.id, after=generation.last_event_id, upto=event_id)
        generation.last_event_id = event_id
    if payment_event_id > generation.last_payment_event_id:
        added += payment_event_id - generation.last_payment_event_id
        kept_sums.add_payments(generation=generation.id, after=generation.last_payment_event_id, upto=payment_event_id)
        generation.last_payment_event_id = payment_event_id
    if added:
        generation.save()
    return added


def settled() -> dict[str, int]:
    """Return by table the last id up to which all rows are committed or will never be; 0 when that is not known yet.

    An event of Payment that waits for its order is not in the ledger yet: the ids end before it.
    """
    last = {model._meta.db_table: _last_id(model) for model in (OrderEvent, PaymentEvent)}
    if not all(_wait_for_writers(table) for table in last):
        return dict.fromkeys(last, 0)
    parked = PaymentEvent.objects.filter(order=None).order_by("id").values_list("id", flat=True).first()
    if parked is not None:
        last["payment_events"] = min(last["payment_events"], parked - 1)
    return last


def _last_id(model: type[OrderEvent] | type[PaymentEvent]) -> int:
    return model.objects.order_by("-id").values_list("id", flat=True).first() or 0


def _wait_for_writers(table: str) -> bool:
    """Wait until the transactions that are writing to the table now have ended; return whether they have."""
    end = time.monotonic() + WRITERS_SECONDS
    with connection.cursor() as cursor:
        cursor.execute(_WRITERS, [table])
        writing = {found for (found,) in cursor.fetchall()}
        while writing:
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
            cursor.execute(_WRITERS, [table])
            writing &= {found for (found,) in cursor.fetchall()}
    return True
