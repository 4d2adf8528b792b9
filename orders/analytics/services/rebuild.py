"""The making of all sums anew, and their comparison with those that are kept, while the service runs.

A new generation is made beside the active one, in the same way and in steps, then it becomes the active one and the old one
is deleted. Reports are exact at every moment; what is left by a process that was killed, the next rebuild deletes.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, models, transaction

from orders.analytics import kept_sums
from orders.analytics.models import Generation
from orders.analytics.services.sum_up import add_to, settled

BATCH_SIZE = 500_000
"""Entries in one transaction of a rebuild: about ten seconds. Fewer would update the sums of a month more often."""
DELETED_ROWS = 20_000

OnProgress = Callable[[int], None]
"""Called with the number of entries that have been summed up."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is kept otherwise than the facts have it; None stands for no row."""

    table: str
    key: Mapping[str, Any]
    kept: Mapping[str, Any] | None
    counted: Mapping[str, Any] | None


class Superseded(Exception):
    """Another rebuild has begun, and deleted the sums of this one."""


def rebuild(*, on_progress: OnProgress) -> None:
    """Make all sums anew and use them from then on. Raises Superseded."""
    with _transaction():
        active, upto = Generation.objects.get(is_active=True), settled()
    new = _begin()
    ends = {
        "order_events": max(upto["order_events"], active.last_event_id),
        "payment_events": max(upto["payment_events"], active.last_payment_event_id),
    }
    _make(new, ends, on_progress)
    _analyze()
    with _transaction():
        active = Generation.objects.select_for_update().get(is_active=True)
        Generation.objects.filter(id=active.id).update(is_active=False)
        if not Generation.objects.filter(id=new).update(is_active=True):
            raise Superseded()
    _delete_inactive()


def check(*, on_progress: OnProgress) -> list[Difference]:
    """Make all sums anew, return their differences from the active ones, and delete them. Raises Superseded."""
    active, new = Generation.objects.get(is_active=True), _begin()
    _make(new, _ends(active), on_progress)
    with _transaction():
        active = Generation.objects.select_for_update().get(is_active=True)  # the summing up waits
        _make(new, _ends(active), on_progress)
        differences = [each for kept in kept_sums.TABLES for each in _compare(kept, active.id, new)]
    _delete_inactive()
    return differences


# Without the time limits of requests. The orders of a batch lie near each other, so the primary keys find them sooner than
# reading the whole table would, as the planner would have it for a disk that seeks.
_SETTINGS = """
    SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true),
        set_config('random_page_cost', '1.1', true), set_config('work_mem', '64MB', true)"""


@contextmanager
def _transaction() -> Iterator[None]:
    """A transaction of a rebuild."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        yield


def _begin() -> int:
    """Delete what an earlier rebuild has left, and return the new generation."""
    _delete_inactive()
    return Generation.objects.create().id


def _ends(generation: Generation) -> dict[str, int]:
    return {"order_events": generation.last_event_id, "payment_events": generation.last_payment_event_id}


def _make(generation_id: int, upto: Mapping[str, int], on_progress: OnProgress) -> None:
    while True:
        with _transaction():
            new = Generation.objects.select_for_update().filter(id=generation_id).first()
            if new is None:
                raise Superseded()
            if not add_to(new, upto=upto, batch_size=BATCH_SIZE):
                return
        on_progress(new.last_event_id + new.last_payment_event_id)


def _analyze() -> None:
    """Have the planner know the new sums: of tables that it believes to be empty it reads every row for every row."""
    tables = ", ".join(str(model._meta.db_table) for model in kept_sums.TABLES)
    with _transaction(), connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {tables}")


def _delete_inactive() -> None:
    """Delete the sums that are not active, a part at a time, so that no lock and no transaction lasts long."""
    for generation in Generation.objects.filter(is_active=False):
        for model in kept_sums.TABLES:
            while _delete_some(str(model._meta.db_table), generation.id):
                pass
        generation.delete()


def _delete_some(table: str, generation: int) -> bool:
    with _transaction(), connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE generation = %s LIMIT %s))",
            [generation, DELETED_ROWS],
        )
        deleted: int = cursor.rowcount
    return deleted == DELETED_ROWS


def _compare(model: type[models.Model], kept: int, counted: int) -> Iterator[Difference]:
    table, key = str(model._meta.db_table), kept_sums.key_of(model)
    columns = kept_sums.columns_of(model)
    # A number of customers that a later sale has moved to another row may be kept as 0.
    given = "customers <> 0" if columns == ["customers"] else "TRUE"
    joined = " AND ".join(f"a.{name} = b.{name}" for name in key)
    values = ", ".join(f"{side}.{name}" for side in "ab" for name in [*key, *columns])
    different = " OR ".join(f"a.{name} IS DISTINCT FROM b.{name}" for name in [*key, *columns])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {values}
            FROM (SELECT * FROM {table} WHERE generation = %s AND {given}) AS a
            FULL JOIN (SELECT * FROM {table} WHERE generation = %s AND {given}) AS b ON {joined}
            WHERE {different}""",
            [kept, counted],
        )
        found = cursor.fetchall()
    names = [*key, *columns]
    for row in found:
        sides = [dict(zip(names, part, strict=True)) for part in (row[: len(names)], row[len(names) :])]
        by_side = [side if side[key[0]] is not None else None for side in sides]
        present = by_side[0] or by_side[1] or {}
        values_of = [side and {name: side[name] for name in columns} for side in by_side]
        yield Difference(table, {name: present[name] for name in key}, *values_of)
