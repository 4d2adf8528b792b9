"""Which loopback ports the local stack listens on: the ones the environment names, else defaults, else free ones."""

import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields

from compose.errors import PortError

HOST = "127.0.0.1"
VARIABLES = {
    "service": "PORT",
    "postgres": "POSTGRES_PORT",
    "redis": "REDIS_PORT",
    "user": "USER_PORT",
    "cart": "CART_PORT",
    "product": "PRODUCT_PORT",
    "control": "CONTROL_PORT",
}
DEFAULTS = {
    "service": 8000,
    "postgres": 15432,
    "redis": 16379,
    "user": 8101,
    "cart": 8102,
    "product": 8103,
    "control": 8104,
}
# Below the range from which Linux takes the ports of outgoing connections, so that none of them gets in between.
FREE_RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: what is merely closing is no obstacle
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Some port that nobody listens on now."""
    for port in random.sample(FREE_RANGE, 200):
        if is_free(port):
            return port
    raise PortError(f"200 ports tried between {FREE_RANGE.start} and {FREE_RANGE.stop}, none of them is free.")


@dataclass(frozen=True)
class Ports:
    """One port for each server of a stack."""

    service: int
    postgres: int
    redis: int
    user: int
    cart: int
    product: int
    control: int

    @classmethod
    def free(cls) -> "Ports":
        """Free ports for all."""
        chosen: set[int] = set()
        while len(chosen) < len(fields(cls)):
            chosen.add(free_port())
        return cls(*chosen)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Ports":
        """The ports a person's environment asks for; else 8000 for the service and, for the others, what is free.

        Raises PortError when a port that was asked for, or the service's, is taken or is no port.
        """
        chosen: dict[str, int] = {}
        for name, variable in VARIABLES.items():
            port = _given(environment[variable], variable) if environment.get(variable) else DEFAULTS[name]
            if port in chosen.values() or not is_free(port):
                if name == "service" or environment.get(variable):
                    raise PortError(_taken(port, variable, name))
                port = free_port()
            chosen[name] = port
        return cls(**chosen)


def _given(value: str, variable: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65_535:
        raise PortError(f"{variable}={value} is not a port: it takes a number from 1 to 65535.")
    return int(value)


def _taken(port: int, variable: str, name: str) -> str:
    other = port + 1 if port < 65_535 else DEFAULTS[name]
    return (
        f"Port {port} ({variable}, for {name}) is taken by another program. Take another: {variable}={other} make run"
    )
