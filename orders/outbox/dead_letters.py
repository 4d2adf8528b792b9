"""Dead letters: what nobody could use or deliver, kept with its reason until it works or an admin has looked at it."""

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
from orders.store.models import DeadLetter, Order, OutboxMessage, Refund
from orders.store.paging import Listing, Page, from_position, page_of

PAYMENT_EVENTS, OUTBOX, REFUNDS = "payments.events", "outbox", "refunds"
"""Where letters come from: a message of Payment's, an effect that was given up, a refund that Payment does not make."""

MAX_MESSAGE_LENGTH = 64 * 1024
"""Characters kept of a message: enough to understand it, too little to fill a disk."""

MAX_EXCERPT_LENGTH = 4096
"""Characters of a message that a list shows."""

MAX_WITHOUT_ORDER, MAX_PER_ORDER = 10_000, 100
"""Letters kept of messages that name no order of ours, and of those about one order: a flood must not fill the disk, and what is
about an order must not be lost in a flood of other messages."""

RETRY_BATCH_SIZE = 100
NO_ID = uuid.UUID(int=0)

log = structlog.get_logger()

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
    """Keep `message` from `source` with the `reason` why it can't be used; a copy of one kept before only counts.

    A copy is a message with the same text, or the same `same` where the text says more than what failed. A message of
    Payment's is counted and dropped when as many as may be kept are there already.
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
    """Keep a row of the outbox, which can't take effect, as a dead letter in its place."""
    deleted, _ = OutboxMessage.objects.filter(id=row.id).delete()
    if deleted:  # else a copy of this job has brought it into effect meanwhile
        _dead_letter_row(row, why)


def _dead_letter_row(row: OutboxMessage, reason: str) -> None:
    """Keep the row as a letter; the same effect of the same order, given up again, is the same letter."""
    tried_anew = DeadLetter.objects.filter(id=row.dead_letter_id or NO_ID)
    if tried_anew.update(attempts=F("attempts") + 1, reason=_storable(reason)[:300]):
        return
    payload = msgspec.json.encode(row.payload, order="sorted").decode()
    letter = {"kind": row.kind, "lane": row.lane, "payload": row.payload, "request_id": row.request_id}
    same = f"{row.order_id} {row.kind} {row.lane} {payload}"
    dead_letter(OUTBOX, reason, {**letter, "order_id": str(row.order_id)}, row.order_id, same)


def give_up_if_old(row: OutboxMessage, why: str) -> bool:
    """Give up a row that has failed for OUTBOX_GIVE_UP_SECONDS; False when it has not, and must come again."""
    if datetime.now(UTC) - row.created_at < timedelta(seconds=settings.OUTBOX_GIVE_UP_SECONDS):
        return False
    give_up(row, why)
    return True


def give_up_rows(reasons: Mapping[int, str]) -> None:
    """Give up these rows of the outbox; `reasons` says by row id why each can never take effect."""
    for row in OutboxMessage.objects.filter(id__in=reasons):
        give_up(row, reasons[row.id])


def give_up_old_rows(reasons: Mapping[int, str]) -> None:
    """Give up those of these rows that have failed for too long; the others come again after a pause."""
    rows = OutboxMessage.objects.filter(id__in=reasons)
    queue.put_back([row.id for row in rows if not give_up_if_old(row, reasons[row.id])])


def dead_letter_refund(refund: Refund, reason: str) -> None:
    """Show admins a refund that Payment does not make; it goes when the refund has been made after all."""
    dead_letter(REFUNDS, reason, _refund_message(refund), refund.order_id, same=str(refund.id))


def settle_refund(refund: Refund) -> None:
    """Remove the refund's dead letter: it has been made, or is owed no more."""
    before = _text(_refund_message(refund))  # told copies apart in earlier versions
    DeadLetter.objects.filter(
        fingerprint__in=[_fingerprint(REFUNDS, text) for text in (str(refund.id), before)]
    ).delete()


def orders_given_up(order_ids: Collection[uuid.UUID], lane: str) -> set[uuid.UUID]:
    """Return those of the orders of which an effect of this lane lies among the dead letters."""
    letters = DeadLetter.objects.filter(source=OUTBOX, order_id__in=order_ids, message__contains=f'"lane":"{lane}"')
    return {order_id for order_id in letters.values_list("order_id", flat=True) if order_id}


def fail_again(letter_id: uuid.UUID, reason: str) -> None:
    """The letter was tried anew, in vain; it counts once, however many processes have tried it at the same time."""
    letter = DeadLetter.objects.filter(id=letter_id, retrying=True)
    letter.update(attempts=F("attempts") + 1, reason=_storable(reason)[:300], retrying=False)


def marked_for_retry() -> list[tuple[uuid.UUID, str]]:
    """Messages of Payment's that admins want heard again, with the ids of their letters."""
    letters = DeadLetter.objects.filter(retrying=True).order_by("id")
    return list(letters.values_list("id", "message")[:RETRY_BATCH_SIZE])


def list_dead_letters(listing: Listing) -> Page[Any]:
    """A page of the dead letters, the newest first, with `shown`, the beginning of the message, instead of all of it."""
    letters = DeadLetter.objects.annotate(shown=Left("message", MAX_EXCERPT_LENGTH)).defer("message", "fingerprint")
    found = list(from_position(letters, listing)[: listing.limit + 1])
    return page_of(found, listing, place=lambda letter, _: (letter.created_at, letter.id))


def ensure_dead_letter_exists(_caller: Caller, letter_id: uuid.UUID) -> None:
    """Raise NotFound unless there is such a letter."""
    if not DeadLetter.objects.filter(id=letter_id).exists():
        raise NotFound()


def _has_room(fingerprint: bytes, order_id: uuid.UUID | None) -> bool:
    letters, most = DeadLetter.objects.filter(source=PAYMENT_EVENTS), MAX_WITHOUT_ORDER
    if order_id and Order.objects.filter(id=order_id).exists():
        letters, most = letters.filter(order_id=order_id), MAX_PER_ORDER
    else:
        letters = letters.exclude(Exists(Order.objects.filter(id=OuterRef("order_id"))))
    there = letters.order_by()[:most].count()
    return there < most or DeadLetter.objects.filter(fingerprint=fingerprint).exists()


def _refund_message(refund: Refund) -> dict[str, Any]:
    return {"refund_id": str(refund.id), "order_id": str(refund.order_id), "amount_minor": refund.amount}


def _text(message: str | dict[str, Any]) -> str:
    """`message` as it is kept; the standard library writes what msgspec refuses, like a number beyond 64 bits."""
    if isinstance(message, dict):
        message = json.dumps(message, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return _storable(message)


def _storable(text: str) -> str:
    return text.replace("\0", "\N{SYMBOL FOR NULL}")


def _fingerprint(source: str, text: str) -> bytes:
    return hashlib.sha256(f"{source}\n{text}".encode()).digest()
