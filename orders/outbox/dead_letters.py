"""Dead letters: messages and effects that failed permanently, kept with the reason until a retry succeeds or an admin decides."""

import hashlib
import json
import uuid
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Left

from orders.domain.callers import Caller
from orders.domain.errors import NotFound
from orders.outbox import queue
from orders.runtime.metrics import DEAD_LETTERS_DROPPED
from orders.store.models import DeadLetter, Order, OutboxMessage
from orders.store.paging import Page, PageRequest, from_position, page_of

PAYMENT_EVENTS, OUTBOX = "payments.events", "outbox"
"""Sources of dead letters: a message from Payment, an effect that was given up. Other modules add their own."""

MAX_MESSAGE_LENGTH = 64 * 1024
"""Characters stored of a message: enough to diagnose it, too few to fill the disk."""

MAX_EXCERPT_LENGTH = 4096
"""Characters of a message in a list."""

MAX_WITHOUT_ORDER, MAX_PER_ORDER = 10_000, 100
"""Maximum number of dead letters of messages without a known order, and of those about one order: many invalid messages must
neither fill the disk nor displace those about an order."""

RETRY_BATCH_SIZE = 100
NO_ID = uuid.UUID(int=0)

log = structlog.get_logger()

DEAD_LETTERS_DROPPED.labels(PAYMENT_EVENTS)  # present from the start, so that the first one is an increase

_DEAD_LETTER = """
    INSERT INTO dead_letters AS known (id, fingerprint, source, reason, message, order_id) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (fingerprint) DO UPDATE SET attempts = known.attempts + 1, reason = excluded.reason, retrying = false"""


def dead_letter(
    source: str,
    reason: str,
    message: str | dict[str, Any],
    order_id: uuid.UUID | None = None,
    same: str | None = None,
) -> None:
    """Store `message` from `source` with the `reason` of the failure; for a copy of a stored one, increment its attempts.

    Copies have the same text, or the same `same` where the text has more than identifies the failure. A message from
    Payment is dropped and counted when the limit is reached.
    """
    text = _text(message)
    if source == PAYMENT_EVENTS and not _has_room(_fingerprint(source, text), order_id):
        DEAD_LETTERS_DROPPED.labels(source).inc()
        log.error("dead_letter_dropped", source=source, reason=reason)
        return
    letter: list[Any] = [
        uuid.uuid4(),
        _fingerprint(source, text if same is None else same),
        source,
        _storable(reason)[:300],
        text[:MAX_MESSAGE_LENGTH],
        order_id,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_DEAD_LETTER, letter)


@transaction.atomic
def give_up(row: OutboxMessage, why: str) -> None:
    """Replace an outbox row that failed permanently by a dead letter."""
    deleted, _ = OutboxMessage.objects.filter(id=row.id).delete()
    if deleted:  # else a copy of this task has succeeded meanwhile
        _dead_letter_row(row, why)


def _dead_letter_row(row: OutboxMessage, reason: str) -> None:
    """Store the row as a dead letter; the same effect of the same order is the same dead letter."""
    retried = DeadLetter.objects.filter(id=row.dead_letter_id or NO_ID)
    if retried.update(attempts=F("attempts") + 1, reason=_storable(reason)[:300]):
        return
    payload = msgspec.json.encode(row.payload, order="sorted").decode()
    letter = {"kind": row.kind, "lane": row.lane, "payload": row.payload, "request_id": row.request_id}
    same = f"{row.order_id} {row.kind} {row.lane} {payload}"
    dead_letter(OUTBOX, reason, {**letter, "order_id": str(row.order_id)}, row.order_id, same)


def give_up_if_old(row: OutboxMessage, why: str) -> bool:
    """Give up a row that has failed for OUTBOX_GIVE_UP_SECONDS; return False when it is to be retried."""
    if datetime.now(UTC) - row.created_at < timedelta(seconds=settings.OUTBOX_GIVE_UP_SECONDS):
        return False
    give_up(row, why)
    return True


def give_up_rows(reasons: Mapping[int, str]) -> None:
    """Give up these rows of the outbox; `reasons` has the reason of each by row id."""
    for row in OutboxMessage.objects.filter(id__in=reasons):
        give_up(row, reasons[row.id])


def give_up_old_rows(reasons: Mapping[int, str]) -> None:
    """Give up those of these rows that have failed for OUTBOX_GIVE_UP_SECONDS; schedule a retry of the others."""
    rows = OutboxMessage.objects.filter(id__in=reasons)
    queue.put_back([row.id for row in rows if not give_up_if_old(row, reasons[row.id])])


def orders_given_up(order_ids: Collection[uuid.UUID], lane: str) -> set[uuid.UUID]:
    """Return the orders with a dead letter of an effect in this lane."""
    letters = DeadLetter.objects.filter(source=OUTBOX, order_id__in=order_ids, message__contains=f'"lane":"{lane}"')
    return {order_id for order_id in letters.values_list("order_id", flat=True) if order_id}


def fail_again(letter_id: uuid.UUID, reason: str) -> None:
    """Count a failed retry of the dead letter, once for any number of concurrent retries."""
    letter = DeadLetter.objects.filter(id=letter_id, retrying=True)
    letter.update(attempts=F("attempts") + 1, reason=_storable(reason)[:300], retrying=False)


def marked_for_retry() -> list[tuple[uuid.UUID, str]]:
    """Return the messages from Payment that are marked for a retry, with the ids of their dead letters."""
    letters = DeadLetter.objects.filter(retrying=True).order_by("id")
    return list(letters.values_list("id", "message")[:RETRY_BATCH_SIZE])


def list_dead_letters(request: PageRequest) -> Page[Any]:
    """Return a page of the dead letters, newest first; `shown` is the beginning of the message."""
    letters = DeadLetter.objects.annotate(shown=Left("message", MAX_EXCERPT_LENGTH)).defer("message", "fingerprint")
    found = list(from_position(letters, request)[: request.limit + 1])
    return page_of(found, request, sort_key=lambda letter, _: (letter.created_at, letter.id))


def ensure_dead_letter_exists(*, caller: Caller, dead_letter_id: uuid.UUID) -> None:
    """Raise NotFound unless the dead letter exists; every admin may see it."""
    if not DeadLetter.objects.filter(id=dead_letter_id).exists():
        raise NotFound()


def _has_room(fingerprint: bytes, order_id: uuid.UUID | None) -> bool:
    letters, most = DeadLetter.objects.filter(source=PAYMENT_EVENTS), MAX_WITHOUT_ORDER
    if order_id and Order.objects.filter(id=order_id).exists():
        letters, most = letters.filter(order_id=order_id), MAX_PER_ORDER
    else:
        letters = letters.exclude(Exists(Order.objects.filter(id=OuterRef("order_id"))))
    kept = letters.order_by()[:most].count()
    return kept < most or DeadLetter.objects.filter(fingerprint=fingerprint).exists()


def _text(message: str | dict[str, Any]) -> str:
    """Return `message` as text; the standard library encodes values that msgspec refuses, like integers beyond 64 bits."""
    if isinstance(message, dict):
        message = json.dumps(message, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return _storable(message)


def _storable(text: str) -> str:
    return text.replace("\0", "\N{SYMBOL FOR NULL}")


def _fingerprint(source: str, text: str) -> bytes:
    return hashlib.sha256(f"{source}\n{text}".encode()).digest()
