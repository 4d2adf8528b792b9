"""Processes of the service that are killed (P1, P2, P3, P4, P10)."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random

import pytest

from tests.faults.conftest import kills
from tests.support.checkout_load import Client, Load, Purchase, ensure_status
from tests.support.fleet import Fleet
from tests.support.world import World

COPIES = 20
KEYS_AT_MOST = 20
KILLS_BETWEEN_CHECKS = 25


def test_processes_killed_under_load_lose_no_order_and_repeat_no_effect(
    fleet: Fleet, world: World, rng: Random
) -> None:
    for done in range(0, kills(), KILLS_BETWEEN_CHECKS):
        with Load(world, fleet.urls, rng) as load:
            for _ in range(min(KILLS_BETWEEN_CHECKS, kills() - done)):
                load.run(rng.uniform(0, 1))
                victim = rng.choice([*fleet.servers, *fleet.servers, fleet.worker, fleet.beat])
                victim.kill()
                load.run(rng.uniform(0, 0.5))
                victim.start()
                fleet.wait_until_ready()
        load.check()


@pytest.mark.long
def test_a_killed_worker_fails_no_request_and_its_effects_follow(fleet: Fleet, world: World, rng: Random) -> None:
    slow = world.sandbox.fault("product", kind="delay", value=1, call="CommitStock")
    with Load(world, fleet.urls, rng, "nothing") as load:
        with slow:  # so that a job is in progress when the worker is killed
            load.run(rng.uniform(1.5, 2.5))
            fleet.worker.kill()
        load.run(1)
        fleet.worker.start()
    load.check()


def test_orders_expire_after_a_killed_beat_restarts(fleet: Fleet, world: World, rng: Random) -> None:
    fleet.beat.kill()
    ada = world.shopper()
    world.sandbox.payments(behaviour="ignore")
    try:
        order = ada.place()
        world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", order["id"])
        fleet.beat.start()
        ada.order_becomes(order["id"], status="expired")
    finally:
        world.sandbox.payments(behaviour="capture", capture_after=0.3)


def test_twenty_copies_of_one_key_over_two_servers_make_one_order_while_one_is_killed(
    fleet: Fleet, world: World, rng: Random
) -> None:
    load = Load(world, fleet.urls, rng)
    for _ in range(min(kills(), KEYS_AT_MOST)):
        purchase = load.prepare(Random(1))
        answers = _copies(fleet, world, rng, purchase)
        first = answers[0]
        assert all(answer == first for answer in answers), answers
        purchase.order = first
        load.purchases.append(purchase)
    load.check()


def _copies(fleet: Fleet, world: World, rng: Random, purchase: Purchase) -> list[dict[str, object]]:
    """Send all copies at once, kill a server meanwhile and restart it; return the bodies of the responses, which must be 201."""
    gate = threading.Barrier(COPIES + 1)

    def ask(chance: Random) -> dict[str, object]:
        with closing(Client(world, fleet.urls, chance)) as client:
            gate.wait()
            answer = client.buy(purchase)
            ensure_status(answer, 201)
            return dict(answer.json())

    server = rng.choice(fleet.servers)
    with ThreadPoolExecutor(COPIES) as pool:
        answers = [pool.submit(ask, Random(rng.random())) for _ in range(COPIES)]
        with fleet.postgres.delayed(0.02):  # so that all are in progress when the server is killed
            gate.wait()
            time.sleep(rng.uniform(0, 0.3))
            server.kill()
        server.start_and_wait()
        return [answer.result() for answer in answers]
