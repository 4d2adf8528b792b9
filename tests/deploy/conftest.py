"""nginx with the configuration of `compose/nginx/`, and callers that reach the service through it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from compose.ports import free_port
from tests.support.nginx import Change, Nginx, nginx
from tests.support.tls import HERE, Authority
from tests.support.world import Person, World


class StartNginx(Protocol):
    """Start nginx, with changes of its configuration, in front of these servers: the service's own by default."""

    def __call__(self, *changes: Change, servers: Sequence[str] = ()) -> Nginx: ...


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority of nginx's certificate."""
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture
def start_nginx(tmp_path: Path, world: World, authority: Authority) -> Iterator[StartNginx]:
    with ExitStack() as stopping:

        def start(*changes: Change, servers: Sequence[str] = ()) -> Nginx:
            folder = tmp_path / f"nginx-{free_port()}"
            replicas = servers or [world.url.removeprefix("http://")]
            return stopping.enter_context(nginx(folder, replicas, *changes, certificate=authority.certificate(HERE)))

        yield start


@pytest.fixture
def shopper(world: World) -> Person:
    """Return a customer with two orders, so that a page of one has a next page."""
    shopper = world.shopper()
    shopper.place()
    world.sandbox.put_cart(shopper.id, [{"product_id": world.product(), "quantity": 1}])
    shopper.place()
    return shopper


def caller(url: str, person: Person) -> httpx.Client:
    """Return the person as a caller at this address of nginx."""
    headers = {"Authorization": str(person.http.headers["Authorization"])}
    return httpx.Client(base_url=url, headers=headers, trust_env=False, verify=False, timeout=20)
