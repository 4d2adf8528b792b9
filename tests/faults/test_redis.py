"""Redis that crashes, loses its data, stalls and resets connections: no request fails, and every effect takes place
once (P4, P10).
"""

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis

from tests.faults.replica import fail_over, replica
from tests.support.checkout_load import Load
from tests.support.fleet import RECOVERY_SECONDS, Fleet
from tests.support.payment import COMMANDS, Payment
from tests.support.records import until_done
from tests.support.world import World, eventually


@pytest.mark.long
@pytest.mark.parametrize("forgets", [False, True], ids=["and remembers", "and is empty"])
def test_no_request_fails_while_redis_crashes_and_restarts(
    fleet: Fleet, world: World, rng: Random, forgets: bool
) -> None:
    server = fleet.stack.redis
    with Load(world, fleet.urls, rng, "nothing") as load:
        load.run(rng.uniform(0.5, 1.5))
        server.process.kill()
        load.run(2)
        if forgets:
            for file in server.folder.glob("appendonly*"):
                file.unlink()
        server.start()
        load.run(1)
    load.check()


@pytest.mark.long
def test_no_request_fails_while_redis_is_emptied_repeatedly(fleet: Fleet, world: World, rng: Random) -> None:
    with Load(world, fleet.urls, rng, "nothing") as load, redis.Redis.from_url(fleet.stack.redis.url) as client:
        fleet.worker.kill()  # so that there are jobs to lose
        for _ in range(5):
            load.run(rng.uniform(0.1, 1))
            client.flushall()
        fleet.worker.start()
    load.check()


@pytest.mark.long
def test_no_request_fails_while_redis_stalls(fleet: Fleet, world: World, rng: Random) -> None:
    with Load(world, fleet.urls, rng, "nothing") as load:
        load.run(0.5)
        with fleet.redis.stalled("down"):
            load.run(6)
    load.check()


@pytest.mark.long
def test_no_request_fails_while_redis_resets_connections_in_the_middle_of_a_response(
    fleet: Fleet, world: World, rng: Random
) -> None:
    with Load(world, fleet.urls, rng, "nothing") as load:
        for _ in range(5):
            load.run(rng.uniform(0.1, 0.5))
            with fleet.redis.cutting_after(rng.randrange(1, 60), "down"):
                load.run(rng.uniform(0.1, 0.5))
    load.check()


def test_two_relays_publish_each_message_once_and_queue_each_job_once(fleet: Fleet, world: World, rng: Random) -> None:
    with Load(world, fleet.urls, rng, "nothing") as load:
        load.run(3)
    load.check()
    ids = {purchase.order["id"] for purchase in load.placed if purchase.order}
    with redis.Redis.from_url(fleet.stack.environment["REDIS_URL"]) as client:
        entries: Any = [entry for name in ("payments.commands", "orders.events") for entry in client.xrange(name)]
    messages = [json.loads(fields[b"message"]) for _, fields in entries]
    times = Counter(message["event_id"] for message in messages if message["order_id"] in ids)
    assert len(times) >= 2 * len(ids)
    assert set(times.values()) == {1}
    clears = world.sandbox.ledger("cart")["clears"]
    assert {clears[order_id]["heard"] for order_id in ids} == {1}


def test_no_request_fails_during_a_failover_and_every_process_follows_the_primary(
    fleet: Fleet, world: World, rng: Random, tmp_path: Path
) -> None:
    """The old primary becomes a replica and keeps every open connection."""
    first = fleet.stack.redis
    with Load(world, fleet.urls, rng, "nothing") as load, replica(first, tmp_path / "second") as second:
        load.run(1)
        fail_over(first, second, fleet.redis)
        load.run(2)
        for via in ("channel", "stream"):
            follows_payment(world, second.url, via)
        fail_over(second, first, fleet.redis)
        load.run(1)
    load.check()


def follows_payment(world: World, redis_url: str, via: str) -> None:
    """Check that an order is requested at this Redis, paid by a message on the channel or in the stream, and its
    effects follow.
    """
    ada = world.shopper()
    with redis.Redis.from_url(redis_url) as client:
        payment = Payment(world, client)
        order = ada.place()
        eventually(lambda: payment.types(COMMANDS, order["id"]), "the payment to be requested", RECOVERY_SECONDS)
        captured = payment.event("captured", order["id"])

        def is_confirmed() -> bool:
            payment.send(captured, via)  # a message on the channel is lost without a subscriber
            return bool(ada.order(order["id"])["status"] == "confirmed")

        eventually(is_confirmed, f"the capture to be received on the {via}", RECOVERY_SECONDS)
    until_done(world, order["id"], RECOVERY_SECONDS)
