"""How a server process stops: nobody new gets in, who is inside hears that it ends, and when all have left, it ends.

uvicorn alone closes its listener over connections that the kernel has accepted and the process has not, and idle
connections just when a request is on its way: both lose requests.
"""

import asyncio
import ctypes
import math
import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn

LAST_CALL_SECONDS = 0.5
"""How long those who are just coming in have at least."""

HANDSHAKE_SECONDS = 0.1
"""Within which a connection that somebody has begun to open is open, and taken in."""

SO_ATTACH_FILTER = 26
NO_NEWCOMERS = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
)
"""Drops packets that open a connection: byte 13 of the TCP header; is SYN set? then nothing of it, else all of it (bpf(4))."""


def server_at_work() -> uvicorn.Server | None:
    """The server that runs this process: the one that SIGTERM would stop. None if that isn't uvicorn."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return server if isinstance(server, uvicorn.Server) else None


def when_told_to_stop(stopping: asyncio.Event, end_streams: Callable[[], None]) -> None:
    """At SIGTERM and SIGINT set `stopping` and end what would never end by itself; the server's own handler comes last."""
    loop, server = asyncio.get_running_loop(), server_at_work()
    for number in (signal.SIGTERM, signal.SIGINT):
        servers_own = signal.getsignal(number)
        if callable(servers_own):
            signal.signal(number, _handler(loop, server, servers_own, stopping, end_streams))


def _handler(
    loop: asyncio.AbstractEventLoop,
    server: uvicorn.Server | None,
    servers_own: Callable[[int, FrameType | None], Any],
    stopping: asyncio.Event,
    end_streams: Callable[[], None],
) -> Callable[[int, FrameType | None], None]:
    async def stop(received: int) -> None:
        try:
            end_streams()
            if server:
                if server.config.workers == 1:  # several share one listener
                    _close_door(loop, server)
                await _last_call(server)
        finally:
            servers_own(received, None)

    def handle(received: int, frame: FrameType | None) -> None:
        if stopping.is_set():  # told twice: somebody is in a hurry
            servers_own(received, frame)
            return
        stopping.set()
        asyncio.run_coroutine_threadsafe(stop(received), loop)

    return handle


async def _last_call(server: uvicorn.Server) -> None:
    """Until all have left. Who asks something is told that the connection ends; who doesn't, is left to the server's own
    keep-alive, as at any other time, and so has no more reason to lose a request than ever. A keep-alive that is longer than
    a stop may take (behind a load balancer) ends with it."""
    began = time.monotonic()
    limit = server.config.timeout_graceful_shutdown
    patience = min(server.config.timeout_keep_alive, limit - 1 if limit else math.inf)
    await asyncio.sleep(LAST_CALL_SECONDS)
    while server.server_state.connections and time.monotonic() - began < patience:
        await asyncio.sleep(0.1)
    if limit:  # of which this was a part
        server.config.timeout_graceful_shutdown = max(1, limit - int(time.monotonic() - began))


def _close_door(loop: asyncio.AbstractEventLoop, server: uvicorn.Server) -> None:
    """Let nobody begin to come in, then close. Where the system can't (it isn't Linux), some may meet a door that is closing."""
    program = ctypes.create_string_buffer(NO_NEWCOMERS, len(NO_NEWCOMERS))
    attached = struct.pack("HP", len(NO_NEWCOMERS) // 8, ctypes.addressof(program))
    for listener in getattr(server, "servers", ()):  # it has none before it listens
        for door in listener.sockets:
            with socket.socket(fileno=os.dup(door.fileno())) as same, suppress(OSError):
                same.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, attached)
        loop.call_later(HANDSHAKE_SECONDS, listener.close)
