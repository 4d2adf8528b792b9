"""Clients of neighbours raise errors of this service only, whatever the neighbour does: an `OrderError`, or one of
`clients.errors`.
"""

import asyncio
import inspect
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import grpc
import grpc.aio
import pytest
from django.test import override_settings

from asgi_app.server.lifespan import end_tasks
from clients import errors
from clients.deadline import Deadline
from clients.jwks import JWKSCache
from clients.service_clients import ServiceClients, open_service_clients
from messaging import relay, subscriber
from orders.domain.errors import DependencyUnavailable, OrderError
from orders.store import database
from protos.product.v1 import product_pb2 as pb
from tests.support.raw_server import HOST, Manner, Peer, always, closed_port, full_port, once, serving, silence

pytestmark = pytest.mark.usefixtures("one_tls_context")

OURS: tuple[type[Exception], ...] = (
    OrderError,
    *(value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, Exception)),
)
ORDER = UUID(int=7)
SECONDS = 0.15
"""A deadline for the calls here, short enough to wait for."""

Call = Callable[[ServiceClients, Deadline], Awaitable[object]]

HTTP_CALLS: dict[str, Call] = {
    "user": lambda ask, by: ask.users.active_customer("u-1", by),
    "cart": lambda ask, by: ask.carts.filled_cart("u-1", by),
    "cart clear": lambda ask, by: ask.carts.clear("u-1", ORDER, 7, by),
}
GRPC_CALLS: dict[str, Call] = {
    "prices": lambda ask, by: ask.products.prices(["p-1"], by),
    "reserve": lambda ask, by: ask.products.reserve(ORDER, {"p-1": 2}, 60, by),
    "commit": lambda ask, by: ask.products.commit(ORDER, 1, by),
    "release": lambda ask, by: ask.products.release(ORDER, 3, by),
    "restock": lambda ask, by: ask.products.restock(UUID(int=8), ORDER, {"p-1": 1}, by),
    "stock_of": lambda ask, by: ask.products.stock_of(ORDER, by),
}


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


USER = {"id": "u-1", "name": "Ada", "email": "a@b", "role": "customer", "is_active": True, "default_address": None}
CART = {"customer_id": "u-1", "version": 7, "currency": "EUR", "items": [{"product_id": "p-1", "quantity": 2}]}
WHOLE = json.dumps(USER | CART).encode()
"""Enough for either."""

UNUSABLE_BODIES = {
    "nothing": b"",
    "half": WHOLE[:-1],
    "text": b"Bad Gateway",
    "null": b"null",
    "list": b"[]",
    "empty object": b"{}",
    "number": b"1e999",
    "not UTF-8 in a value": WHOLE.replace(b"u-1", b"u-\xff"),
    "not UTF-8 in a name": WHOLE.replace(b"items", b"item\xff").replace(b'"id"', b'"i\xff"'),
    "a NUL": WHOLE.replace(b"u-1", b"u-\\u0000"),
    "half a surrogate pair": WHOLE.replace(b"u-1", b"u-\\ud800"),
    "UTF-16": WHOLE.decode().encode("utf-16"),
    "deep": b"[" * 100_000,
    "deep in an unread field": WHOLE[:-1] + b', "more": ' + b"[" * 100_000,
    "another user": WHOLE.replace(b"u-1", b"u-2"),
    "wrong types": WHOLE.replace(b"true", b'"yes"').replace(b"7", b"7.5"),
    "out of range": WHOLE.replace(b"true", b"null").replace(b"2}", b"99999999999999999999}"),
}
STATUSES = ["100 Continue", "301 Moved", "400 No", "401 No", "500 Oops", "503 Later", "599 What", "999 What"]


async def ours(call: Call, neighbours: ServiceClients) -> OrderError | None:
    """Return this service's error that the call raises, if it fails; any other exception fails the test."""
    try:
        async with asyncio.timeout(5):
            await call(neighbours, Deadline.after(SECONDS))
    except OURS as error:
        return error if isinstance(error, OrderError) else None
    return None


