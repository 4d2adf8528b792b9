"""GET /api/v1/orders/{id}/stream and /vendor-orders/{id}/stream: every entry once, to every client, until the stream ends."""

import asyncio
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import httpx_sse
import jwt
import pytest

from compose import composition
from compose.connection_info import JWT_AUDIENCE, JWT_ISSUER
from compose.ports import HOST, free_port
from compose.processes import Process
from compose.stack import CHECKOUT, Stack
from tests.support.market import Market, Sale
from tests.support.server import server as one_more_server
from tests.support.streams import StreamClient, open_stream
from tests.support.world import Person, Sandbox, World, eventually

CROWD = 200
OPENING = 10
"""Streams that a server opens at once: it refuses those that wait for two seconds."""

BRISK_SECONDS = 2
"""Seconds between the heartbeats of `tests.support.impatient_client`."""


def token(world: World, person: Person, seconds: float) -> str:
    """Return a token of the customer that expires in `seconds`."""
    now = int(time.time())
    claims = {"sub": person.id, "role": "customer", "iat": now, "exp": now + seconds}
    claims |= {"iss": JWT_ISSUER, "aud": JWT_AUDIENCE}
    return "Bearer " + jwt.encode(claims, world.stack.connection_info.jwt_secret, algorithm="HS256")


@contextmanager
def server(stack: Stack) -> Iterator[tuple[Process, str]]:
    """Yield a server process of its own, to be stopped and measured."""
    port = free_port()
    log: Path = stack.logs / f"own-{port}.log"
    command = composition.service(port)
    process = Process("own", command, log=log, cwd=CHECKOUT, environment=stack.environment, grace=30)
    process.start()
    url = f"http://{HOST}:{port}"
    try:
        process.wait_ready(
            lambda: httpx.get(f"{url}/readyz", trust_env=False, verify=False).raise_for_status(), errors=httpx.HTTPError
        )
        yield process, url
    finally:
        process.stop()


def descriptors(process: Process) -> int:
    """Return the number of files and sockets that the process has open."""
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    """Yield a market of two vendors."""
    yield Market(world, 1000, 333)


@pytest.fixture(scope="module")
def brisk_url(stack: Stack) -> Iterator[str]:
    """Yield a server with frequent heartbeats."""
    with one_more_server(stack, "brisk", "tests.support.impatient_client:application") as url:
        yield url


@pytest.fixture
def brisk(stack: Stack, sandbox: Sandbox, brisk_url: str) -> Iterator[Market]:
    with closing(World(stack, brisk_url, sandbox)) as world:
        yield Market(world, 1000, 333)


def test_a_stream_begins_with_the_first_entry_and_goes_on_with_every_new_one(either_world: World) -> None:
    market = Market(either_world, 1000, 333)
    sale = market.sell()
    with open_stream(market.customer, f"/orders/{sale.id}/stream") as sse:
        assert sse.answer.status == 200
        assert sse.answer.headers["Content-Type"] == "text/event-stream"
        assert sse.answer.headers["Cache-Control"] == "no-store"
        assert sse.answer.headers["X-Request-ID"]
        sse.wait_for(3)
        sale.do(0, "accept")
        sse.wait_for(5)
        sale.do(0, "ship", "deliver")
        sale.do(1, "accept", "ship")
        sse.wait_for(10)
        history = market.customer.get(f"/orders/{sale.id}/history").json()["results"]
        assert sse.entries == [(entry["sequence"], entry) for entry in history]
        assert sse.retry == ["1000"]


def test_an_admin_receives_whole_entries(market: Market) -> None:
    sale = market.sell()
    with open_stream(market.admin, f"/orders/{sale.id}/stream") as sse:
        assert sse.wait_for(3) == sale.trail()


def test_an_entry_written_by_another_process_arrives(world: World, second_world: World) -> None:
    market = Market(world, 1000, 333)
    sale = market.sell()
    elsewhere = second_world.person("customer", market.customer.id)
    there = second_world.vendor(market.vendor_ids[0])
    with (
        open_stream(market.customer, f"/orders/{sale.id}/stream") as here,
        open_stream(elsewhere, f"/orders/{sale.id}/stream") as over_there,
    ):
        here.wait_for(3)
        sale.act(0, "accept", there)
        here.wait_for(5)
        sale.do(0, "ship")
        assert over_there.wait_for(6) == here.wait_for(6)
        assert here.ids == [1, 2, 3, 4, 5, 6]


