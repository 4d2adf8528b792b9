"""A second Redis beside the first: its replica, until the two change roles."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from compose.ports import HOST
from compose.servers import Redis
from tests.support.tcp_proxy import Proxy
from tests.support.world import eventually


@contextmanager
def replica(primary: Redis, folder: Path) -> Iterator[Redis]:
    """Yield a replica of `primary` that has all its data; after the test it must be a replica again."""
    folder.mkdir(parents=True)
    (folder / "password").write_text(primary.password)
    with Redis(folder, log=folder / "log") as second, _client(second) as client, _client(primary) as first:
        for each in (client, first):
            each.config_set("masterauth", primary.password)
        client.replicaof(HOST, primary.port)
        eventually(lambda: client.info("replication").get("master_link_status") == "up", "the replica to have all data")
        yield second


def fail_over(old: Redis, new: Redis, *proxies: Proxy) -> None:
    """Make `new` the primary and `old` its replica; new connections lead to `new`, open ones stay."""
    with _client(old) as primary, _client(new) as successor:
        eventually(lambda: _is_in_step(primary), "the replica to be in step")
        primary.execute_command("FAILOVER", "TO", HOST, new.port, "TIMEOUT", 5000)
        eventually(lambda: successor.info("replication")["role"] == "master", "the replica to be promoted")
        eventually(lambda: primary.info("replication")["role"] == "slave", "the old primary to follow")
    for proxy in proxies:
        proxy.lead_to(new.port)


def _is_in_step(primary: Any) -> bool:
    replication = primary.info("replication")
    return bool(replication["connected_slaves"]) and replication["slave0"]["state"] == "online"


@contextmanager
def _client(server: Redis) -> Iterator[Any]:
    with redis.Redis.from_url(server.url) as client:
        yield client
