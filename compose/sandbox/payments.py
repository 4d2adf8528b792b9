"""The Payment Service: it validates and processes commands from Redis, and publishes their events on Redis."""

import asyncio
import json
from collections import Counter, defaultdict, deque
from typing import Any

import msgspec

from compose.sandbox.deduplication import Deduplication
from compose.sandbox.faults import Faults
from compose.sandbox.payment_messages import InvalidMessage, Message, check_command, is_signed, read, signature
from compose.sandbox.payment_processor import OUTCOMES, Payment, PaymentProcessor
from compose.sandbox.payment_settings import PaymentSettings, SettingsByOrder, Via
from compose.sandbox.payment_transport import PaymentTransport

KINDS = {"deaf": None}
ACTIONS = {
    **OUTCOMES,
    "void": "payment.voided",
    "refund": "payment.refunded",
    "refund_failed": "payment.refund_failed",
    "unknown": "payment.unknown",
}
"""The events that the control API can publish, by name."""
EVENT_FIELDS = {"amount_minor", "currency", "event_id", "payment_id", "refund_id", "reason", "occurred_at", "signature"}
MAX_RECENT = 200


class RawMessage(msgspec.Struct, forbid_unknown_fields=True):
    """Any text to publish as if it were an event."""

    message: str
    via: Via | None = None


class Payments:
    """The Payment Service, which `run` connects to Redis."""

    def __init__(self, redis_url: str, secret: str, settings: PaymentSettings) -> None:
        self._secret = secret.encode()
        self._transport = PaymentTransport(redis_url, self.handle)
        self._deduplication = Deduplication()
        self.processor = PaymentProcessor()
        self._commands = {
            "payment.requested": self._open,
            "payment.status_requested": self.processor.status,
            "payment.cancel_requested": self.processor.cancel,
            "payment.refund_requested": self.processor.refund,
        }
        self.settings = SettingsByOrder(settings)
        self.faults = Faults(KINDS)
        self.counts: Counter[str] = Counter()
        self._received: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._published: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._recent: deque[Message] = deque(maxlen=MAX_RECENT)

    async def run(self) -> None:
        """Receive and process commands until cancelled."""
        await self._transport.run()

    def handle(self, source: str, text: bytes) -> None:
        """Process one copy of a command, from the `channel` or the `stream`; an invalid message is only counted."""
        try:
            message = read(text)
            if not is_signed(message, self._secret):
                self.counts["bad_signatures"] += 1
                return
            check_command(message)
        except InvalidMessage:
            self.counts["unusable"] += 1
            return
        if self._is_new(source, message):
            self._received[message["order_id"]][message["type"]] += 1
            for event in self._commands[message["type"]](message):
                self._publish(event)

    def emit(self, order_id: str, action: str, given: dict[str, Any]) -> Message:
        """Publish an event of an order immediately, in any state of the payment, and return the message.

        Fields not in `given` are those of the received command. The event is recorded, unless it has a `signature` or an
        impossible amount: a forged or invalid event is only sent. Raise `ValueError` when amount and currency are unknown,
        `LookupError` for an unknown action.
        """
        if action not in ACTIONS:
            raise LookupError(f"The actions are {', '.join(ACTIONS)}.")
        if unknown := set(given) - EVENT_FIELDS:
            raise ValueError(f"An event has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(EVENT_FIELDS))}.")
        payment = self.processor.payments.get(order_id)
        if payment is None and not {"amount_minor", "currency"} <= set(given):
            raise ValueError("Payment does not know this order: give amount_minor and currency.")
        refund = payment.refund_command if payment and action in ("refund", "refund_failed") else None
        defaults = {name: refund[name] for name in ("amount_minor", "currency", "refund_id")} if refund else {}
        payment = payment or Payment(order_id, given["amount_minor"], given["currency"])
        message = payment.event(ACTIONS[action], **{**defaults, **given})
        if is_possible(message):
            self.processor.payments[order_id] = payment
            message = payment.record(message)
        return self._publish(message)

    def publish_raw(self, raw: RawMessage) -> dict[str, int]:
        """Publish any text as if it were an event, and return its length."""
        self._transport.publish(raw.message, raw.via or self.settings.of("").via)
        return {"sent": len(raw.message)}

    def ledger(self) -> dict[str, Any]:
        """Return the counts, every order's payment, and the last events published."""
        orders = {*self.processor.payments, *self._received, *self._published}
        return {
            **{name: self.counts[name] for name in ("duplicates", "bad_signatures", "unusable")},
            "faults": self.faults.served,
            "waiting_for_redis": self._transport.waiting,
            "orders": {order_id: self.ledger_of(order_id) for order_id in orders},
            "recent": list(self._recent),
        }

    def ledger_of(self, order_id: str) -> dict[str, Any]:
        """Return one order's commands by type (each once), state and sums, and its events with the times each was sent."""
        payment = self.processor.payments.get(order_id)
        no_payment = {"state": "unknown", "captured_minor": 0, "refunded_minor": 0, "captures": 0, "refunds": 0}
        return {
            "heard": dict(self._received.get(order_id, {})),
            **(payment.ledger() if payment else no_payment),
            "events": list(self._published.get(order_id, {}).values()),
        }

    def _is_new(self, source: str, message: Message) -> bool:
        event_id = message["event_id"]
        if self._deduplication.is_duplicate(event_id, source):
            self.counts["duplicates"] += 1
            return False
        if self.faults.take(message["type"])[1]:
            self._deduplication.lose(event_id, source)
            return False
        self._deduplication.receive(event_id)
        return True

    def _open(self, command: Message) -> list[Message]:
        order_id = command["order_id"]
        settings = self.settings.of(order_id)
        if settings.behaviour != "ignore" and self.processor.open(command) and settings.behaviour in OUTCOMES:
            asyncio.get_running_loop().call_later(settings.capture_after, self._settle, order_id, settings.behaviour)
        return []

    def _settle(self, order_id: str, outcome: str) -> None:
        for event in self.processor.settle(order_id, outcome):
            self._publish(event)

    def _publish(self, message: Message) -> Message:
        message.setdefault("signature", signature(message, self._secret))
        self._recent.append(message)
        sent = self._published[message["order_id"]].setdefault(str(message["event_id"]), {**message, "times": 0})
        sent["times"] += 1
        self._transport.publish(json.dumps(message), self.settings.of(message["order_id"]).via)
        return message


def is_possible(message: Message) -> bool:
    """Return whether a real Payment Service could have sent this: no foreign signature, amounts and ids of valid types."""
    match message:
        case {"signature": _}:
            return False
        case {"event_id": str(), "amount_minor": int(amount), "currency": str(), "refund_id": str() | None}:
            return amount >= 0
    return False
