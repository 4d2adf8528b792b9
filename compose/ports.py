"""The loopback ports of the local stack: from the environment, else defaults, else free ones."""

import random
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from compose.errors import PortError

HOST = "127.0.0.1"
# Below the ephemeral ports of Linux, so that no outgoing connection takes one meanwhile.
FREE_RANGE = range(20_000, 32_000)


@dataclass(frozen=True)
class Ports:
    """One port for each server of a stack; the defaults are those of `make run`."""

    service: int = 8000
    postgres: int = 15432
    redis: int = 16379
    user: int = 8101
    cart: int = 8102
    product: int = 8103
    control: int = 8104

    @classmethod
    def free(cls) -> "Ports":
        """Return free ports for all servers."""
        return cls(*free_ports(len(fields(cls))))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], defaults: "Ports | None" = None) -> "Ports":
        """Return the ports of `PORT`, `POSTGRES_PORT`, `REDIS_PORT` …, else the defaults.

        A free port replaces a default that is in use, except for the service's. Raise PortError when a requested port, or the
        service's, is in use or is not a port.
        """
        chosen: dict[str, int] = {}
        for name, default in asdict(defaults or cls()).items():
            variable = "PORT" if name == "service" else f"{name.upper()}_PORT"
            wanted = environment.get(variable)
            port = _parse(wanted, variable) if wanted else default
            if port in chosen.values() or not is_free(port):
                if wanted or name == "service":
                    other = port + 1 if port < 65_535 else default
                    advice = f"Take another: {variable}={other} make run"
                    raise PortError(f"Port {port} ({variable}, for {name}) is taken by another program. {advice}")
                port = free_port()
            chosen[name] = port
        return cls(**chosen)


def is_free(port: int) -> bool:
    """Return whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: a closing connection does not block the port
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Return a port on which no program listens now."""
    for port in random.sample(FREE_RANGE, 200):
        if is_free(port):
            return port
    raise PortError(f"200 ports tried between {FREE_RANGE.start} and {FREE_RANGE.stop}, none of them is free.")


def free_ports(count: int) -> list[int]:
    """Return so many different ports on which no program listens now."""
    chosen: set[int] = set()
    while len(chosen) < count:
        chosen.add(free_port())
    return list(chosen)


def _parse(value: str, variable: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65_535:
        raise PortError(f"{variable}={value} is not a port: it takes a number from 1 to 65535.")
    return int(value)
