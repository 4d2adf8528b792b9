"""The handling of received messages: each is recorded, parked, or stored as a dead letter with its reason."""

import uuid

import structlog

from messaging import events
from messaging.bus import PAYMENT_EVENTS
from messaging.metrics import PAYMENT_MESSAGES
from orders.domain.errors import DependencyUnavailable
from orders.outbox import dead_letters
from orders.runtime.tracing import parent_of, span
from orders.services.payments import events as payments
from orders.store import database

_REDIS = {"messaging.system": "redis", "messaging.operation.type": "process"}

log = structlog.get_logger()


async def handle(raw: bytes) -> bool:
    """Handle one message of `payments.events` and commit its outcome; return whether it is recorded, not parked or a dead letter.

    Raises DependencyUnavailable("database") when it could not be committed, and the message must be handled again.
    """
    try:
        event = events.parse(raw)
        with span(f"process {PAYMENT_EVENTS}", "consumer", _REDIS, parent_of(event.traceparent)) as current:
            current.set("messaging.message.type", event.type)
            recorded = await database.run(payments.record, event=event, request_id=str(uuid.uuid4()))
        PAYMENT_MESSAGES.labels("counted").inc()
    except payments.Unusable as error:
        await dead_letter(raw, str(error))
        return False
    return recorded


def count_copy() -> None:
    """Count a copy of a message that this process has just recorded."""
    PAYMENT_MESSAGES.labels("copy").inc()


async def dead_letter(raw: bytes, reason: str) -> None:
    """Store an unusable message as a dead letter."""
    PAYMENT_MESSAGES.labels("unusable").inc()
    log.warning("payment_message_unusable", reason=reason, bytes=len(raw))
    text = raw[: dead_letters.MAX_MESSAGE_LENGTH].decode(errors="replace")
    await database.run(dead_letters.dead_letter, PAYMENT_EVENTS, reason, text, events.claimed_order_id(raw))


async def retry_parked() -> None:
    """Retry the events that arrived before their order."""
    await database.run(payments.retry_parked, request_id=str(uuid.uuid4()))


async def retry_dead_letters() -> None:
    """Retry the dead letters that an admin has marked for it."""
    for letter_id, text in await database.run(dead_letters.marked_for_retry):
        try:
            event, request_id = events.parse(text.encode()), str(uuid.uuid4())
            await database.run(payments.retry_dead_letter, letter_id=letter_id, event=event, request_id=request_id)
        except payments.Unusable as error:
            await database.run(dead_letters.fail_again, letter_id, str(error))
        except DependencyUnavailable:
            raise
        except Exception as error:  # a failing message must not block the next ones
            log.exception("payment_message_failed")
            await database.run(dead_letters.fail_again, letter_id, f"handling it fails: {type(error).__name__}")
