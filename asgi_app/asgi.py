"""The service as an ASGI application: Django for HTTP, and a lifespan that opens and closes what lives as long as it.

uvicorn asgi_app.asgi:application --lifespan on --timeout-graceful-shutdown 25 --no-access-log
"""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")

import django
import structlog
from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, LifespanScope, Scope

django.setup(set_prefix=False)

from asgi_app.admission import Admission
from asgi_app.celery import app as celery_app
from asgi_app.handler import LeanASGIHandler
from asgi_app.service import Service

log = structlog.get_logger()


LAST_CALL_SECONDS = 0.5
"""Between being told to stop and closing the door: a connection that is in use hears in this time that it ends."""


class Application:
    """Routes what the server says to Django or to the lifespan."""

    def __init__(self, handler: ASGI3Application) -> None:
        self._handler = Admission(handler)

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] == "http":
            await self._handler(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000, "reason": "There is only HTTP here."})

    async def _lifespan(self, scope: LifespanScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()
        try:
            service = await Service.start()
        except Exception as error:
            log.exception("start_failed")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        stopping = asyncio.Event()
        scope["state"].update(service.state(), stopping=stopping)
        _when_told_to_stop(stopping, service.watch.close)
        _leave_to_the_living()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await service.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _when_told_to_stop(stopping: asyncio.Event, end_streams: Callable[[], None]) -> None:
    """At SIGTERM and SIGINT, end what would never end by itself and send the others away, before the server closes the door.

    A connection that the server closes just when a request is on its way would lose it.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        servers_own = signal.getsignal(number)

        def handle(received: int, frame: FrameType | None, servers_own: Any = servers_own) -> None:
            if callable(servers_own) and stopping.is_set():  # told twice: somebody is in a hurry
                servers_own(received, frame)
            elif callable(servers_own):
                loop.call_soon_threadsafe(loop.call_later, LAST_CALL_SECONDS, servers_own, received, None)
            loop.call_soon_threadsafe(stopping.set)
            loop.call_soon_threadsafe(end_streams)

        signal.signal(number, handle)


def _leave_to_the_living() -> None:
    """Search only what requests leave behind for garbage, and less often: going through all of Django stops everyone for 100 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


application = Application(cast(ASGI3Application, LeanASGIHandler()))

__all__ = ["application", "celery_app"]
