"""Maintenance of `payments.events`, on a real Redis: idle consumers and old entries are removed, no message is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from compose.ports import HOST
from compose.servers import Redis as Server
from messaging import stream_maintenance
from messaging.bus import PAYMENT_EVENTS as STREAM

GROUP = "order-service"
PATIENCE_MS = 50


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("redis"), durable=False) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Any]:
    """Yield a client of an empty Redis with the consumer group."""
    async with Redis.from_url(f"{server.url}/0") as client:
        await client.flushall()
        await client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        yield client


async def names(client: Any) -> set[str]:
    """Return the consumers in the group."""
    return {consumer["name"].decode() for consumer in await client.xinfo_consumers(STREAM, GROUP)}


async def maintain(client: Any, **limits: int) -> None:
    await stream_maintenance.maintain_stream(client, GROUP, "active", **limits)


async def until_idle(client: Any, name: str) -> None:
    """Wait until this consumer has been idle for longer than the patience."""

    async with asyncio.timeout(5):
        while not any(
            each["name"] == name.encode() and each["idle"] > PATIENCE_MS
            for each in await client.xinfo_consumers(STREAM, GROUP)
        ):
            await asyncio.sleep(0.01)


async def test_an_idle_consumer_is_removed_from_the_group_and_an_active_one_stays(client: Any) -> None:
    for name in ("idle", "active"):
        await client.xgroup_createconsumer(STREAM, GROUP, name)
        await until_idle(client, name)
    await maintain(client, idle_after_ms=PATIENCE_MS)
    assert await names(client) == {"active"}


async def test_an_idle_consumer_with_a_pending_entry_stays_and_the_entry_with_it(client: Any) -> None:
    entry = await client.xadd(STREAM, {"message": "m"})
    await client.xreadgroup(GROUP, "idle", {STREAM: ">"})
    await until_idle(client, "idle")
    await maintain(client, idle_after_ms=PATIENCE_MS)
    assert "idle" in await names(client)
    (pending,) = await client.xpending_range(STREAM, GROUP, "-", "+", 10)
    assert (pending["message_id"], pending["times_delivered"]) == (entry, 1)


async def test_resetting_a_consumers_idle_time_leaves_its_pending_entries_as_they_are(client: Any) -> None:
    await client.xadd(STREAM, {"message": "m"})
    await client.xreadgroup(GROUP, "active", {STREAM: ">"})
    await maintain(client)
    (pending,) = await client.xpending_range(STREAM, GROUP, "-", "+", 10)
    assert pending["times_delivered"] == 1


async def test_entries_beyond_the_length_are_trimmed_when_they_have_been_acknowledged(client: Any) -> None:
    await fill(client, 1000)
    await maintain(client, length=500)
    assert await client.xlen(STREAM) == 1000
    entries = await client.xreadgroup(GROUP, "active", {STREAM: ">"}, count=1000)
    await maintain(client, length=500)
    assert await client.xlen(STREAM) == 1000
    ids = [entry_id for entry_id, _ in entries[0][1]]
    await client.xack(STREAM, GROUP, *ids[:200], *ids[201:])
    await maintain(client, length=500)
    assert await client.xrange(STREAM, ids[200], ids[200])
    await client.xack(STREAM, GROUP, ids[200])
    await maintain(client, length=500)
    assert 500 <= await client.xlen(STREAM) <= 600


async def test_commands_that_redis_does_not_allow_are_skipped(client: Any, server: Server) -> None:
    await client.acl_setuser("narrow", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-eval", "-xtrim"])
    async with Redis.from_url(f"redis://narrow:x@{HOST}:{server.port}/0") as narrow:
        await maintain(narrow, length=0)


async def fill(client: Any, entries: int) -> None:
    async with client.pipeline(transaction=False) as pipe:
        for number in range(entries):
            pipe.xadd(STREAM, {"message": f"{number}"})
        await pipe.execute()
