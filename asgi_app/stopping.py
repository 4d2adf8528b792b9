"""How a server process stops: nobody new gets in, who is inside hears that it ends, then the server closes what is idle.

uvicorn alone closes its listener over connections that the kernel has accepted and the process has not, and idle
connections just when a request is on its way: both lose requests.
"""

import asyncio
import ctypes
import os
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn

LAST_CALL_SECONDS = 0.5
"""Between being told to stop and closing idle connections: one that is in use hears in this time that it ends."""

HANDSHAKE_SECONDS = 0.1
"""Within which a connection that somebody has begun to open is open, and taken in."""

SO_ATTACH_FILTER = 26
NO_NEWCOMERS = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
)
"""Drops packets that open a connection: byte 13 of the TCP header; is SYN set? then nothing of it, else all of it (bpf(4))."""


def when_told_to_stop(stopping: asyncio.Event, end_streams: Callable[[], None]) -> None:
    """At SIGTERM and SIGINT set `stopping` and end what would never end by itself; the server's own handler comes last."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        servers_own = signal.getsignal(number)
        if callable(servers_own):
            signal.signal(number, _handler(loop, servers_own, stopping, end_streams))


def _handler(
    loop: asyncio.AbstractEventLoop,
    servers_own: Callable[[int, FrameType | None], Any],
    stopping: asyncio.Event,
    end_streams: Callable[[], None],
) -> Callable[[int, FrameType | None], None]:
    def begin(received: int) -> None:
        stopping.set()
        end_streams()
        server = getattr(servers_own, "__self__", None)
        if isinstance(server, uvicorn.Server) and server.config.workers == 1:  # several share one listener
            _close_door(loop, server)
        loop.call_later(LAST_CALL_SECONDS, servers_own, received, None)

    def handle(received: int, frame: FrameType | None) -> None:
        if stopping.is_set():  # told twice: somebody is in a hurry
            servers_own(received, frame)
        else:
            loop.call_soon_threadsafe(begin, received)

    return handle


def _close_door(loop: asyncio.AbstractEventLoop, server: uvicorn.Server) -> None:
    """Let nobody begin to come in, then close. Where the system can't (it isn't Linux), some may meet a door that is closing."""
    program = ctypes.create_string_buffer(NO_NEWCOMERS, len(NO_NEWCOMERS))
    attached = struct.pack("HP", len(NO_NEWCOMERS) // 8, ctypes.addressof(program))
    for listener in getattr(server, "servers", ()):  # it has none before it listens
        for door in listener.sockets:
            with socket.socket(fileno=os.dup(door.fileno())) as same, suppress(OSError):
                same.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, attached)
        loop.call_later(HANDSHAKE_SECONDS, listener.close)
