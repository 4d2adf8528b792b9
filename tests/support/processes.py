"""Processes of the stack, suspended and continued by a test."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from compose.processes import Process
from tests.support.world import World


@contextmanager
def frozen(frozen_one: Process) -> Iterator[None]:
    """Suspend a process and its children, as on an overloaded machine."""
    os.killpg(frozen_one.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(frozen_one.pid, signal.SIGCONT)


def process(world: World, name: str) -> Process:
    """Return the process of the stack that has this name."""
    return next(process for process in world.stack._processes if process.name == name)
