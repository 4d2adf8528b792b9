"""Redis that crashes, stalls, forgets or refuses while it counts the rate limits: no request fails or waits because of it, and
each process counts by itself meanwhile.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import redis

from compose.servers import Redis
from compose.stack import Stack
from tests.support.processes import frozen
from tests.support.rate_limits import left, refused
from tests.support.server import server
from tests.support.world import Person, Sandbox, World, eventually

QUOTA = 5
LIMITS = f"read={QUOTA}/3600, anonymous=1000000/1, failed_auth={QUOTA}/3600"
MOST_SECONDS = 0.05
"""The maximum delay of a request by Redis, in seconds."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """Yield a Redis of its own, which keeps its data when it is terminated and started again."""
    with Redis(tmp_path_factory.mktemp("limits")) as store:
        yield store


@pytest.fixture(scope="module")
def limited_url(stack: Stack, store: Redis) -> Iterator[str]:
    with server(stack, "limits", REDIS_URL=f"{store.url}/0", RATE_LIMITS=LIMITS) as url:
        yield url


@pytest.fixture
def limited(stack: Stack, sandbox: Sandbox, limited_url: str) -> Iterator[World]:
    """Yield a server whose limits are counted in that Redis, and are again after the test."""
    with closing(World(stack, limited_url, sandbox)) as world:
        wait_until_counted(world, in_redis=True)
        yield world
        wait_until_counted(world, in_redis=True)


def wait_until_counted(world: World, *, in_redis: bool) -> None:
    def look() -> bool:
        metrics = httpx.get(f"{world.url}/metrics", trust_env=False).text
        return f"rate_limit_store_up {float(in_redis)}" in metrics

    eventually(look, f"the limits to be counted in Redis: {in_redis}")


def units(person: Person) -> int:
    """Take a unit and return how many are left; the request must be served."""
    answer = person.get("/orders")
    assert answer.status_code == 200, answer.text
    return left(answer)["read"][0]


def use_up(person: Person) -> list[int]:
    """Take units until a request is refused, as it must be; return the statuses."""
    statuses: list[int] = []
    while not statuses or statuses[-1] == 200:
        statuses.append((answer := person.get("/orders")).status_code)
    refused(answer, "read")
    return statuses


def test_limits_are_kept_by_each_process_while_redis_is_terminated(limited: World, store: Redis) -> None:
    ada, bob = limited.customer(), limited.customer()
    assert units(ada) == QUOTA - 1
    store.process.kill()
    try:
        assert use_up(ada) == [200] * QUOTA + [429]  # a new bucket, of this process
        wait_until_counted(limited, in_redis=False)
        refusals = [httpx.get(f"{limited.url}/api/v1/orders", trust_env=False).status_code for _ in range(QUOTA + 1)]
        assert refusals == [401] * QUOTA + [429]
    finally:
        store.start()
    wait_until_counted(limited, in_redis=True)
    assert units(bob) == QUOTA - 1
    with redis.Redis.from_url(store.url) as client:
        assert list(client.scan_iter("rate-limits:*"))


@pytest.mark.serial
def test_a_frozen_redis_delays_no_request_and_is_asked_again_once_it_continues(limited: World, store: Redis) -> None:
    people = [limited.customer() for _ in range(8)]
    assert [units(person) for person in people] == [QUOTA - 1] * 8
    usual = sorted(_seconds(people[0]) for _ in range(3))[1]

    def first_answers() -> list[float]:
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(_seconds, people[1:]))

    with frozen(store.process):
        assert max(first_answers()) < usual + MOST_SECONDS + 0.1
        wait_until_counted(limited, in_redis=False)
        started = time.monotonic()
        while time.monotonic() - started < 3:
            assert _seconds(limited.customer()) < usual + MOST_SECONDS + 0.1
        assert use_up(people[0]) == [200] * QUOTA + [429]
    wait_until_counted(limited, in_redis=True)
    assert left(people[1].get("/orders"))["read"][0] <= QUOTA - 2  # the bucket of before


def _seconds(person: Person) -> float:
    began = time.monotonic()
    assert person.get("/orders").status_code == 200
    return time.monotonic() - began


def test_a_flushed_redis_counts_anew_and_fails_no_request(limited: World, store: Redis) -> None:
    with redis.Redis.from_url(store.url) as client:
        for wipe in (client.flushall, client.script_flush):
            ada = limited.customer()
            assert units(ada) == QUOTA - 1
            wipe()
            assert use_up(ada)[-1] == 429
    assert "rate_limit_store_up 1.0" in httpx.get(f"{limited.url}/metrics", trust_env=False).text


@pytest.mark.parametrize("refuses", ["writes for lack of memory", "writes as a replica", "keys of another type"])
def test_an_error_of_redis_fails_no_request(limited: World, store: Redis, refuses: str) -> None:
    ada = limited.customer()
    with redis.Redis.from_url(store.url) as client:

        def spoil() -> None:
            if refuses == "writes for lack of memory":
                client.config_set("maxmemory", 1)
            elif refuses == "writes as a replica":
                client.replicaof("127.0.0.1", 1)
            else:
                units(ada)
                for key in client.scan_iter("rate-limits:*"):
                    client.delete(key)
                    client.lpush(key, "x")

        try:
            spoil()
            statuses = use_up(ada)
            assert statuses == [200] * QUOTA + [429]
        finally:
            client.config_set("maxmemory", 0)
            client.replicaof("NO", "ONE")
            client.flushall()


def test_a_server_starts_without_redis_and_counts_by_itself(stack: Stack, sandbox: Sandbox, tmp_path: Path) -> None:
    store = Redis(tmp_path)
    with store:
        url = f"{store.url}/0"
    with (
        server(stack, "early", probe="/healthz", REDIS_URL=url, RATE_LIMITS=LIMITS) as url,
        closing(World(stack, url, sandbox)) as world,
    ):
        ada = world.customer()
        assert use_up(ada) == [200] * QUOTA + [429]
        with store:
            wait_until_counted(world, in_redis=True)
            assert units(world.customer()) == QUOTA - 1
