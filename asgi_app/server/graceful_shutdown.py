"""The graceful shutdown of a server process: drain, then stop.

At SIGTERM or SIGINT readiness fails, streams end and responses carry `Connection: close`, while requests are served as before for
`SHUTDOWN_DRAIN_SECONDS`: the time in which a load balancer takes the process out. Then the server's own handler of the signal
runs: uvicorn closes the listener and idle connections, and waits for the requests in progress.
"""

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings


class GracefulShutdown:
    """The shutdown of this process. `has_started` from the first signal on."""

    def __init__(self) -> None:
        self.has_started = False
        self._drain: asyncio.TimerHandle | None = None

    def handle_signals(self, end_streams: Callable[[], None]) -> None:
        """Handle SIGTERM and SIGINT before the server does. From the second signal on there is no drain."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            server_handler = signal.getsignal(number)
            if callable(server_handler):
                stop = partial(server_handler, number, None)
                signal.signal(number, lambda *_, stop=stop: loop.call_soon_threadsafe(self._start, stop, end_streams))

    def _start(self, stop: Callable[[], Any], end_streams: Callable[[], None]) -> None:
        if self._drain is not None:
            self._drain.cancel()
            stop()
            return
        self.has_started = True
        end_streams()
        self._drain = asyncio.get_running_loop().call_later(settings.SHUTDOWN_DRAIN_SECONDS, stop)