def test_a_client_that_reconnects_continues_right_after_its_last_entry(market: Market) -> None:
    sale = market.sell()
    path = f"/orders/{sale.id}/stream"
    with open_stream(market.customer, path) as first:
        first.wait_for(3)
    sale.do(0, "accept", "ship")
    for last, wanted in (("3", [4, 5, 6]), ("5", [6]), ("0", [1, 2, 3, 4, 5, 6]), ("6", [])):
        with open_stream(market.customer, path, last) as back:
            eventually(lambda back=back: back.retry, "the stream to open")  # type: ignore[misc]
            back.wait_for(len(wanted))
            assert back.ids == wanted
    with open_stream(market.customer, path, "6") as back:
        sale.do(1, "accept")
        back.wait_for(1)
        assert back.ids == [7]


def test_nothing_is_lost_or_repeated_while_entries_arrive_and_clients_come_and_go(market: Market) -> None:
    sale = market.sell()
    path = f"/orders/{sale.id}/stream"
    acting = threading.Thread(target=lambda: [sale.do(v, "accept", "ship", "deliver") for v in (0, 1)])
    acting.start()
    ids: list[int] = []
    while len(ids) < 12:
        with open_stream(market.customer, path, str(ids[-1]) if ids else None) as sse:
            eventually(lambda sse=sse: sse.entries, "an entry")  # type: ignore[misc]
        ids += sse.ids
    acting.join()
    assert ids == [entry["sequence"] for entry in sale.trail()] == list(range(1, 13))


def test_a_vendor_receives_its_own_entries_with_numbers_of_their_own(either_world: World) -> None:
    market = Market(either_world, 1000, 333)
    sale = market.sell()
    path = f"/vendor-orders/{sale.parts[1]}/stream"
    with open_stream(market.vendors[1], path) as sse, open_stream(market.admin, path) as admin:
        sale.do(0, "accept")
        sale.do(1, "accept")
        sale.do(0, "ship", "deliver")
        sale.do(1, "ship", "deliver")
        entries = sse.wait_for(4)
        assert sse.ids == [entry["sequence"] for entry in entries] == [1, 2, 3, 4]
        assert [(entry["type"], entry["actor_role"], entry["from"], entry["to"]) for entry in entries] == [
            ("vendor_order.confirmed", "payment", "pending", "pending"),
            ("vendor_order.processing", "vendor", "pending", "processing"),
            ("vendor_order.shipped", "vendor", "processing", "shipped"),
            ("vendor_order.delivered", "vendor", "shipped", "delivered"),
        ]
        assert all(entry.keys() == {"sequence", "type", "actor_role", "from", "to", "at"} for entry in entries)
        assert [entry["actor_id"] for entry in admin.wait_for(4)[1:]] == [market.vendors[1].id] * 3
        assert admin.entries[0][1]["request_id"] == sale.trail()[2]["request_id"]
    for last, wanted in (("1", [2, 3, 4]), ("3", [4]), ("0", [1, 2, 3, 4]), ("4", [])):
        with open_stream(market.vendors[1], path, last) as back:
            eventually(lambda back=back: back.retry, "the stream to open")  # type: ignore[misc]
            back.wait_for(len(wanted))
            assert back.ids == wanted


def test_a_vendors_stream_begins_with_the_confirmation_and_the_order_is_readable_by_then(
    market: Market, second_world: World
) -> None:
    """The quicker process handles the payment event; the vendor has a stream at both."""
    sale = market.place()
    path = f"/vendor-orders/{sale.parts[0]}"
    there = second_world.vendor(market.vendor_ids[0])
    with open_stream(market.vendors[0], f"{path}/stream") as here, open_stream(there, f"{path}/stream") as elsewhere:
        for sse in (here, elsewhere):
            eventually(lambda sse=sse: sse.retry, "the stream to open")  # type: ignore[misc]
            assert not sse.entries
        sale.pay()
        for sse in (here, elsewhere):
            (entry,) = sse.wait_for(1)
            assert (entry["sequence"], entry["type"]) == (1, "vendor_order.confirmed")
        seen = sale.part(0)
        assert (seen["order_status"], seen["version"], seen["updated_at"]) == ("confirmed", 2, entry["at"])


