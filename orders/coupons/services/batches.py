"""Batches: coupons of the same terms with generated codes, created and changed in one step."""

import hashlib
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from orders.coupons.codes import random_codes
from orders.coupons.coupon_writer import insert_coupons
from orders.coupons.models import Coupon, CouponBatch, CouponUsage
from orders.coupons.records import BatchRow
from orders.coupons.services.change import change_locked, lock_coupons
from orders.coupons.services.create import managed_terms
from orders.coupons.terms import new_terms, with_defaults
from orders.domain.callers import Actor, Caller
from orders.domain.errors import DependencyUnavailable, IdempotencyKeyReused, NotFound
from orders.domain.ids import coupon_batch_id_of
from orders.store.changes import database_time
from orders.store.paging import Page, PageRequest, from_position, page_of
from orders.store.reconnect import check_primary

COPY_WAIT_MS = 2500
"""The maximum wait of a copy of a request in another process: longer than the insert of 10 000 coupons takes, shorter than
`statement_timeout`."""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A request for a batch: `given` are the terms of its coupons."""

    caller: Caller
    idempotency_key: str
    request_id: str
    count: int
    prefix: str
    given: Mapping[str, Any]

    @property
    def batch_id(self) -> uuid.UUID:
        return coupon_batch_id_of(self.caller.role, self.caller.id, self.idempotency_key)


@dataclass(frozen=True, slots=True)
class CreatedBatch:
    """The batch as created; `replayed` is true for the batch of an earlier request."""

    batch: BatchRow
    replayed: bool


@transaction.atomic
def create_batch(*, request: BatchRequest) -> CreatedBatch:
    """Create the batch and all of its coupons, or nothing. A repeated request returns the batch as it was created.

    Raises Invalid, IdempotencyKeyReused.
    """
    given = managed_terms(caller=request.caller, given={"usage_limit": 1, **request.given}, place="/coupon")
    wanted = _new_batch(request, with_defaults(given))
    if found := CouponBatch.objects.filter(id=wanted.id).first():
        check_primary()  # a standby may have what will be undone
        return _replay(found, wanted)
    terms = new_terms(given, now=wanted.created_at, place="/coupon")
    _wait_for_a_copy()
    try:
        with transaction.atomic():
            wanted.save(force_insert=True)
    except IntegrityError:
        return _replay(CouponBatch.objects.get(id=wanted.id), wanted)
    actor, count = Actor.of(request.caller, request.request_id), request.count
    codes = random_codes(count, request.prefix)
    ids = [uuid.uuid4() for _ in codes]
    created = insert_coupons(ids=ids, codes=codes, terms=terms, batch_id=wanted.id, actor=actor, at=wanted.created_at)
    if created < count:
        raise DependencyUnavailable("database", "a generated code exists")
    return CreatedBatch(_row(wanted, 0), replayed=False)


@transaction.atomic
def change_batch(
    *, caller: Caller, batch_id: uuid.UUID, given: Mapping[str, Any], request_id: str
) -> tuple[BatchRow, int]:
    """Set the `given` terms of all coupons of the batch; return the batch and the number of coupons that had others.

    Raises NotFound; Invalid when any coupon's own terms would contradict them, and then no coupon is changed.
    """
    batch = CouponBatch.objects.visible_to(caller).select_for_update(no_key=True).filter(id=batch_id).first()
    if batch is None:
        raise NotFound()
    locked = lock_coupons(coupons=Coupon.objects.visible_to(caller).filter(batch_id=batch_id), given=given.keys())
    changed = change_locked(rows=locked, given=given, actor=Actor.of(caller, request_id))
    if given.get("name", batch.name) != batch.name:
        batch.name = given["name"]
        batch.save(update_fields=["name"])
    return _row(batch, _times_used([batch_id]).get(batch_id, 0)), changed


def read_batch(*, caller: Caller, batch_id: uuid.UUID) -> BatchRow:
    """Return the batch. Raises NotFound."""
    batch = CouponBatch.objects.visible_to(caller).filter(id=batch_id).first()
    if batch is None:
        raise NotFound()
    return _row(batch, _times_used([batch_id]).get(batch_id, 0))


def ensure_batch_visible(*, caller: Caller, batch_id: uuid.UUID) -> None:
    """Raise NotFound unless the batch is visible to this caller."""
    if not CouponBatch.objects.visible_to(caller).filter(id=batch_id).exists():
        raise NotFound()


def list_batches(*, caller: Caller, request: PageRequest) -> Page[BatchRow]:
    """Return a page of the batches that are visible to this caller, newest first."""
    batches = list(from_position(CouponBatch.objects.visible_to(caller), request)[: request.limit + 1])
    uses = _times_used([batch.id for batch in batches])
    rows = [_row(batch, uses.get(batch.id, 0)) for batch in batches]
    return page_of(rows, request, sort_key=lambda row, _: (row.created_at, row.id))


def _new_batch(request: BatchRequest, terms: Mapping[str, Any]) -> CouponBatch:
    """Return the batch of the request. Its hash is that of the body with its defaults."""
    body = msgspec.json.encode((request.count, request.prefix, terms), order="deterministic")
    return CouponBatch(
        id=request.batch_id,
        request_hash=hashlib.sha256(body).digest(),
        count=request.count,
        prefix=request.prefix,
        name=terms["name"],
        vendor_id=terms["vendor_id"],
        funded_by=terms["funded_by"],
        created_at=database_time(),
    )


def _replay(found: CouponBatch, wanted: CouponBatch) -> CreatedBatch:
    """Return the existing batch as it was created: with the name of the request, which is the same, and without uses."""
    if bytes(found.request_hash) != wanted.request_hash:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used with a different body. Send the same body or a new key."
        )
    found.name = wanted.name
    return CreatedBatch(_row(found, 0), replayed=True)


def _wait_for_a_copy() -> None:
    """Let this transaction wait for a copy of its request in another process for as long as that may take."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {COPY_WAIT_MS}")


def _times_used(batch_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the uses of these batches; deleted coupons' uses count too."""
    usage = CouponUsage.objects.filter(coupon__batch_id__in=batch_ids).values_list("coupon__batch_id")
    return dict(usage.annotate(Sum("times_used")))


def _row(batch: CouponBatch, times_used: int) -> BatchRow:
    return BatchRow(batch.id, batch.count, batch.prefix, batch.name, batch.created_at, times_used)
