"""The floors: the least that a step can take on this machine, measured in the same round as the step.

- a request: a bare ASGI application under the same command, answering as many bytes;
- its database work: the statements that the service sends, prepared and executed one after the other by one client;
- a checkout's duration: the calls of User and Cart, then of Product, by a bare client under the same load;
- a message of the outbox: its claim, unless its row is leased from the start, its deletion, and Redis' pipeline, 200 at a time;
- a job: the POST to Cart, which a job for another service counts as too.

What a step leaves in the outbox is part of its floor, as it is part of its CPU.

A client's CPU counts as the server's, or the worker's for a job.
"""

import asyncio
import http.client
import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp
import grpc.aio

from protos.product.v1 import product_pb2 as pb
from protos.product.v1 import product_pb2_grpc as rpc
from tests.load.bench import load
from tests.load.bench.cpu import Cpu, client_and_backend
from tests.load.bench.errors import BenchError, expect
from tests.load.bench.load import AT_ONCE, Request, send_at_once, send_at_rate
from tests.load.bench.recording import NewIds, Recording, play, record
from tests.load.bench.service import Server, Service
from tests.load.bench.steps import ACTIONS, PRODUCTS, STOCK, Steps

BATCH = 200
SCRATCH_STREAM = "bench.floor"
FLOOR_PRODUCT = "bench-floor"

_CLAIM = """
    UPDATE outbox SET attempts = attempts + 1, available_at = now() + interval '20 s' WHERE id = ANY(ARRAY(
        SELECT id FROM outbox WHERE kind = 'publish' AND available_at <= now() ORDER BY available_at LIMIT $1
        FOR UPDATE SKIP LOCKED))
    RETURNING id, payload::text"""
_LEASED = "SELECT id, payload::text FROM outbox WHERE kind = 'publish' AND available_at > now() ORDER BY id"


class Floor(NamedTuple):
    """The least CPU of one order, request or row, and the least p50 of its response, where it is known."""

    cpu: Cpu
    p50: float | None = None


@dataclass(frozen=True)
class Recordings:
    """The statements of each step, and the size of its response."""

    checkout_at_once: Recording
    checkout_at_rate: Recording
    payment: Recording
    fulfilment: Recording
    read: Recording
    page: Recording
    sizes: dict[str, int]


def record_steps(steps: Steps, service: Service) -> Recordings:
    """Go through the steps with AT_ONCE orders while PostgreSQL logs the statements."""

    def of_orders(work: Callable[[], object], *, reads: bool = False) -> Recording:
        """Record work about the orders that it leaves in `steps`."""

        def done() -> list[str]:
            work()
            return [order.id for order in steps.orders]

        return record(service, done, AT_ONCE, reads=reads)

    def page() -> list[str]:
        steps.page(AT_ONCE)
        return [steps.regular.id]

    return Recordings(  # in this order: later steps use the orders of an earlier one
        checkout_at_rate=of_orders(lambda: steps.checkout(AT_ONCE, send_at_rate)),
        checkout_at_once=of_orders(lambda: steps.checkout(AT_ONCE, send_at_once)),
        read=of_orders(steps.read, reads=True),
        payment=of_orders(steps.pay),
        fulfilment=of_orders(lambda: steps.fulfil(steps.orders)),
        page=record(service, page, AT_ONCE, reads=True),
        sizes=_sizes(steps, service),
    )


def _sizes(steps: Steps, service: Service) -> dict[str, int]:
    """Return the bytes of the responses: an order, a page of orders, a vendor order."""
    order = steps.orders[0]
    vendor, part = next(iter(order.parts.items()))
    requests = {
        "order": Request("GET", f"/api/v1/orders/{order.id}", order.customer.token),
        "page": steps.page_request,
        "vendor order": Request("GET", f"/api/v1/vendor-orders/{part}", steps.vendor_tokens[vendor]),
    }
    responses = send_at_once(service.server.url, list(requests.values()))
    return {name: len(response.body) for name, response in zip(requests, responses, strict=True)}


