"""Rate limits over two server processes: together they give no unit more than one, as Redis counts for both."""

import itertools
import math
import struct
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import httpx
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from compose.stack import CHECKOUT, Stack
from orders.http.throttling.buckets import Buckets, Draw, level
from orders.http.throttling.policies import Policy
from tests.support.rate_limits import left, refused
from tests.support.server import server
from tests.support.streams import open_stream
from tests.support.world import Sandbox, World

LIMITS = "read=20/10, coupon_guess=5/7200, streams=1"


@pytest.fixture(scope="module")
def urls(stack: Stack) -> Iterator[list[str]]:
    with ExitStack() as running:
        yield [running.enter_context(server(stack, f"limits {name}", RATE_LIMITS=LIMITS)) for name in ("one", "two")]


@pytest.fixture
def worlds(stack: Stack, sandbox: Sandbox, urls: list[str]) -> Iterator[list[World]]:
    """Yield the same marketplace through two server processes that count."""
    with ExitStack() as closing_all:
        yield [closing_all.enter_context(closing(World(stack, url, sandbox))) for url in urls]


def test_a_burst_at_two_processes_gets_the_quota_and_what_comes_back_meanwhile(worlds: list[World]) -> None:
    name = f"c-{uuid.uuid4()}"
    people = [world.person("customer", name) for world in worlds]
    with ThreadPoolExecutor(8) as threads:
        start = time.monotonic()
        answers = list(threads.map(lambda n: people[n % 2].get("/orders"), range(200)))
        elapsed = time.monotonic() - start
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    assert 20 <= statuses.count(200) <= 20 + math.ceil(elapsed * 20 / 10)


@pytest.mark.serial
def test_units_come_back_evenly_at_both_processes(worlds: list[World]) -> None:
    name = f"c-{uuid.uuid4()}"
    turns = itertools.cycle([world.person("customer", name) for world in worlds])
    start = time.monotonic()
    given_at: list[float] = []
    while time.monotonic() - start < 4:
        if next(turns).get("/orders").status_code == 200:
            given_at.append(time.monotonic() - start)
    elapsed = time.monotonic() - start
    late = [at for at in given_at[20:] if at > 1]
    assert len(given_at) <= 20 + math.ceil(elapsed * 2)
    assert all(later - earlier < 1.5 for earlier, later in itertools.pairwise(late)), late
    assert len(late) >= 3


def test_guesses_at_two_processes_are_no_more_than_the_quota(worlds: list[World]) -> None:
    name = worlds[0].shopper().id
    people = [world.person("customer", name) for world in worlds]
    with ThreadPoolExecutor(8) as threads:
        body = {"coupon_code": "NO-SUCH-CODE"}
        answers = list(threads.map(lambda n: people[n % 2].post("/orders/quote", body), range(40)))
    codes = [answer.json()["code"] for answer in answers]
    assert (codes.count("coupon_unavailable"), codes.count("rate_limited")) == (5, 35)


def test_open_streams_are_counted_in_each_process(worlds: list[World]) -> None:
    shopper = worlds[0].shopper()
    path = f"/orders/{shopper.place()['id']}/stream"
    again = worlds[1].person("customer", shopper.id)
    with open_stream(shopper, path) as first, open_stream(again, path) as second:
        assert (first.answer.status, second.answer.status) == (200, 200)
        refused(shopper.get(path), "streams")
        refused(again.get(path), "streams")


def test_a_script_that_redis_has_forgotten_is_sent_again(worlds: list[World]) -> None:
    person = worlds[0].customer()
    units = left(person.get("/orders"))["read"][0]
    with redis.Redis.from_url(worlds[0].stack.environment["REDIS_URL"]) as client:
        client.script_flush()
        assert left(person.get("/orders"))["read"][0] <= units  # its bucket, in Redis, and not a new one in the process
        assert client.info("commandstats")["cmdstat_eval"]["calls"] >= 1
    assert "rate_limit_store_up 1.0" in httpx.get(f"{worlds[0].url}/metrics", trust_env=False).text


SLOW = [Policy("slow", 3, 86_400), Policy("slower", 2, 86_400)]
"""Nothing comes back during a test, so that the clocks of Redis and of the model do not matter."""

CHANGES = [(1, 0), (0, 1), (1, -1), (0, -1), (0, 0)]

draws = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(CHANGES)), min_size=1, max_size=2, unique_by=lambda each: each[0]
)


@given(st.lists(draws, min_size=1, max_size=30))
def test_the_script_draws_as_the_buckets_of_a_process_do(stack: Stack, looks: list[list[Any]]) -> None:
    script = (CHECKOUT / "orders" / "http" / "throttling" / "buckets.lua").read_text()
    keys, buckets = [f"test:{uuid.uuid4()}".encode() for _ in SLOW], Buckets()
    made = [[Draw(SLOW[place], keys[place], *change) for place, change in look] for look in looks]
    flat = list(itertools.chain.from_iterable(made))
    arguments = [struct.pack("<dddd", draw.policy.quota, draw.policy.cost, draw.taken, draw.held) for draw in flat]
    with redis.Redis.from_url(stack.environment["REDIS_URL"]) as client:
        reply: Any = iter(client.eval(script, len(flat), *(draw.key for draw in flat), *arguments, *map(len, made)))
        for look in made:
            expected = buckets.look(look, 0)
            assert bool(next(reply)) == expected.is_allowed
            levels = [level(draw.policy, next(reply), next(reply)) for draw in look]
            assert [each[:3] for each in levels] == [each[:3] for each in expected.levels]
            assert [each.is_held for each in levels] == [each.is_held for each in expected.levels]
