"""The gain of each response that clients keep: bytes on the wire and the server's CPU for 200 and for 304.

`make caching` starts a stack of its own; one connection sends the requests one after the other. Rounds take turns, for machines
slow down and speed up. CPU is that of the server's process, of which Prometheus' client counts hundredths of a second.
"""

import argparse
import re
import socket
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from compose.progress import Progress
from compose.stack import Stack
from tests.support.market import Market
from tests.support.world import Sandbox, World

PRICES = (1000, 333, 250)
"""Of the order's three vendors."""

Headers = dict[str, str]


class Connection:
    """A keep-alive connection whose bytes are counted."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def get(self, path: str, headers: Headers) -> tuple[int, int]:
        """Send the request; return the status, and the bytes received with those sent."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode()
        self._socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        missing = (int(length[1]) if length else 0) - len(body)
        count = len(request) + len(received) + missing
        while missing > 0:
            missing -= len(self._socket.recv(65536))
        return int(head.split()[1]), count


@contextmanager
def running() -> Iterator[World]:
    """Yield a service with its neighbours."""
    with (
        tempfile.TemporaryDirectory(prefix="caching-") as folder,
        Stack(Path(folder), settings={"RATE_LIMITS": "off"}, durable=False, progress=Progress()) as stack,
        closing(Sandbox(stack.control_url)) as sandbox,
        closing(World(stack, stack.url, sandbox)) as world,
    ):
        sandbox.payments(behaviour="manual")
        yield world


def requests(world: World) -> dict[str, tuple[str, Headers]]:
    """Return the path and the headers of each request: an order of three vendors, the first has shipped, and the documentation."""
    market = Market(world, *PRICES)
    sale = market.sell()
    sale.do(0, "accept", "ship")
    customer, vendor = (
        {"Authorization": str(person.http.headers["Authorization"])} for person in (market.customer, market.vendors[0])
    )
    found: dict[str, tuple[str, Headers]] = {
        "order": (f"/api/v1/orders/{sale.id}", customer),
        "its tracking": (f"/api/v1/orders/{sale.id}/tracking", customer),
        "its history": (f"/api/v1/orders/{sale.id}/history", customer),
        "vendor order": (f"/api/v1/vendor-orders/{sale.parts[0]}", vendor),
    }
    for name, path in {
        "page": "/api/doc",
        "schema": "/api/schema",
        "styles": "/api/doc/swagger-ui.css",
        "script": "/api/doc/swagger-ui-bundle.js",
    }.items():
        found |= {f"{name}, {coding}": (path, {"Accept-Encoding": coding}) for coding in ("identity", "gzip", "br")}
    return found


def cpu(world: World) -> float:
    """Return the seconds of CPU that the server has used."""
    metrics = httpx.get(f"{world.url}/metrics", trust_env=False, verify=False).text
    found = re.search(r"^process_cpu_seconds_total (\S+)$", metrics, re.MULTILINE)
    assert found
    return float(found[1])


def measure(world: World, connection: Connection, path: str, headers: Headers, count: int) -> tuple[int, int, float]:
    """Return the status, the bytes and the milliseconds of CPU of one of `count` requests."""
    began = cpu(world)
    answers = {connection.get(path, headers) for _ in range(count)}
    used = cpu(world) - began
    assert len({status for status, _ in answers}) == 1
    return *max(answers), 1000 * used / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="of each kind in a round")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with running() as world:
        address = urlsplit(world.url)
        with socket.create_connection((str(address.hostname), address.port or 0)) as plain:
            connection, asked = Connection(plain), requests(world)
            for name, (path, headers) in asked.items():
                tag = httpx.get(f"{world.url}{path}", headers=headers, trust_env=False, verify=False).headers["ETag"]
                rounds = [
                    (
                        measure(world, connection, path, headers, chosen.requests),
                        measure(world, connection, path, {**headers, "If-None-Match": tag}, chosen.requests),
                    )
                    for _ in range(chosen.rounds)
                ]
                columns = [name]
                for answers in zip(*rounds, strict=True):
                    status, size, _ = answers[0]
                    columns += [f"{status}: {size:,} bytes", f"{statistics.median(one[2] for one in answers):.3f} ms"]
                print(f"| {' | '.join(columns)} |", flush=True)


if __name__ == "__main__":
    main()
