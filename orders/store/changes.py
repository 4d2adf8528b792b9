"""The common parts of a change of a versioned row: If-Match, and the time of the change."""

from datetime import datetime

from django.db import connection

from orders.domain.errors import PreconditionFailed

Tags = frozenset[str] | None
"""The entity tags of an If-Match header, quotes included; None allows any version."""


def database_time() -> datetime:
    """Return the time of the database's clock, because the clocks of servers differ."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def check_version(*, if_match: Tags, version: int) -> None:
    """Raise PreconditionFailed unless If-Match allows the current version."""
    if if_match is not None and f'"{version}"' not in if_match:
        raise PreconditionFailed(f"The current version is {version}. Read it before retrying.")
