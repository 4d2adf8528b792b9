"""Payment, played by the tests: messages with valid signatures, written from the contract, sent over any transport and
any number of times.
"""

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import redis

from tests.support.world import World, eventually

Message = dict[str, Any]

EVENTS, COMMANDS, ORDERS = "payments.events", "payments.commands", "orders.events"
GROUP = "order-service"
SIGNED = ("event_id", "type", "occurred_at", "order_id", "payment_id", "amount_minor", "currency", "refund_id")
FIELDS = {*SIGNED, "reason", "signature"}
WAYS = ("both", "channel", "stream")


def signature(message: Message, secret: str) -> str:
    """Return the hex HMAC-SHA256 over the signed fields, one newline between each, null as empty (contract: neighbours)."""
    text = "\n".join("" if message[name] is None else str(message[name]) for name in SIGNED)
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Payment:
    """The other end of Redis, with Payment's own secret."""

    def __init__(self, world: World, bus: "redis.Redis") -> None:
        self.bus, self.secret = bus, world.stack.environment["PAYMENT_SIGNING_SECRET"]
        self._entries: list[Any] = []

    def sign(self, message: Message) -> Message:
        """Return the same message with its valid signature."""
        return {**message, "signature": signature(message, self.secret)}

    def event(self, word: str, order_id: str, amount: Any = 2000, /, **fields: Any) -> Message:
        """Return a new signed event `payment.<word>`; `amount` in minor units, any field may be given another value."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = {
            "event_id": str(uuid.uuid4()),
            "type": f"payment.{word}",
            "occurred_at": now,
            "order_id": order_id,
            "payment_id": "pay-1",
            "amount_minor": amount,
            "currency": "EUR",
            "refund_id": None,
            "reason": None,
        }
        return self.sign({**message, **fields})

    def send(self, message: Message | bytes, via: str = "both", times: int = 1) -> None:
        """Send a message as payments.events."""
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        for _ in range(times):
            if via != "stream":
                self.bus.publish(EVENTS, raw)
            if via != "channel":
                self._entries.append(self.bus.xadd(EVENTS, {"message": raw}))

    def publish(self, word: str, order_id: str, amount: Any = 2000, via: str = "both", **fields: Any) -> Message:
        """Publish a new event and return it."""
        message = self.event(word, order_id, amount, **fields)
        self.send(message, via)
        return message

    def stream(self, name: str, order_id: str) -> list[Message]:
        """Return the messages about an order in the stream `name`, oldest first; their entries have the one field `message`."""
        entries: Any = self.bus.xrange(name)
        about = [fields for _, fields in entries if order_id.encode() in b"".join(fields.values())]
        assert all(fields.keys() == {b"message"} for fields in about)
        messages = [json.loads(fields[b"message"]) for fields in about]
        return [message for message in messages if message["order_id"] == order_id]

    def wait_for(self, name: str, order_id: str, number: int) -> list[Message]:
        """Wait until there are `number` messages about an order in the stream `name`; return them."""
        eventually(lambda: len(self.stream(name, order_id)) >= number, f"{number} messages in {name}")
        return self.stream(name, order_id)

    def types(self, name: str, order_id: str) -> list[str]:
        """Return the types of the messages about an order in the stream `name`, oldest first."""
        return [message["type"] for message in self.stream(name, order_id)]

    def wait_until_acknowledged(self) -> None:
        """Wait until the service has acknowledged every message that was published on the stream here."""

        def nothing_is_left() -> bool:
            groups: Any = self.bus.xinfo_groups(EVENTS)
            (delivered,) = (group["last-delivered-id"] for group in groups if group["name"] == GROUP.encode())
            if _position(delivered) < _position(self._entries[-1]):
                return False
            pending: Any = self.bus.xpending_range(EVENTS, GROUP, self._entries[0], self._entries[-1], 1000)
            return {entry["message_id"] for entry in pending}.isdisjoint(self._entries)

        if self._entries:
            eventually(nothing_is_left, "the service to acknowledge the stream's messages")

    @contextmanager
    def subscribed_to(self, *channels: str) -> Iterator[Callable[[str], list[tuple[str, Message]]]]:
        """Subscribe to channels; yield a function that returns (channel, message) of all messages about an order so far."""
        received: list[tuple[str, Message]] = []

        def received_about(order_id: str) -> list[tuple[str, Message]]:
            while message := pubsub.get_message():
                if message["type"] == "message":
                    received.append((message["channel"].decode(), json.loads(message["data"])))
            return [(channel, message) for channel, message in received if message["order_id"] == order_id]

        bus: Any = self.bus
        with bus.pubsub() as pubsub:
            pubsub.subscribe(*channels)
            for _ in channels:
                assert pubsub.get_message(timeout=5)
            yield received_about


def _position(entry_id: bytes) -> tuple[int, ...]:
    """Return an entry's position in its stream; comparable."""
    return tuple(int(part) for part in entry_id.split(b"-"))


def refund_requests(payment: Payment, order_id: str) -> list[Message]:
    """Return the requests for refunds of the order that were published."""
    return [message for message in payment.stream(COMMANDS, order_id) if message["type"] == "payment.refund_requested"]


def until_refunds_requested(payment: Payment, order_id: str, times: int) -> None:
    """Wait until this number of refund requests was published."""
    eventually(lambda: len(refund_requests(payment, order_id)) == times, "the refund to be requested")
