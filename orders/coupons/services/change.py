"""Changes of coupons: one by its code, or several in one step."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import transaction
from django.db.models import F, UUIDField, Value

from orders.coupons import history
from orders.coupons.models import Coupon, CouponQuerySet
from orders.coupons.records import CouponRow
from orders.coupons.services.reading import read_coupon
from orders.coupons.terms import DEFAULTS, changed_terms, shown
from orders.domain.callers import Actor, Caller
from orders.domain.errors import NotFound
from orders.store.changes import Tags, check_version, database_time
from orders.store.list_query import EqualsAny

READ = ("id", "version", "updated_at", *DEFAULTS)

Row = dict[str, Any]


@transaction.atomic
def change_coupon(*, caller: Caller, code: str, given: Mapping[str, Any], if_match: Tags, request_id: str) -> CouponRow:
    """Set the `given` terms and return the coupon. One that has these values already keeps its version and history.

    Raises NotFound, PreconditionFailed, Invalid.
    """
    locked = lock_coupons(coupons=Coupon.objects.visible_to(caller).filter(code=code))
    if not locked:
        raise NotFound()
    check_version(if_match=if_match, version=locked[0]["version"])
    change_locked(rows=locked, given=given, actor=Actor.of(caller, request_id))
    return read_coupon(caller=caller, code=code)


@transaction.atomic
def delete_coupon(*, caller: Caller, code: str, if_match: Tags, request_id: str) -> None:
    """Delete the coupon: its row is kept, its code is free. Raises NotFound, PreconditionFailed."""
    locked = lock_coupons(coupons=Coupon.objects.visible_to(caller).filter(code=code))
    if not locked:
        raise NotFound()
    [coupon] = locked
    check_version(if_match=if_match, version=coupon["version"])
    at, version = time_of_change(rows=locked), coupon["version"] + 1
    Coupon.objects.filter(id=coupon["id"]).update(deleted_at=at, updated_at=at, version=version)
    entry = history.Entry(coupon["id"], version, {})
    history.record(history.DELETED, [entry], actor=Actor.of(caller, request_id), at=at)


def lock_coupons(*, coupons: CouponQuerySet) -> list[Row]:
    """Return the terms of these coupons, locked against changes until the transaction ends; orders can still use them."""
    return list(coupons.select_for_update(no_key=True).order_by("id").values(*READ))


def time_of_change(*, rows: Sequence[Row]) -> datetime:
    """Return the database's time, or that of the latest earlier change if a clock was set back."""
    latest: datetime = max(row["updated_at"] for row in rows)
    return max(database_time(), latest)


def change_locked(*, rows: Sequence[Row], given: Mapping[str, Any], actor: Actor) -> int:
    """Set the `given` terms of locked coupons of one currency that do not have them yet; return the number of these.

    Two statements for any number of coupons. Raises Invalid, and changes nothing, when any coupon's terms would contradict
    each other.
    """
    changed: list[history.Entry] = []
    terms: Mapping[str, Any] = {}
    known: dict[tuple[Any, ...], tuple[Mapping[str, Any], dict[str, Any]]] = {}
    for row in rows:
        key = tuple(tuple(value) if isinstance(value := row[name], list) else value for name in DEFAULTS)
        if key not in known:
            known[key] = _change(row, given)
        terms, changes = known[key]
        if changes:
            changed.append(history.Entry(row["id"], row["version"] + 1, changes))
    if changed:
        at = time_of_change(rows=rows)
        _with_ids([entry.coupon_id for entry in changed]).update(**terms, version=F("version") + 1, updated_at=at)
        history.record(history.CHANGED, changed, actor=actor, at=at)
    return len(changed)


def _change(row: Row, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return the new values of columns, and the old and new values of those terms that differ."""
    terms, currency = changed_terms(row, given), row["currency"]
    different = {name: [row[name], value] for name, value in terms.items() if value != row[name]}
    changes = {name: [shown(name, value, currency) for value in values] for name, values in different.items()}
    return terms, changes


def _with_ids(ids: Sequence[uuid.UUID]) -> CouponQuerySet:
    return Coupon.objects.filter(EqualsAny(F("id"), Value(list(ids), ArrayField(UUIDField()))))
