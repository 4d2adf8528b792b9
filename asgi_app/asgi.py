"""The service as an ASGI application: Django for HTTP, and a lifespan that opens and closes what lives as long as it.

uvicorn asgi_app.asgi:application --lifespan on --timeout-graceful-shutdown 25 --no-access-log
"""

import asyncio
import gc
import os
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")

import django
import structlog
from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, LifespanScope, Scope
from django.conf import settings

django.setup(set_prefix=False)

from asgi_app.admission import Admission
from asgi_app.celery import app as celery_app
from asgi_app.handler import LeanASGIHandler
from asgi_app.protocol import refuse_early
from asgi_app.service import Service
from asgi_app.stopping import server_at_work, when_told_to_stop
from asgi_app.unread import UnreadAnswers

log = structlog.get_logger()


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
            if server := server_at_work():
                refuse_early(server)
            service = await Service.start()
        except Exception as error:
            log.exception("start_failed")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        stopping = asyncio.Event()
        unread = UnreadAnswers(settings.UNREAD_ANSWERS_BYTES, settings.UNREAD_ANSWERS_SECONDS)
        scope["state"].update(service.state(), stopping=stopping, admission=self._handler, unread=unread)
        when_told_to_stop(stopping, service.watch.close)
        _leave_to_the_living()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await service.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _leave_to_the_living() -> None:
    """Search only what requests leave behind for garbage, and less often: going through all of Django stops everyone for 100 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


application = Application(cast(ASGI3Application, LeanASGIHandler()))

__all__ = ["application", "celery_app"]
