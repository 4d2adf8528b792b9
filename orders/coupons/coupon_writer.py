"""Writing of new coupons, of one or of ten thousand with the same terms."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection

from orders.coupons import history
from orders.coupons.models import Coupon
from orders.domain.callers import Actor

_OF_EACH = {"id": "made.id", "code": "made.code"}
"""The columns that differ between the coupons of one statement."""


@cache
def _statement() -> tuple[str, list[str]]:
    """Return the statement that inserts coupons, and the columns of its parameters: all those that the coupons share."""
    fields = {str(field.column): str(field.db_type(connection)) for field in Coupon._meta.concrete_fields}
    shared = [column for column in fields if column not in _OF_EACH]
    columns = ", ".join([*_OF_EACH, *shared])
    values = ", ".join([*_OF_EACH.values(), *(f"%s::{fields[column]}" for column in shared)])
    return (
        f"INSERT INTO coupons ({columns}) SELECT {values} FROM unnest(%s::uuid[], %s::text[]) AS made (id, code)"
        " ON CONFLICT DO NOTHING RETURNING id"
    ), shared


def insert_coupons(
    *,
    ids: Sequence[uuid.UUID],
    codes: Sequence[str],
    terms: Mapping[str, Any],
    batch_id: uuid.UUID | None,
    actor: Actor,
    at: datetime,
) -> None:
    """Write coupons of the same terms, with their uses and history: three statements for any number of them.

    Nothing is written for a coupon whose id or code exists.
    """
    row = {**terms, "batch_id": batch_id, "version": 1, "created_at": at, "updated_at": at, "deleted_at": None}
    statement, shared = _statement()
    with connection.cursor() as cursor:
        cursor.execute(statement, [*(row[column] for column in shared), list(ids), list(codes)])
        created = [id_ for (id_,) in cursor.fetchall()]
        cursor.execute("INSERT INTO coupon_usage (coupon_id) SELECT unnest(%s::uuid[])", [created])
    history.record(history.CREATED, [history.Entry(id_, 1, {}) for id_ in created], actor=actor, at=at)
