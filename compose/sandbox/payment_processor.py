"""The payments, one for each order, and the events caused by each command, without Redis.

A republished event keeps its `event_id`, so that no receiver counts it twice.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

from compose.sandbox.payment_messages import Message, event

OUTCOMES = {"capture": "payment.captured", "authorize": "payment.authorized", "fail": "payment.failed"}
"""The outcomes of a new payment, and the event of each."""
WITHOUT_MONEY = ("payment.authorized", "payment.failed", "payment.voided")


@dataclass(slots=True)
class Payment:
    """One order's payment, whose state is its sequence of events."""

    order_id: str
    amount_minor: int
    currency: str
    payment_id: str = field(default_factory=lambda: f"pay-{uuid.uuid4().hex[:16]}")
    events: dict[tuple[str, str], Message] = field(default_factory=dict)
    refund_command: Message | None = None

    @property
    def captured_minor(self) -> int:
        """Return the money captured so far, in minor units of the payment's currency."""
        return self._total(self.events_of("payment.captured"))

    @property
    def refunded_minor(self) -> int:
        """Return the money refunded so far, in minor units of the payment's currency."""
        return self._total(self.events_of("payment.refunded"))

    @property
    def state(self) -> str:
        """Return `captured` after a capture, else the state of the last event, else `requested`."""
        events = self.events_of("payment.captured") or self.events_of(*WITHOUT_MONEY)
        return str(events[-1]["type"]).removeprefix("payment.") if events else "requested"

    def event(self, kind: str, **fields: Any) -> Message:
        """Return a new event of this payment; by default over the whole amount."""
        own = {"order_id": self.order_id, "payment_id": self.payment_id}
        return event(kind, **{**own, "amount_minor": self.amount_minor, "currency": self.currency, **fields})

    def record(self, message: Message) -> Message:
        """Record an event of this payment and return it. A known `event_id` has no effect."""
        return self.events.setdefault((message["type"], message["event_id"]), message)

    def events_of(self, *kinds: str) -> list[Message]:
        """Return the recorded events of these types."""
        return [message for message in self.events.values() if message["type"] in kinds]

    def current_events(self) -> list[Message]:
        """Return the events of the current state: captures and refunds, else the last event."""
        moved = self.events_of("payment.captured") + self.events_of("payment.refunded")
        return moved or self.events_of(*WITHOUT_MONEY)[-1:]

    def refund_event(self, kind: str, refund_id: str | None) -> Message | None:
        """Return the last event of this type for this refund, if there is one."""
        return next((message for message in self.events_of(kind)[::-1] if message["refund_id"] == refund_id), None)

    def ledger(self) -> dict[str, Any]:
        """Return state and sums."""
        return {
            "state": self.state,
            "payment_id": self.payment_id,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "captured_minor": self.captured_minor,
            "refunded_minor": self.refunded_minor,
            "captures": len(self.events_of("payment.captured")),
            "refunds": len(self.events_of("payment.refunded")),
        }

    def _total(self, events: list[Message]) -> int:
        return sum(each["amount_minor"] for each in events if each["currency"] == self.currency)


class PaymentProcessor:
    """All payments, by order."""

    def __init__(self) -> None:
        self.payments: dict[str, Payment] = {}

    def open(self, command: Message) -> bool:
        """Open the requested payment; return False when the order already has one, which is unchanged."""
        if command["order_id"] in self.payments:
            return False
        self._payment(command)
        return True

    def settle(self, order_id: str, outcome: str) -> list[Message]:
        """Set the outcome (of `OUTCOMES`) of a payment that is still open."""
        payment = self.payments[order_id]
        if payment.state != "requested":
            return []
        return [payment.record(payment.event(OUTCOMES[outcome], reason="declined" if outcome == "fail" else None))]

    def status(self, command: Message) -> list[Message]:
        """Return the current events; `payment.unknown` for an unknown order."""
        payment = self.payments.get(command["order_id"])
        if payment:
            return payment.current_events()
        asked = {name: command[name] for name in ("order_id", "amount_minor", "currency")}
        return [event("payment.unknown", **asked, reason="unknown order")]

    def cancel(self, command: Message) -> list[Message]:
        """Void the payment unless it was captured.

        An unknown order is voided too, so that a request that is still in transit is not charged.
        """
        payment = self._payment(command)
        if payment.state == "captured":
            return []
        if payment.state == "voided":
            return payment.current_events()
        return [payment.record(payment.event("payment.voided"))]

    def refund(self, command: Message) -> list[Message]:
        """Refund once for each `refund_id`; a failed refund is retried, and fails under the same `event_id`."""
        payment = self.payments.get(command["order_id"])
        fields = {name: command.get(name) for name in ("order_id", "amount_minor", "currency", "refund_id")}
        if payment is None:
            return [event("payment.refund_failed", **fields, reason="unknown order")]
        payment.refund_command = command
        refund_id = fields["refund_id"]
        if refund_id and (refunded := payment.refund_event("payment.refunded", refund_id)):
            return [refunded]
        reason = refusal_reason(payment, command)
        if reason is None:
            return [payment.record(payment.event("payment.refunded", **fields))]
        failed = payment.refund_event("payment.refund_failed", refund_id)
        return [failed or payment.record(payment.event("payment.refund_failed", **fields, reason=reason))]

    def _payment(self, command: Message) -> Payment:
        """Return the order's payment; open one if there is none."""
        fresh = Payment(command["order_id"], command["amount_minor"], command["currency"])
        return self.payments.setdefault(fresh.order_id, fresh)


def refusal_reason(payment: Payment, command: Message) -> str | None:
    """Return why this refund is refused, or None."""
    if not command.get("refund_id"):
        return "refund_id is missing"
    if command["currency"] != payment.currency:
        return "other currency than captured"
    if command["amount_minor"] <= 0:
        return "nothing to refund"
    if command["amount_minor"] > payment.captured_minor - payment.refunded_minor:
        return "beyond what is captured and not refunded"
    return None