def test_the_stream_of_an_order_that_costs_nothing_begins_with_its_confirmation_too(world: World) -> None:
    market = Market(world, 0, 0)
    sale = market.place()
    with open_stream(market.vendors[1], f"/vendor-orders/{sale.parts[1]}/stream") as sse:
        (entry,) = sse.wait_for(1)
        assert (entry["type"], entry["actor_role"], entry["at"]) == (
            "vendor_order.confirmed",
            "system",
            sale.placed["created_at"],
        )
        sale.do(1, "accept")
        assert sse.wait_for(2)[1]["type"] == "vendor_order.processing"


def test_an_order_that_was_never_paid_is_not_confirmed_to_its_vendor(market: Market) -> None:
    sale = market.place()
    sale.cancel()
    with open_stream(market.vendors[0], f"/vendor-orders/{sale.parts[0]}/stream") as sse:
        (entry,) = sse.wait_for(1)
        assert (entry["sequence"], entry["type"]) == (1, "vendor_order.cancelled")


def test_a_vendor_that_reconnects_receives_the_new_entries(market: Market) -> None:
    sale = market.sell()
    sale.do(1, "accept")
    sale.do(0, "accept", "ship", "deliver")
    with open_stream(market.vendors[1], f"/vendor-orders/{sale.parts[1]}/stream", "2") as back:
        eventually(lambda: back.retry, "the stream to open")
        sale.do(1, "ship")
        back.wait_for(1)
        assert back.ids == [3]


def test_a_vendor_receives_the_customers_cancellation(market: Market) -> None:
    sale = market.sell()
    with open_stream(market.vendors[0], f"/vendor-orders/{sale.parts[0]}/stream") as sse:
        eventually(lambda: sse.retry, "the stream to open")
        sale.cancel(body={"reason": "a secret"})
        entry = sse.wait_for(2)[-1]
        assert (entry["type"], entry["actor_role"]) == ("vendor_order.cancelled", "customer")
        assert "a secret" not in json.dumps(entry)


def test_customer_and_vendor_receive_a_corrected_tracking_number_and_other_vendors_do_not(market: Market) -> None:
    sale = market.sell()
    sale.do(0, "accept", "ship")
    with (
        open_stream(market.customer, f"/orders/{sale.id}/stream") as customer,
        open_stream(market.vendors[0], f"/vendor-orders/{sale.parts[0]}/stream") as vendor,
        open_stream(market.vendors[1], f"/vendor-orders/{sale.parts[1]}/stream") as another,
    ):
        assert sale.act(0, "ship", body={"carrier": "UPS", "tracking_number": "2"}).status_code == 200
        eventually(lambda: "vendor_order.tracking_changed" in customer.types, "the customer's entry")
        eventually(lambda: "vendor_order.tracking_changed" in vendor.types, "the vendor's entry")
        assert sale.act(1, "accept").status_code == 200
        eventually(lambda: "vendor_order.processing" in another.types, "the other vendor's own entry")
        assert "vendor_order.tracking_changed" not in another.types


def test_an_idle_stream_has_heartbeats_and_ends_when_its_token_expires(market: Market) -> None:
    """Two streams in one test, because both wait for time to pass."""
    sale, world = market.sell(), market.world
    path = f"/orders/{sale.id}/stream"
    began = time.monotonic()
    with (
        open_stream(market.customer, path) as quiet,
        StreamClient(world.url, token(world, market.customer, 3), path) as brief,
    ):
        brief.wait_for(3)
        assert brief.over.wait(8), "the token has expired"
        assert time.monotonic() - began > 1
        assert not [comment for comment in brief.comments if comment.startswith("broken")]
        eventually(lambda: quiet.comments, "a heartbeat", seconds=20)
        assert 10 < time.monotonic() - began < 20
        sale.do(0, "accept")
        quiet.wait_for(5)
        assert not quiet.over.is_set()


def read_raw(person: Person, path: str, seconds: float, *ends: bytes) -> bytes:
    """Return the bytes of a stream without the chunks' frames, until they end with one of `ends` or `seconds` have passed."""
    sse = b""
    timeout = httpx.Timeout(20, read=seconds)
    with (
        suppress(httpx.ReadTimeout),
        person.http.stream("GET", f"/api/v1{path}", timeout=timeout) as answer,
    ):
        assert answer.status_code == 200
        until = time.monotonic() + seconds
        for piece in answer.iter_raw():
            sse += piece
            if sse.endswith(ends) or time.monotonic() > until:
                break
    return sse


