"""Dead letters: what nobody could use or deliver, kept with its reason until it works or an admin has looked at it."""

import hashlib
import uuid
from collections.abc import Collection
from typing import Any

import msgspec
from django.db import connection
from django.db.models import F
from django.db.models.functions import Left

from orders.callers import Caller
from orders.errors import NotFound
from orders.models import DeadLetter, OutboxMessage, Refund
from orders.paging import Listing, Page, from_position, page_of

PAYMENT_EVENTS, OUTBOX, REFUNDS = "payments.events", "outbox", "refunds"
"""Where letters come from: a message of Payment's, an effect that was given up, a refund that Payment does not make."""

LONGEST_KEPT = 64 * 1024
"""Characters kept of a message: enough to understand it, too little to fill a disk."""

LONGEST_SHOWN = 4096
"""Characters of a message that a list shows."""

RETRIED_AT_ONCE = 100
NO_ID = uuid.UUID(int=0)

_BURY = """
    INSERT INTO dead_letters AS known (id, fingerprint, source, reason, message, order_id) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (fingerprint) DO UPDATE SET attempts = known.attempts + 1, reason = excluded.reason, retrying = false"""


def bury(
    source: str,
    reason: str,
    message: str | dict[str, Any],
    order_id: uuid.UUID | None = None,
    same: str | None = None,
) -> None:
    """Keep `message` from `source` with the `reason` why it can't be used; a copy of one kept before only counts.

    A copy is a message with the same text, or the same `same` where the text says more than what failed.
    """
    text = _text(message)
    letter: list[Any] = [
        uuid.uuid4(),
        _fingerprint(source, text if same is None else same),
        source,
        _storable(reason)[:300],
        text[:LONGEST_KEPT],
        order_id,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_BURY, letter)


def bury_refund(refund: Refund, reason: str) -> None:
    """Show admins a refund that Payment does not make; it goes when the refund has been made after all."""
    bury(REFUNDS, reason, _refund_message(refund), refund.order_id, same=str(refund.id))


def settle_refund(refund: Refund) -> None:
    """Remove the refund's dead letter: it has been made, or is owed no more."""
    before = _text(_refund_message(refund))  # told copies apart in earlier versions
    DeadLetter.objects.filter(
        fingerprint__in=[_fingerprint(REFUNDS, text) for text in (str(refund.id), before)]
    ).delete()


def bury_effect(row: OutboxMessage, reason: str) -> None:
    """Show admins an effect that was given up. The same effect of the same order, given up again, is the same letter."""
    tried_anew = DeadLetter.objects.filter(id=row.dead_letter_id or NO_ID)
    if tried_anew.update(attempts=F("attempts") + 1, reason=_storable(reason)[:300]):
        return
    payload = msgspec.json.encode(row.payload, order="sorted").decode()
    letter = {"kind": row.kind, "lane": row.lane, "payload": row.payload, "request_id": row.request_id}
    same = f"{row.order_id} {row.kind} {row.lane} {payload}"
    bury(OUTBOX, reason, {**letter, "order_id": str(row.order_id)}, row.order_id, same)


def orders_given_up(order_ids: Collection[uuid.UUID], lane: str) -> set[uuid.UUID]:
    """Return those of the orders of which an effect of this lane lies among the dead letters."""
    letters = DeadLetter.objects.filter(source=OUTBOX, order_id__in=order_ids).values_list("order_id", "message")
    return {order_id for order_id, message in letters if order_id and msgspec.json.decode(message)["lane"] == lane}


def fail_again(letter_id: uuid.UUID, reason: str) -> None:
    """The letter was tried anew, in vain; it counts once, however many processes have tried it at the same time."""
    letter = DeadLetter.objects.filter(id=letter_id, retrying=True)
    letter.update(attempts=F("attempts") + 1, reason=_storable(reason)[:300], retrying=False)


def to_hear_again() -> list[tuple[uuid.UUID, str]]:
    """Messages of Payment's that admins want heard again, with the ids of their letters."""
    letters = DeadLetter.objects.filter(retrying=True).order_by("id")
    return list(letters.values_list("id", "message")[:RETRIED_AT_ONCE])


def list_dead_letters(listing: Listing) -> Page[Any]:
    """A page of the dead letters, the newest first, with `shown`, the beginning of the message, instead of all of it."""
    letters = DeadLetter.objects.annotate(shown=Left("message", LONGEST_SHOWN)).defer("message", "fingerprint")
    found = list(from_position(letters, listing)[: listing.limit + 1])
    return page_of(found, listing, place=lambda letter, _: (letter.created_at, letter.id))


def need_dead_letter(_caller: Caller, letter_id: uuid.UUID) -> None:
    """Raise NotFound unless there is such a letter."""
    if not DeadLetter.objects.filter(id=letter_id).exists():
        raise NotFound()


def _refund_message(refund: Refund) -> dict[str, Any]:
    return {"refund_id": str(refund.id), "order_id": str(refund.order_id), "amount_minor": refund.amount}


def _text(message: str | dict[str, Any]) -> str:
    return _storable(message if isinstance(message, str) else msgspec.json.encode(message, order="sorted").decode())


def _storable(text: str) -> str:
    return text.replace("\0", "\N{SYMBOL FOR NULL}")


def _fingerprint(source: str, text: str) -> bytes:
    return hashlib.sha256(f"{source}\n{text}".encode()).digest()
