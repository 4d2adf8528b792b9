"""Writing of a coupon's history. The sequence of an entry is the version of the coupon that the change made."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from orders.domain.callers import Actor

CREATED, CHANGED, DELETED = EVENT_TYPES = ("coupon.created", "coupon.changed", "coupon.deleted")

_INSERT = """
    INSERT INTO coupon_events (type, actor_role, actor_id, request_id, at, coupon_id, sequence, changes)
    SELECT %s::text, %s::text, %s::text, %s::text, %s::timestamptz, entry.*
    FROM unnest(%s::uuid[], %s::integer[], %s::jsonb[]) AS entry"""


class Entry(NamedTuple):
    """A change of one coupon: the version that it made, and the old and new values by field, as responses show them."""

    coupon_id: uuid.UUID
    version: int
    changes: dict[str, Any]


def record(type_: str, entries: Sequence[Entry], *, actor: Actor, at: datetime) -> None:
    """Append an entry to the history of each coupon, in one statement for any number of coupons."""
    ids, versions = [entry.coupon_id for entry in entries], [entry.version for entry in entries]
    changes = [msgspec.json.encode(entry.changes).decode() for entry in entries]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [type_, actor.role, actor.id, actor.request_id, at, ids, versions, changes])
