"""Payment's end of Redis for the tests in this folder."""

from collections.abc import Iterator

import pytest
import redis

from tests.support.payment import Payment
from tests.support.world import World


@pytest.fixture
def payment(world: World) -> Iterator[Payment]:
    """Yield Payment, played by the test itself."""
    with redis.Redis.from_url(world.stack.environment["REDIS_URL"]) as bus:
        yield Payment(world, bus)
