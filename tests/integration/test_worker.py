"""The worker as the contract starts it: it consumes the queue only, and uses the broker of its settings."""

import socket

import redis
from celery import Celery

from compose import composition
from compose.ports import HOST
from compose.processes import Process
from compose.stack import CHECKOUT
from tests.support.world import World

AMQP = b"AMQP\x00\x00\x09\x01"
"""The first bytes of an AMQP 0-9-1 client (2.2.4)."""


def test_a_worker_accepts_no_remote_control_and_talks_to_no_other_worker(world: World) -> None:
    address = world.stack.environment["CELERY_BROKER_URL"]
    with Celery(broker=address, set_as_current=False) as stranger:
        assert stranger.control.ping(timeout=1) == []
    with redis.Redis.from_url(address) as broker:
        channels: list[bytes] = broker.pubsub_channels()
        assert [name for name in channels if b"celery" in name] == []


def test_a_broker_other_than_redis_is_used_by_its_own_protocol(world: World) -> None:
    with socket.create_server((HOST, 0)) as broker:
        broker.settimeout(20)
        address = f"amqp://guest:guest@{HOST}:{broker.getsockname()[1]}//"
        environment = {**world.stack.environment, "CELERY_BROKER_URL": address}
        log = world.stack.logs / "amqp-worker.log"
        worker = Process("amqp-worker", composition.WORKER, log=log, cwd=CHECKOUT, environment=environment)
        worker.start()
        try:
            client, _ = broker.accept()
            with client:
                client.settimeout(20)
                assert client.recv(len(AMQP)) == AMQP
        finally:
            worker.kill()
