"""The Payment Service: commands heard from Redis, checked, answered by the book and told again on Redis."""

import asyncio
import json
from collections import Counter, defaultdict, deque
from typing import Any

from compose.sandbox.deduplication import Copies
from compose.sandbox.faults import Faults, nothing
from compose.sandbox.payment_messages import Message, Unusable, check_command, is_signed, read, signature
from compose.sandbox.payment_processor import OUTCOMES, Book, Payment
from compose.sandbox.payment_settings import AllTerms, Terms
from compose.sandbox.payment_transport import Wire

KINDS = {"deaf": nothing}
ACTIONS = {
    **OUTCOMES,
    "void": "payment.voided",
    "refund": "payment.refunded",
    "refund_failed": "payment.refund_failed",
    "unknown": "payment.unknown",
}
"""What the control can make Payment say, and the event it says."""
GIVEN = {"amount_minor", "currency", "event_id", "payment_id", "refund_id", "reason", "occurred_at", "signature"}
RECENT = 200


class Payments:
    """The service. `run` keeps it on Redis."""

    def __init__(self, redis_url: str, secret: str, terms: Terms) -> None:
        self._secret = secret.encode()
        self._wire = Wire(redis_url, self.hear)
        self._copies = Copies()
        self.book = Book()
        self.terms = AllTerms(terms)
        self.faults = Faults(KINDS)
        self.counts: Counter[str] = Counter()
        self._heard: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._told: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._recent: deque[Message] = deque(maxlen=RECENT)

    async def run(self) -> None:
        """Hear and answer until cancelled."""
        await self._wire.run()

    def hear(self, source: str, text: bytes) -> None:
        """Take in one copy of a command, from the `channel` or the `stream`; what is no command is only counted."""
        try:
            message = read(text)
            if not is_signed(message, self._secret):
                self.counts["bad_signatures"] += 1
                return
            check_command(message)
        except Unusable:
            self.counts["unusable"] += 1
            return
        if self._is_new(source, message):
            self._heard[message["order_id"]][message["type"]] += 1
            self._answer(message)

    def emit(self, order_id: str, action: str, given: dict[str, Any]) -> Message:
        """Say something about an order at once, whatever the state, and answer the message sent.

        What was not given comes from the request heard. The book takes it for true, unless it was given a `signature`
        or no possible amount: that is a forgery or nonsense, which goes out and never happened. Raises `ValueError`
        when there is nothing to say it about.
        """
        if unknown := set(given) - GIVEN:
            raise ValueError(f"An event has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(GIVEN))}.")
        payment = self.book.payments.get(order_id)
        if payment is None and not {"amount_minor", "currency"} <= set(given):
            raise ValueError("Payment never heard of this order: give amount_minor and currency.")
        asked = payment.refund_asked if payment and action in ("refund", "refund_failed") else None
        defaults = {name: asked[name] for name in ("amount_minor", "currency", "refund_id")} if asked else {}
        payment = payment or Payment(order_id, given["amount_minor"], given["currency"])
        message = payment.say(ACTIONS[action], **{**defaults, **given})
        if possible(message):
            self.book.payments[order_id] = payment
            message = payment.record(message)
        return self._tell(message)

    def tell_raw(self, text: str, via: str | None) -> None:
        """Send any text as if it were an event."""
        self._wire.tell(text, via or self.terms.of("").via)

    def ledger(self) -> dict[str, Any]:
        """Counts of all, every order's payment, and the last events told."""
        orders = {*self.book.payments, *self._heard, *self._told}
        return {
            **{name: self.counts[name] for name in ("duplicates", "bad_signatures", "unusable")},
            "faults": dict(self.faults.served),
            "waiting_for_redis": self._wire.waiting,
            "orders": {order_id: self.ledger_of(order_id) for order_id in orders},
            "recent": list(self._recent),
        }

    def ledger_of(self, order_id: str) -> dict[str, Any]:
        """One order: commands heard by type (each once), state and sums, events told and how often."""
        payment = self.book.payments.get(order_id)
        nothing_heard = {"state": "unknown", "captured_minor": 0, "refunded_minor": 0, "captures": 0, "refunds": 0}
        return {
            "heard": dict(self._heard.get(order_id, {})),
            **(payment.ledger() if payment else nothing_heard),
            "events": list(self._told.get(order_id, {}).values()),
        }

    def _is_new(self, source: str, message: Message) -> bool:
        event_id = message["event_id"]
        if self._copies.known(event_id) or self._copies.is_twin_of_missed(event_id, source):
            self.counts["duplicates"] += 1
            return False
        if self.faults.take(message["type"])[1]:
            self._copies.miss(event_id, source)
            return False
        self._copies.hear(event_id)
        return True

    def _answer(self, command: Message) -> None:
        match command["type"]:
            case "payment.requested":
                self._open(command)
            case "payment.status_requested":
                self._tell_each(self.book.status(command))
            case "payment.cancel_requested":
                self._tell_each(self.book.cancel(command))
            case "payment.refund_requested":
                self._tell_each(self.book.refund(command))

    def _open(self, command: Message) -> None:
        order_id = command["order_id"]
        terms = self.terms.of(order_id)
        if terms.behaviour != "ignore" and self.book.open(command) and terms.behaviour in OUTCOMES:
            asyncio.get_running_loop().call_later(terms.capture_after, self._settle, order_id, terms.behaviour)

    def _settle(self, order_id: str, outcome: str) -> None:
        self._tell_each(self.book.settle(order_id, outcome))

    def _tell_each(self, messages: list[Message]) -> None:
        for message in messages:
            self._tell(message)

    def _tell(self, message: Message) -> Message:
        message.setdefault("signature", signature(message, self._secret))
        self._recent.append(message)
        told = self._told[message["order_id"]].setdefault(str(message["event_id"]), {**message, "times": 0})
        told["times"] += 1
        self._wire.tell(json.dumps(message), self.terms.of(message["order_id"]).via)
        return message


def possible(message: Message) -> bool:
    """Whether a true Payment could have said this: not signed by somebody else, and money and ids of their types."""
    match message:
        case {"signature": _}:
            return False
        case {"event_id": str(), "amount_minor": int(amount), "currency": str(), "refund_id": str() | None}:
            return amount >= 0
    return False