@asynccontextmanager
async def neighbours_at(port: int, seconds: float = 0.05) -> AsyncIterator[ServiceClients]:
    """Yield clients of all neighbours at one address, each with this deadline in seconds."""
    url = f"http://{HOST}:{port}"
    with override_settings(
        USER_SERVICE_URL=url,
        CART_SERVICE_URL=url,
        PRODUCT_SERVICE_ADDR=f"{HOST}:{port}",
        NEIGHBOUR_CONNECT_SECONDS=0.05,
        NEIGHBOUR_READ_SECONDS=seconds,
    ):
        async with open_service_clients() as neighbours:
            yield neighbours


async def close_at_once(peer: Peer) -> None:
    peer.close()


async def break_off(peer: Peer) -> None:
    await asyncio.sleep(0.001)
    peer.reset()


BROKEN: dict[str, Manner] = {
    "silent": silence,
    "closes at once": close_at_once,
    "resets": break_off,
    "garbage": once(b"\0\xff\r\n\r\n" * 50),
    "half an answer": once(answer(WHOLE)[:-1]),
    "too much": always(answer(b" " * 2**21)),
    "compressed": always(answer(WHOLE).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")),
    "not ASCII": always(answer(WHOLE).replace(b"application/json", b"\xff\xfe")),
}


@pytest.mark.parametrize("call", [*HTTP_CALLS, *GRPC_CALLS])
@pytest.mark.parametrize("port", [closed_port, full_port])
async def test_a_neighbour_that_refuses_the_connection_is_unavailable(call: str, port: Callable[[], Any]) -> None:
    with port() as number:
        async with neighbours_at(number) as neighbours:
            error = await ours((HTTP_CALLS | GRPC_CALLS)[call], neighbours)
            assert isinstance(error, DependencyUnavailable)


@pytest.mark.parametrize("call", [*HTTP_CALLS, *GRPC_CALLS])
@pytest.mark.parametrize("manner", [name for name in BROKEN if name != "not ASCII"])
async def test_a_neighbour_that_breaks_the_protocol_is_unavailable(call: str, manner: str) -> None:
    async with serving(BROKEN[manner]) as server, neighbours_at(server.port) as neighbours:
        error = await ours((HTTP_CALLS | GRPC_CALLS)[call], neighbours)
        assert isinstance(error, DependencyUnavailable)


@pytest.mark.parametrize("call", HTTP_CALLS)
async def test_a_call_ends_with_its_deadline(call: str) -> None:
    async with serving(silence) as server, neighbours_at(server.port, seconds=60) as neighbours:
        began = time.monotonic()
        assert isinstance(await ours(HTTP_CALLS[call], neighbours), DependencyUnavailable)
        assert time.monotonic() - began < SECONDS + 0.5


@pytest.mark.parametrize("status", [b"502 Bad", b"503 Later", b"504 Later"])
async def test_a_failed_post_is_not_sent_again(status: bytes) -> None:
    async with serving(always(answer(b"", status))) as server, neighbours_at(server.port) as neighbours:
        assert isinstance(await ours(HTTP_CALLS["cart clear"], neighbours), DependencyUnavailable)
        assert len(server.requests) == 1


@pytest.mark.parametrize("call", HTTP_CALLS)
async def test_a_neighbour_whose_headers_are_no_text_is_unavailable(call: str) -> None:
    async with serving(BROKEN["not ASCII"]) as server, neighbours_at(server.port) as neighbours:
        await ours(HTTP_CALLS[call], neighbours)


@pytest.mark.parametrize("call", ["user", "cart"])
@pytest.mark.parametrize("body", UNUSABLE_BODIES)
async def test_a_response_that_breaks_the_contract_is_an_error_of_ours(call: str, body: str) -> None:
    async with serving(always(answer(UNUSABLE_BODIES[body]))) as server, neighbours_at(server.port) as neighbours:
        error = await ours(HTTP_CALLS[call], neighbours)
        assert isinstance(error, DependencyUnavailable)
        assert error.dependency == call


@pytest.mark.parametrize("call", HTTP_CALLS)
@pytest.mark.parametrize("status", STATUSES)
async def test_an_unexpected_status_is_an_error_of_ours(call: str, status: str) -> None:
    answering = always(answer(WHOLE, status.encode()))
    async with serving(answering) as server, neighbours_at(server.port) as neighbours:
        assert isinstance(await ours(HTTP_CALLS[call], neighbours), DependencyUnavailable)


class _Product(grpc.GenericRpcHandler):
    """A gRPC server that answers each call with these bytes after `seconds`, or ends it with this status."""

    def __init__(self, raw: bytes = b"", status: grpc.StatusCode | None = None, seconds: float = 0) -> None:
        self._raw, self._status, self._seconds = raw, status, seconds

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        async def respond(_: bytes, context: Any) -> bytes:
            await asyncio.sleep(self._seconds)
            if self._status:
                await context.abort(self._status, "no")
            return self._raw

        return grpc.unary_unary_rpc_method_handler(respond)


@asynccontextmanager
async def product(handler: _Product) -> AsyncIterator[ServiceClients]:
    """Yield clients of neighbours whose Product treats every call this way."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    try:
        async with neighbours_at(port) as neighbours:
            yield neighbours
    finally:
        await server.stop(None)


@pytest.mark.parametrize("call", GRPC_CALLS)
async def test_a_call_to_product_ends_with_its_deadline(call: str) -> None:
    with override_settings(PRODUCT_RESERVE_SECONDS=60, PRODUCT_READ_SECONDS=60):
        async with product(_Product(seconds=60)) as neighbours:
            began = time.monotonic()
            assert isinstance(await ours(GRPC_CALLS[call], neighbours), DependencyUnavailable)
            assert time.monotonic() - began < SECONDS + 0.5


@pytest.mark.parametrize("status", [status for status in grpc.StatusCode if status is not grpc.StatusCode.OK])
async def test_any_grpc_status_of_product_is_an_error_of_ours(status: grpc.StatusCode) -> None:
    async with product(_Product(status=status)) as neighbours:
        for call in GRPC_CALLS.values():
            error = await ours(call, neighbours)
            assert isinstance(error, DependencyUnavailable) or status is grpc.StatusCode.FAILED_PRECONDITION


HELD = pb.StockHold(order_id=str(ORDER), state=pb.StockHold.State.HELD, revision=1)
MUG = pb.Product(product_id="p-1", vendor_id="v", name="Mug", sku="M", unit_price_minor=1, currency="EUR", available=1)
UNREADABLE = {
    "no message": b"\xff" * 20,
    "half a message": b"\x0a\xff",
    "text that is none": b"\x0a\x02\xff\xfe",
    "over a mebibyte": b"\x0a" * 2**21,
}
UNUSABLE = {
    "nothing": b"",
    "an unknown state": pb.StockHold(order_id=str(ORDER), state=77).SerializeToString(),  # type: ignore[arg-type]
    "another order": pb.StockHold(order_id="another", state=pb.StockHold.State.COMMITTED).SerializeToString(),
    "a hold without its products": pb.ReserveStockResponse(hold=HELD).SerializeToString(),
}


@pytest.mark.parametrize("raw", UNREADABLE)
async def test_an_unreadable_response_of_product_is_an_error_of_ours(
    raw: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        async with product(_Product(UNREADABLE[raw])) as neighbours:
            for call in GRPC_CALLS.values():
                assert isinstance(await ours(call, neighbours), DependencyUnavailable)


@pytest.mark.parametrize("raw", UNUSABLE)
async def test_a_response_of_product_that_breaks_the_contract_is_an_error_of_ours(raw: str) -> None:
    async with product(_Product(UNUSABLE[raw])) as neighbours:
        for name, call in GRPC_CALLS.items():
            error = await ours(call, neighbours)
            assert isinstance(error, DependencyUnavailable) or name in ("prices", "commit", "release", "restock")


@pytest.mark.parametrize(
    "field",
    [
        {"currency": "eur"},
        {"currency": ""},
        {"unit_price_minor": -1},
        {"vendor_id": ""},
        {"vendor_id": "v" * 65},
        {"name": "n\0"},
        {"sku": "s\0"},
        {"product_id": "p-2"},
    ],
)
@pytest.mark.parametrize("call", ["prices", "reserve"])
async def test_a_product_that_breaks_the_contract_is_refused(call: str, field: dict[str, Any]) -> None:
    broken = pb.Product()
    broken.CopyFrom(MUG)
    for name, value in field.items():
        setattr(broken, name, value)
    messages = {
        "prices": pb.GetProductsResponse(products=[broken]),
        "reserve": pb.ReserveStockResponse(hold=HELD, products=[broken]),
    }
    async with product(_Product(messages[call].SerializeToString())) as neighbours:
        assert isinstance(await ours(GRPC_CALLS[call], neighbours), DependencyUnavailable)


async def test_a_name_and_a_sku_longer_than_their_columns_are_cut() -> None:
    named = pb.Product()
    named.CopyFrom(MUG)
    named.name, named.sku = "蛋" * 499 + "🎂🎂\0", "s" * 1000
    for call, message in (
        ("prices", pb.GetProductsResponse(products=[named])),
        ("reserve", pb.ReserveStockResponse(hold=HELD, products=[named])),
    ):
        async with product(_Product(message.SerializeToString())) as neighbours:
            lines = {"p-1": 2}
            if call == "prices":
                products: Any = await neighbours.products.prices(lines, Deadline.after(5))
            else:
                products = (await neighbours.products.reserve(ORDER, lines, 60, Deadline.after(5))).products
            assert (products["p-1"].name, products["p-1"].sku) == ("蛋" * 499 + "🎂", "s" * 100)


KEYS = {
    "closed": None,
    **{name: manner for name, manner in BROKEN.items() if name != "silent"},
    "status": always(answer(b'{"keys": []}', b"500 Oops")),
    "redirect": always(answer(b"", b"302 Found")),
    **{
        f"body {name}": always(answer(body))
        for name, body in {
            **UNUSABLE_BODIES,
            "no keys": b'{"keys": []}',
            "keys of no kind": b'{"keys": [null, 5, "x", {}, {"kty": "RSA"}, {"kty": 7}, {"kty": {}}]}',
            "numbers": b'{"keys": [{"kty": "RSA", "n": 5, "e": 7}]}',
            "an odd algorithm": b'{"keys": [{"kty": "RSA", "alg": ["RS256"], "n": "AQAB", "e": "AQAB"}]}',
            "an object": b'{"keys": {"kty": "RSA"}}',
            "an odd id": b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": ["k"], "x": "'
            + b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
            + b'"}]}',
        }.items()
    },
}


@pytest.mark.parametrize("published", KEYS)
async def test_an_issuer_whose_keys_cannot_be_used_publishes_none(published: str) -> None:
    async with serving(KEYS[published] or silence) as server:
        with closed_port() as closed:
            port = server.port if KEYS[published] else closed
            keys = JWKSCache(f"http://{HOST}:{port}/keys", "EdDSA")
            with pytest.raises(DependencyUnavailable) as refused:
                await keys.fetch()
            assert (refused.value.dependency, keys.find("k"), keys.find(None)) == ("identity", [], [])
            await keys.close()


def repeating(word: bytes) -> Manner:
    """Return a manner that sends this text after each line received."""

    async def manner(peer: Peer) -> None:
        while await peer.received():
            await peer.send(word)

    return manner


BROKEN_REDIS: dict[str, Manner] = {
    "away": close_at_once,
    "resetting": break_off,
    "silent": silence,
    "no Redis": repeating(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "refusing": repeating(b"-ERR no\r\n"),
    "loading": repeating(b"-LOADING Redis is loading\r\n"),
    "closed to us": repeating(b"-NOAUTH Authentication required.\r\n"),
}


@pytest.mark.parametrize("manner", BROKEN_REDIS)
async def test_background_loops_survive_a_broken_redis_and_an_unreachable_database(
    manner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(relay, "PAUSE_SECONDS", 0.01)
    async with serving(BROKEN_REDIS[manner]) as server:
        with override_settings(REDIS_URL=f"redis://{HOST}:{server.port}/0", REDIS_READ_TIMEOUT_SECONDS=0.1):
            ears, mouth = subscriber.Subscriber(), relay.Relay()
            work = (ears.listen_to_channel(), ears.read_stream(), ears.retry_parked(), mouth.run())
            loops = {asyncio.create_task(each) for each in work}
            ended, running = await asyncio.wait(loops, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
            while running:  # Python 3.11's wait_for can lose a cancellation
                for loop in running:
                    loop.cancel()
                _, running = await asyncio.wait(running, timeout=0.1)
            assert ended == set()
            await ears.close()
            await mouth.close()
        await asyncio.to_thread(database.close)


async def test_a_process_stops_though_a_loop_misses_its_first_cancellation() -> None:
    """Python 3.11's wait_for, which every command of the Redis client uses, can lose a cancellation (fixed in 3.12)."""

    async def ignores_first_cancellation() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(ignores_first_cancellation())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end_tasks([task])
    assert task.cancelled()