class Floors:
    """The floors of the steps of one round, for `count` orders."""

    def __init__(self, service: Service, steps: Steps, recordings: Recordings, bare: Server) -> None:
        self._service, self._steps, self._recordings, self._bare = service, steps, recordings, bare
        price: dict[str, Any] = {"unit_price_minor": 1000, "currency": "EUR", "stock": STOCK}
        service.sandbox.put_product(FLOOR_PRODUCT, vendor_id="v-floor", name="Mug", sku="MUG", **price)
        self._job = self.job().cpu

    def checkout(self, at_once: bool, count: int) -> Floor:
        """Return the floor of a checkout: a request, the insert; the other services' critical path."""
        recording = self._recordings.checkout_at_once if at_once else self._recordings.checkout_at_rate
        [insert] = self._play([recording], count)
        durations = asyncio.run(self._critical_path(at_once, count))
        return Floor(self._request("order", count, "POST") + insert, statistics.median(durations))

    def read(self, count: int) -> Floor:
        """Return the floor of a read: a request and the statement."""
        return Floor(self._request("order", count) + self._play_reads(self._recordings.read, count))

    def page(self, count: int) -> Floor:
        """Return the floor of a page: a request and the statement."""
        return Floor(self._request("page", count) + self._play_reads(self._recordings.page, count))

    def payment(self, count: int) -> Floor:
        """Return the floor of a payment event: its transaction, about played orders."""
        _, transaction = self._play([self._recordings.checkout_at_once, self._recordings.payment], count)
        return Floor(transaction)

    def life(self, count: int) -> Floor:
        """Return the floor of a whole life: its requests and its transactions."""
        recorded = self._recordings
        parts = self._play([recorded.checkout_at_once, recorded.payment, recorded.fulfilment], count)
        checkout, change = (self._request(response, count, "POST") for response in ("order", "vendor order"))
        return Floor(sum(parts, checkout + change * (len(ACTIONS) * len(PRODUCTS))))

    def relay(self, count: int) -> Floor:
        """Return the floor of a message, of those of `count` played checkouts."""
        recording = self._recordings.checkout_at_once
        for _ in range(-(-count // recording.count)):
            play(self._service.bare, recording.statements(NewIds()))
        used = list[Cpu]()
        messages = self._publish(used)
        self._service.bare.execute(b"DELETE FROM outbox")
        if not messages:
            raise BenchError("The played checkouts have left no message to publish.")
        return Floor(used[0] * (1 / messages))

    def job(self) -> Floor:
        """Return the floor of a job: the POST to Cart over one connection."""
        ports = self._service.stack.ports
        headers = {**_authorization(self._service), "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", ports.cart)
        start = time.thread_time()
        for order in self._steps.orders:
            body = json.dumps({"order_id": order.id, "version": 1})
            connection.request("POST", f"/carts/{order.customer.id}/clear", body, headers)
            response = connection.getresponse()
            response.read()
            if response.status != 204:
                raise BenchError(f"Cart answers {response.status}.")
        milliseconds = 1000 * (time.thread_time() - start)
        connection.close()
        self._job = Cpu(worker=milliseconds / len(self._steps.orders))
        return Floor(self._job)

    def _request(self, response: str, count: int, method: str = "GET") -> Cpu:
        """Return the CPU of the bare application for a response of this size."""
        path = f"/{self._recordings.sizes[response]}"
        request = Request(method, path, self._steps.regular.token, {} if method == "POST" else None)
        before = self._bare.milliseconds
        send_at_once(self._bare.url, [request] * count)
        return Cpu(server=(self._bare.milliseconds - before) / count)

    def _play(self, recordings: Sequence[Recording], count: int) -> list[Cpu]:
        """Play steps of new orders until there are `count` orders; return the CPU of each step, and its effects, for one."""
        connection, used = self._service.bare, [list[Cpu]() for _ in recordings]
        rounds = -(-count // recordings[0].count)
        with _expect_more_orders(self._service, rounds * recordings[0].count):
            for _ in range(rounds):
                ids = NewIds()
                for recording, its in zip(recordings, used, strict=True):
                    statements = recording.statements(ids)
                    with client_and_backend(connection, its):
                        play(connection, statements)
                    its.append(self._follow_up())
        return [
            sum(its, Cpu()) * (1 / (rounds * recording.count)) for recording, its in zip(recordings, used, strict=True)
        ]

    def _follow_up(self) -> Cpu:
        """Publish the messages in the outbox, and delete the jobs; return the CPU, the jobs' own included."""
        connection, used = self._service.bare, list[Cpu]()
        self._publish(used)
        with client_and_backend(connection, used):
            jobs = connection.execute(b"DELETE FROM outbox").rowcount
        return sum(used, self._job * jobs)

    def _publish(self, used: list[Cpu]) -> int:
        """Publish the messages in the outbox of the other database, and append the CPU to `used`; return their number."""
        connection = self._service.bare
        leased = connection.execute(_LEASED.encode()).fetchall()  # the service has them in memory
        count = len(leased)
        with client_and_backend(connection, used):
            for start in range(0, count, BATCH):
                self._publish_batch(leased[start : start + BATCH])
            while due := connection.execute(_CLAIM.encode(), [BATCH]).fetchall():
                self._publish_batch(due)
                count += len(due)
        return count

    def _publish_batch(self, rows: Sequence[tuple[int, str]]) -> None:
        with self._service.redis.pipeline(transaction=False) as pipe:
            for _, payload in rows:
                for message in json.loads(payload)["messages"]:
                    pipe.xadd(SCRATCH_STREAM, {"message": json.dumps(message["message"])}, maxlen=1000)
            pipe.execute()
        self._service.bare.execute(b"DELETE FROM outbox WHERE id = ANY($1)", [[row_id for row_id, _ in rows]])

    def _play_reads(self, recording: Recording, count: int) -> Cpu:
        connection, used = self._service.database, list[Cpu]()
        rounds, statements = -(-count // recording.count), recording.statements()
        with client_and_backend(connection, used):
            for _ in range(rounds):
                play(connection, statements)
        return used[0] * (1 / (rounds * recording.count))

    async def _critical_path(self, at_once: bool, count: int) -> list[float]:
        """Return the milliseconds of the calls that a checkout waits for."""
        ports, authorization = self._service.stack.ports, _authorization(self._service)
        metadata = [(name.lower(), value) for name, value in authorization.items()]
        user = self._steps.regular.id
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=authorization) as session,
            grpc.aio.insecure_channel(f"127.0.0.1:{ports.product}") as channel,
        ):
            stub: Any = rpc.ProductServiceStub(channel)

            async def get(url: str) -> None:
                async with session.get(url) as response:
                    response.raise_for_status()
                    await response.read()

            async def call(_: Request) -> bytes:
                await asyncio.gather(
                    get(f"http://127.0.0.1:{ports.user}/users/{user}"),
                    get(f"http://127.0.0.1:{ports.cart}/carts/{user}"),
                )
                line = pb.Line(product_id=FLOOR_PRODUCT, quantity=1)
                hold = pb.ReserveStockRequest(order_id=str(uuid.uuid4()), lines=[line, line], ttl_seconds=60)
                await stub.ReserveStock(hold, metadata=metadata)
                return b""

            requests = [Request("GET", "", "")] * count
            responses = await (load.at_once if at_once else load.at_rate)(requests, call)
        return [response.milliseconds for response in responses]


def _authorization(service: Service) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.stack.environment['SERVICE_TOKEN']}"}


@contextmanager
def _expect_more_orders(service: Service, count: int) -> Iterator[None]:
    """Raise BenchError unless so many orders are written into the other database meanwhile."""
    before = _orders(service)
    yield
    expect("Orders that the bare statements have written", _orders(service) - before, count)


def _orders(service: Service) -> int:
    row = service.bare.execute(b"SELECT count(*) FROM orders").fetchone()
    return int(row[0]) if row else 0