def events(raw: bytes) -> list[list[str]]:
    """Return the blocks between blank lines, which a strict reader takes for events."""
    return [block.split("\n") for block in raw.decode().split("\n\n")]


def test_every_blank_line_ends_an_event(brisk: Market) -> None:
    """A reader that dispatches at each blank line would see events without data (WHATWG HTML, 9.2.6)."""
    market, sale = brisk, brisk.sell()
    *blocks, rest = events(read_raw(market.customer, f"/orders/{sale.id}/stream", 20, b": still here\n"))
    assert rest == [": still here", ""]
    assert blocks[0][0] == "retry: 1000"
    assert [[line.partition(":")[0] for line in block] for block in blocks] == [
        ["retry", "id", "data"],
        *[["id", "data"]] * 2,
    ]
    quiet = read_raw(market.vendors[0], f"/vendor-orders/{sale.parts[0]}/stream", 20, b": still here\n")
    assert not [block for block in events(quiet)[:-1] if not any(line.startswith("data:") for line in block)]
    assert (
        quiet.startswith(b"retry: 1000\n")
        and quiet.endswith(b"\n: still here\n")
        and quiet.count(b"\n\n") == quiet.count(b"data:")
    )


def test_a_client_library_receives_the_same_entries(market: Market) -> None:
    sale = market.sell()
    path = f"/api/v1/orders/{sale.id}/stream"
    with httpx_sse.connect_sse(market.customer.http, "GET", path) as source:
        sse = source.iter_sse()
        first = [next(sse) for _ in range(3)]
        sale.do(0, "accept")
        first += [next(sse) for _ in range(2)]
    assert [event.json() for event in first] == market.customer.get(f"/orders/{sale.id}/history").json()["results"]
    assert [(event.id, event.event, event.retry) for event in first][:2] == [
        ("1", "message", 1000),
        ("2", "message", None),
    ]
    with httpx_sse.connect_sse(market.customer.http, "GET", path, headers={"Last-Event-ID": first[-1].id}) as source:
        sale.do(0, "ship")
        assert next(source.iter_sse()).id == "6"


@pytest.mark.serial
def test_heartbeats_reveal_nothing_of_other_vendors(brisk: Market) -> None:
    """Heartbeats follow a clock that starts with the stream, whatever wakes the stream meanwhile."""
    market, sale = brisk, brisk.sell()

    def beats(vendor: int) -> float:
        began = time.monotonic()
        raw = read_raw(market.vendors[vendor], f"/vendor-orders/{sale.parts[vendor]}/stream", 20, b": still here\n")
        assert raw.count(b": still here\n") == 1
        return time.monotonic() - began

    with ThreadPoolExecutor() as threads:
        listening = threads.submit(beats, 0)
        for action in ("accept", "ship", "deliver"):
            time.sleep(0.6)
            sale.do(1, action)
        assert BRISK_SECONDS - 0.2 < listening.result() < BRISK_SECONDS + 0.9


@pytest.mark.serial
def test_heartbeats_come_between_entries_too(brisk: Market) -> None:
    market, sale = brisk, brisk.sell()
    began = time.monotonic()
    with open_stream(market.customer, f"/orders/{sale.id}/stream") as sse:
        sse.wait_for(3)
        time.sleep(1.2)
        sale.do(0, "accept")
        sse.wait_for(5)
        eventually(lambda: sse.comments, "a heartbeat", seconds=10)
        assert BRISK_SECONDS - 0.2 < time.monotonic() - began < BRISK_SECONDS + 0.9


