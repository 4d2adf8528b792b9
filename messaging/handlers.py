"""What becomes of a message that was heard: it is counted, parked, or buried with its reason. Either way it is kept."""

import uuid

import structlog

from messaging import events
from messaging.bus import PAYMENT_EVENTS
from messaging.metrics import PAYMENT_MESSAGES
from orders.domain.errors import DependencyUnavailable
from orders.outbox import dead_letters
from orders.services.payments import events as payments
from orders.store import database

log = structlog.get_logger()


async def handle(raw: bytes) -> None:
    """Take in one message of `payments.events`. Once this returns, its outcome is committed.

    Raises DependencyUnavailable("database") when it could not be, and the message must be heard again.
    """
    try:
        event = events.parse(raw)
        await database.run(payments.record, event, str(uuid.uuid4()))
        PAYMENT_MESSAGES.labels("counted").inc()
    except payments.Unusable as error:
        await dead_letter(raw, str(error))


async def dead_letter(raw: bytes, reason: str) -> None:
    """Keep a message that can't be used as a dead letter."""
    PAYMENT_MESSAGES.labels("unusable").inc()
    log.warning("payment_message_unusable", reason=reason, bytes=len(raw))
    text = raw[: dead_letters.MAX_MESSAGE_LENGTH].decode(errors="replace")
    await database.run(dead_letters.dead_letter, PAYMENT_EVENTS, reason, text, events.claimed_order_id(raw))


async def retry_parked() -> None:
    """Try again what came before its order."""
    await database.run(payments.retry_parked, str(uuid.uuid4()))


async def handle_again() -> None:
    """Take in anew the messages that an admin has taken out of the dead letters."""
    for letter_id, text in await database.run(dead_letters.marked_for_retry):
        try:
            await database.run(payments.record_again, letter_id, events.parse(text.encode()), str(uuid.uuid4()))
        except payments.Unusable as error:
            await database.run(dead_letters.fail_again, letter_id, str(error))
        except DependencyUnavailable:
            raise
        except Exception as error:  # a poisonous message must not stop those behind it
            log.exception("payment_message_failed")
            await database.run(dead_letters.fail_again, letter_id, f"handling it fails: {type(error).__name__}")
