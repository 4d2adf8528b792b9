"""The network between the machines: this machine's loopback, or a namespace for each, which can be cut off.

The namespaces are Linux's, made by iproute2 and only by root; a bridge connects them with HAProxy. Their
addresses are from the range for tests of networks (RFC 2544).
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from compose.errors import StackError
from compose.ha.programs import program
from compose.ports import HOST

BRIDGE_ADDRESS = "198.18.0.254"
RANGE = "198.18.0.0/24"


class Network(Protocol):
    """Addresses of the machines, numbered from 1."""

    def host(self, number: int) -> str:
        """Return the address of a machine."""

    def enter(self, number: int) -> Sequence[str]:
        """Return the beginning of a command that runs on this machine."""


class Loopback:
    """All machines on 127.0.0.1; none can be cut off."""

    def host(self, number: int) -> str:
        return HOST

    def enter(self, number: int) -> Sequence[str]:
        return ()


class Namespaces:
    """A network namespace for each machine. Only one such network can exist at a time."""

    def __init__(self, machines: int = 3) -> None:
        self._numbers = range(1, machines + 1)
        self._cleanup = ExitStack()

    def __enter__(self) -> "Namespaces":
        try:
            self._create()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def host(self, number: int) -> str:
        return f"198.18.0.{number}"

    def enter(self, number: int) -> Sequence[str]:
        return (program("ip"), "netns", "exec", _name(number))

    @contextmanager
    def cut_off(self, number: int) -> Iterator[None]:
        """Drop everything from and to a machine, without a notice to either side."""
        _ip("link", "set", _name(number), "nomaster")
        try:
            yield
        finally:
            _ip("link", "set", _name(number), "master", "ha-bridge")

    @contextmanager
    def cut_off_from_machines(self, number: int) -> Iterator[None]:
        """Drop everything from a machine to the others; HAProxy, and so the service, still reaches it."""
        others = [self.host(other) for other in self._numbers if other != number]
        for other in others:
            _ip("-n", _name(number), "route", "add", "blackhole", other)
        try:
            yield
        finally:
            for other in others:
                _ip("-n", _name(number), "route", "del", "blackhole", other)

    def _delete_leftovers(self) -> None:
        """Delete what a killed run has left. Raise StackError if another run is using it."""
        left = [_name(number) for number in self._numbers if Path("/run/netns", _name(number)).exists()]
        for name in left:
            if _ip("netns", "pids", name).strip():
                raise StackError(f"Processes are running in the network namespace {name}: end them first.")
        for name in left:
            _ip("netns", "del", name)  # and its link
        if Path("/sys/class/net/ha-bridge").exists():
            _ip("link", "del", "ha-bridge")
        if _ip("route", "show", "type", "blackhole", RANGE).strip():
            _ip("route", "del", "blackhole", RANGE)

    def _create(self) -> None:
        self._delete_leftovers()
        # Nothing may leave by the default route if the bridge is gone.
        self._make(("route", "add", "blackhole", RANGE, "metric", "9999"), ("route", "del", "blackhole", RANGE))
        self._make(("link", "add", "ha-bridge", "type", "bridge"), ("link", "del", "ha-bridge"))
        _ip("address", "add", f"{BRIDGE_ADDRESS}/24", "dev", "ha-bridge")
        _ip("link", "set", "ha-bridge", "up")
        for number in self._numbers:
            name = _name(number)
            self._make(("netns", "add", name), ("netns", "del", name))
            self._make(
                ("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name), ("link", "del", name)
            )
            _ip("link", "set", name, "master", "ha-bridge", "up")
            _ip("-n", name, "address", "add", f"{self.host(number)}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", name, "link", "set", device, "up")

    def _make(self, command: Sequence[str], undo: Sequence[str]) -> None:
        _ip(*command)
        self._cleanup.callback(_ip, *undo)


def _name(number: int) -> str:
    return f"ha-machine-{number}"


def _ip(*command: str) -> str:
    """Run iproute2 and return its output. Raise StackError if it fails."""
    done = subprocess.run([program("ip"), *command], capture_output=True, text=True)
    if done.returncode:
        raise StackError(f"ip {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
