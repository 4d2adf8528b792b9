"""One moment of the database for all statements of a report.

An entry is either in the kept sums or after their last id, because both are read at that moment.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from orders.analytics import bookings

# The number of new entries, and the length of a range, decide the plan: a plan for any parameters may read whole tables.
# Reports are short and many, so they take one core each and are not compiled. What they read of the trail lies together. A year of
# 20 000 products is 300 000 rows, which are added up by hash rather than sorted on disk (0.5 s instead of 0.9 s). Of the edges of a
# range the planner expects few rows, and would sort them for a merge join.
_BEGIN = """
    SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true),
        set_config('max_parallel_workers_per_gather', '0', true), set_config('random_page_cost', '1.1', true),
        set_config('work_mem', '64MB', true), set_config('enable_mergejoin', 'off', true),
        id, last_event_id, last_payment_event_id
    FROM analytics_generations WHERE is_active"""

ENTRIES = f"entries AS (SELECT * FROM order_events WHERE id > %(last_event_id)s::bigint), {bookings.FACTS}"
"""The trail's entries that are not in the kept sums, with their facts."""

PAYMENTS = (
    "payments AS (SELECT * FROM payment_events WHERE id > %(last_payment_event_id)s::bigint AND order_id IS NOT NULL)"
)
"""The ledger's events that are not in the kept sums."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The sums that are active at this moment, and the last ids that they contain."""

    generation: int
    last_event_id: int
    last_payment_event_id: int

    def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of a statement, whose parameters include this object's fields."""
        of_sums = {
            "generation": self.generation,
            "last_event_id": self.last_event_id,
            "last_payment_event_id": self.last_payment_event_id,
        }
        with connection.cursor() as cursor:
            cursor.execute(statement, {**of_sums, **parameters})
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, statement: str, **parameters: Any) -> Mapping[str, Any]:
        """Return the only row of a statement."""
        [row] = self.rows(statement, **parameters)
        return row


@contextmanager
def snapshot() -> Iterator[Snapshot]:
    """Read what is committed now, and nothing that is committed later, until the end of the context."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(_BEGIN)
        yield Snapshot(*cursor.fetchone()[-3:])
