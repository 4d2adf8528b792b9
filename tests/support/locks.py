"""Locks that make the service wait."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.support.world import World


@contextmanager
def orders_locked(world: World) -> Iterator[None]:
    """Lock the table of orders, so that every request that reads it waits."""
    with psycopg.connect(world.stack.postgres.url) as connection:
        connection.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()
