"""The CPU time of processes with their children, from /proc, and the cores that processes run on.

The kernel counts the time of a running thread in nanoseconds (`schedstat`) and that of ended children in ticks of 10 ms.
"""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import psycopg

PROC = Path("/proc")
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
NANOSECOND = 1e-9

SERVER_CORE, *_OTHER_CORES = sorted(os.sched_getaffinity(0))
OTHER_CORES = set(_OTHER_CORES)
"""The server has a core of its own where there are two or more; everything else runs on the others."""


@dataclass(frozen=True)
class Cpu:
    """CPU in milliseconds, by the part of the service that uses it."""

    server: float = 0
    worker: float = 0
    postgres: float = 0

    @property
    def total(self) -> float:
        return self.server + self.worker + self.postgres

    def __add__(self, other: "Cpu") -> "Cpu":
        return Cpu(*(one + its for one, its in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Cpu") -> "Cpu":
        return self + other * -1

    def __mul__(self, factor: float) -> "Cpu":
        return Cpu(*(part * factor for part in astuple(self)))


def tree_milliseconds(pid: int, without: Collection[int] = ()) -> float:
    """Return the CPU of a process and all its children, ended ones included; those of `without` do not count."""
    return sum(_milliseconds(each) for each in _tree(pid) if each not in without)


def process_milliseconds(pid: int) -> float:
    """Return the CPU of the running threads of one process."""
    return 1000 * NANOSECOND * sum(int(file.read_text().split()[0]) for file in PROC.glob(f"{pid}/task/*/schedstat"))


@contextmanager
def client_and_backend(connection: "psycopg.Connection[object]", used: list[Cpu]) -> Iterator[None]:
    """Append to `used` the CPU of this thread, as the server's, and of its connection's process of PostgreSQL."""
    own, its = time.thread_time(), process_milliseconds(connection.info.backend_pid)
    yield
    own, its = time.thread_time() - own, process_milliseconds(connection.info.backend_pid) - its
    used.append(Cpu(server=1000 * own, postgres=its))


def stay_off_the_servers_core() -> None:
    """Run this process, and the processes that it starts from now on, on the other cores."""
    if OTHER_CORES:
        os.sched_setaffinity(0, OTHER_CORES)


def move_to_the_servers_core(pid: int) -> None:
    """Run a process that has just started, and all threads and processes that it will start, on the server's core."""
    if OTHER_CORES:
        os.sched_setaffinity(pid, {SERVER_CORE})


def _milliseconds(pid: int) -> float:
    try:
        *_, of_children, of_children_in_system = _stat(pid)[11:15]
        return process_milliseconds(pid) + 1000 * TICK_SECONDS * (int(of_children) + int(of_children_in_system))
    except OSError:  # ended meanwhile: its parent counts it
        return 0


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for file in PROC.glob(f"{pid}/task/*/children"):
        for child in file.read_text().split():
            yield from _tree(int(child))


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the program's name, from the state on."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
