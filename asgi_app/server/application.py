"""The ASGI application, which dispatches by protocol."""

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

from asgi_app.server.graceful_shutdown import GracefulShutdown
from asgi_app.server.lifespan import Lifespan
from asgi_app.server.load_shedding import LoadShedding


class Application:
    """Lifespan and load shedding around a handler of HTTP requests."""

    def __init__(self, handler: ASGI3Application) -> None:
        shutdown = GracefulShutdown()
        self._lifespan = Lifespan(shutdown)
        self._http = LoadShedding(handler, shutdown)

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000, "reason": "Only HTTP is served."})