def test_no_stream_opens_for_an_expired_token_within_the_leeway(market: Market) -> None:
    sale, world = market.sell(), market.world
    past = {"Authorization": token(world, market.customer, -5)}
    path = f"{world.url}/api/v1/orders/{sale.id}"
    assert httpx.get(path, headers=past, trust_env=False).status_code == 200
    for method in ("GET", "HEAD"):
        answer = httpx.request(method, f"{path}/stream", headers=past, trust_env=False)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_stream_is_refused_like_any_request(market: Market) -> None:
    sale = market.sell()
    order, part = f"/orders/{sale.id}/stream", f"/vendor-orders/{sale.parts[0]}/stream"
    stranger, foreign = market.world.customer(), market.vendors[1]
    missing = uuid.uuid4()
    refusals = [
        (stranger.get(order), 404, "not_found"),
        (foreign.get(part), 404, "not_found"),
        (market.customer.get(f"/orders/{missing}/stream"), 404, "not_found"),
        (foreign.get(f"/vendor-orders/{missing}/stream"), 404, "not_found"),
        (foreign.get(order), 403, "permission_denied"),
        (market.customer.get(part), 403, "permission_denied"),
        (httpx.get(f"{market.world.url}/api/v1{order}", trust_env=False), 401, "not_authenticated"),
    ]
    for last in ("x", "-1", "1.5", "1e3", "1 2", "٣", "9" * 40):
        for caller, path in ((market.customer, order), (market.vendors[0], part)):
            headers = {b"Last-Event-ID": last.encode()}
            refusals.append((caller.get(path, headers=headers), 400, "invalid"))
    for answer, status, code in refusals:
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.request.url
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_graceful_shutdown_ends_the_streams(market: Market) -> None:
    sale, stack = market.sell(), market.world.stack
    authorization = market.customer.http.headers["authorization"]
    with server(stack) as (process, url):
        with StreamClient(url, authorization, f"/orders/{sale.id}/stream") as sse:
            sse.wait_for(3)
            stopped_at = time.monotonic()
            process.ask_to_stop()
            assert sse.over.wait(3), "the stream goes on"
            assert not [comment for comment in sse.comments if comment.startswith("broken")]
        eventually(lambda: process.exit_status is not None, "the process to end", seconds=8)
        assert time.monotonic() - stopped_at < 8
        assert process.exit_status in (0, -15)
    with open_stream(market.customer, f"/orders/{sale.id}/stream", str(sse.ids[-1])) as elsewhere:
        sale.do(0, "accept")
        elsewhere.wait_for(2)
        assert elsewhere.ids == [4, 5]


async def first_lines(url: str, authorization: str, path: str) -> AsyncIterator[bytes]:
    """Yield the lines of a stream over a plain socket: two hundred of these cost little."""
    reader, writer = await asyncio.open_connection(HOST, urlsplit(url).port)
    try:
        writer.write(f"GET /api/v1{path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {authorization}\r\n\r\n".encode())
        while line := await reader.readline():
            yield line
    finally:
        writer.close()


def test_two_hundred_clients_receive_every_entry_and_leave_nothing_behind(market: Market) -> None:
    sale = market.sell()
    authorization = market.customer.http.headers["authorization"]
    with server(market.world.stack) as (process, url):
        with StreamClient(url, authorization, f"/orders/{sale.id}/stream") as one:
            one.wait_for(3)
        eventually(lambda: threads_rest(process), "its connections to be open")
        before = descriptors(process)
        during = asyncio.run(_open_crowd(url, authorization, sale, lambda: descriptors(process)))
        assert during >= before + CROWD
        eventually(lambda: descriptors(process) <= before + 4, "the streams' slots to be free again")
        assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200


def threads_rest(process: Process) -> bool:
    """Return whether the process opens no more descriptors by itself."""
    counts = set()
    for _ in range(5):
        counts.add(descriptors(process))
        time.sleep(0.05)
    return len(counts) == 1


async def _open_crowd(url: str, authorization: str, sale: Sale, count: Callable[[], int]) -> int:
    """Open CROWD streams, write two entries, and return the value of `count` while all streams were open."""
    path = f"/orders/{sale.id}/stream"
    there, everyone = 0, asyncio.Event()
    opening = asyncio.Semaphore(OPENING)

    async def one() -> None:
        nonlocal there
        lines: list[bytes] = []
        await opening.acquire()
        async for line in first_lines(url, authorization, path):
            lines.append(line)
            if line.startswith(b"id: 1"):
                opening.release()
            if line.startswith(b"id: 3"):
                there += 1
                if there == CROWD:
                    everyone.set()
            if line.startswith(b"id: 5"):
                break
        ids = [int(line[4:]) for line in lines if line.startswith(b"id: ")]
        assert ids == [1, 2, 3, 4, 5], b"".join(lines).decode()

    async with asyncio.timeout(30), asyncio.TaskGroup() as crowd:
        for _ in range(CROWD):
            crowd.create_task(one())
        await everyone.wait()
        during = count()
        await asyncio.to_thread(sale.do, 0, "accept")
    return during
