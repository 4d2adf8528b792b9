"""The graceful shutdown of a server process: drain, then stop.

After SIGTERM or SIGINT readiness fails, streams end and responses have `Connection: close`, while requests are still served for
`SHUTDOWN_DRAIN_SECONDS`, in which a load balancer removes the process. Then the server's own signal handler runs: uvicorn
closes the listener and idle connections, and waits for the requests in progress.
"""

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings


class GracefulShutdown:
    """The shutdown of this process. `has_started` is true from the first signal on."""

    def __init__(self) -> None:
        self.has_started = False
        self._drain: asyncio.TimerHandle | None = None

    def handle_signals(self, end_streams: Callable[[], None]) -> None:
        """Install handlers of SIGTERM and SIGINT before the server's. From the second signal on there is no drain."""
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
