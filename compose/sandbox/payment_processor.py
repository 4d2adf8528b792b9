"""What the Payment Service knows: one payment for each order, and what it answers to each command. No Redis here.

Every answer is a message to send. What was said once is said again under the same `event_id`, so nobody counts it
twice.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

from compose.sandbox.payment_messages import Message, event

OUTCOMES = {"capture": "payment.captured", "authorize": "payment.authorized", "fail": "payment.failed"}
"""What a payment may come to by itself, and the event that tells of it."""


@dataclass(slots=True)
class Payment:
    """One order's payment: the money that moved, and the last word where none did."""

    order_id: str
    amount_minor: int
    currency: str
    payment_id: str = field(default_factory=lambda: f"pay-{uuid.uuid4().hex[:16]}")
    last_word: Message | None = None
    captures: dict[str, Message] = field(default_factory=dict)
    refunds: dict[str, Message] = field(default_factory=dict)
    refunded: dict[str | None, Message] = field(default_factory=dict)
    refusals: dict[str | None, Message] = field(default_factory=dict)
    refund_asked: Message | None = None

    @property
    def captured_minor(self) -> int:
        """The money captured so far, in minor units of the payment's currency."""
        return self._moved(self.captures)

    @property
    def refunded_minor(self) -> int:
        """The money refunded so far, in minor units of the payment's currency."""
        return self._moved(self.refunds)

    @property
    def state(self) -> str:
        """`captured` once money came, else the last word said, else `requested`."""
        if self.captures:
            return "captured"
        return str(self.last_word["type"]).removeprefix("payment.") if self.last_word else "requested"

    def say(self, kind: str, **fields: Any) -> Message:
        """A new event of this payment; by default over the whole amount."""
        own = {"order_id": self.order_id, "payment_id": self.payment_id}
        return event(kind, **{**own, "amount_minor": self.amount_minor, "currency": self.currency, **fields})

    def record(self, message: Message) -> Message:
        """Write an event of this payment down as having happened, and answer it. A known `event_id` changes nothing."""
        match message["type"]:
            case "payment.captured":
                return self.captures.setdefault(message["event_id"], message)
            case "payment.refunded":
                message = self.refunds.setdefault(message["event_id"], message)
                self.refunded[message["refund_id"]] = message
            case "payment.refund_failed":
                self.refusals[message["refund_id"]] = message
            case "payment.authorized" | "payment.failed" | "payment.voided":
                self.last_word = message
        return message

    def present_state(self) -> list[Message]:
        """The events that tell how things stand: the money that moved, else the last word, else nothing yet."""
        moved = [*self.captures.values(), *self.refunds.values()]
        return moved or ([self.last_word] if self.last_word else [])

    def ledger(self) -> dict[str, Any]:
        """State and sums."""
        return {
            "state": self.state,
            "payment_id": self.payment_id,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "captured_minor": self.captured_minor,
            "refunded_minor": self.refunded_minor,
            "captures": len(self.captures),
            "refunds": len(self.refunds),
        }

    def _moved(self, events: dict[str, Message]) -> int:
        return sum(each["amount_minor"] for each in events.values() if each["currency"] == self.currency)


class Book:
    """All payments, by order."""

    def __init__(self) -> None:
        self.payments: dict[str, Payment] = {}

    def open(self, command: Message) -> bool:
        """Take up the payment asked for; False when the order has one already, which stays as it is."""
        if command["order_id"] in self.payments:
            return False
        self._payment(command)
        return True

    def settle(self, order_id: str, outcome: str) -> list[Message]:
        """Bring a payment that is still open to its outcome (of `OUTCOMES`)."""
        payment = self.payments[order_id]
        if payment.state != "requested":
            return []
        return [payment.record(payment.say(OUTCOMES[outcome], reason="declined" if outcome == "fail" else None))]

    def status(self, command: Message) -> list[Message]:
        """Tell again how things stand; `payment.unknown` for an order never heard of."""
        payment = self.payments.get(command["order_id"])
        if payment:
            return payment.present_state()
        asked = {name: command[name] for name in ("order_id", "amount_minor", "currency")}
        return [event("payment.unknown", **asked, reason="never heard of this order")]

    def cancel(self, command: Message) -> list[Message]:
        """Void the payment unless money came.

        An order never heard of is voided too, so that a request still on its way is not charged.
        """
        payment = self._payment(command)
        if payment.captures:
            return []
        if payment.state == "voided":
            return payment.present_state()
        return [payment.record(payment.say("payment.voided"))]

    def refund(self, command: Message) -> list[Message]:
        """Refund once for each `refund_id`; one that failed is tried again, and fails under the same `event_id`."""
        payment = self.payments.get(command["order_id"])
        fields = {name: command.get(name) for name in ("order_id", "amount_minor", "currency", "refund_id")}
        if payment is None:
            return [event("payment.refund_failed", **fields, reason="never heard of this order")]
        payment.refund_asked = command
        refund_id = fields["refund_id"]
        if refund_id and refund_id in payment.refunded:
            return [payment.refunded[refund_id]]
        reason = why_not(payment, command)
        if reason is None:
            return [payment.record(payment.say("payment.refunded", **fields))]
        refusal = payment.refusals.get(refund_id) or payment.say("payment.refund_failed", **fields, reason=reason)
        return [payment.record(refusal)]

    def _payment(self, command: Message) -> Payment:
        """The order's payment, taken up now if there is none."""
        fresh = Payment(command["order_id"], command["amount_minor"], command["currency"])
        return self.payments.setdefault(fresh.order_id, fresh)


def why_not(payment: Payment, command: Message) -> str | None:
    """What stands against this refund, if anything."""
    if not command.get("refund_id"):
        return "refund_id is missing"
    if command["currency"] != payment.currency:
        return "other currency than captured"
    if command["amount_minor"] <= 0:
        return "nothing to refund"
    if command["amount_minor"] > payment.captured_minor - payment.refunded_minor:
        return "beyond what is captured and not refunded"
    return None
