"""The graceful shutdown of a server process: drain, then stop.

At SIGTERM or SIGINT readiness fails, streams end and responses carry `Connection: close`, while requests are served as before for
`SHUTDOWN_DRAIN_SECONDS`: the time in which a load balancer takes the process out. Then the server's own handler of the signal
runs: uvicorn closes the listener and idle connections, and waits for the requests in progress.
"""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.conf import settings

Handler = Callable[[int, FrameType | None], Any]


class GracefulShutdown:
    """The shutdown of this process. `has_started` from the first signal on."""

    def __init__(self) -> None:
        self.has_started = False
        self._server_handlers: dict[int, Handler] = {}
        self._drain: asyncio.TimerHandle | None = None

    def handle_signals(self, end_streams: Callable[[], None]) -> None:
        """Handle SIGTERM and SIGINT before the server does. A second signal ends the drain, a third is the server's alone."""
        loop = asyncio.get_running_loop()

        def handle(received: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._start, received, end_streams)

        for number in (signal.SIGTERM, signal.SIGINT):
            server_handler = signal.getsignal(number)
            if callable(server_handler):
                self._server_handlers[number] = server_handler
                signal.signal(number, handle)

    def _start(self, received: int, end_streams: Callable[[], None]) -> None:
        if self._drain is not None:
            self._drain.cancel()
            self._stop(received)
            return
        self.has_started = True
        end_streams()
        loop = asyncio.get_running_loop()
        self._drain = loop.call_later(settings.SHUTDOWN_DRAIN_SECONDS, self._stop, received)

    def _stop(self, received: int) -> None:
        for number, server_handler in self._server_handlers.items():
            signal.signal(number, server_handler)
        self._server_handlers[received](received, None)
