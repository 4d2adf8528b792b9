"""The four neighbours and their control, served together in one process."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc
from aiohttp import web

from compose.sandbox.carts import Carts
from compose.sandbox.control import Control
from compose.sandbox.payment_settings import Terms
from compose.sandbox.payments import Payments
from compose.sandbox.products import Products
from compose.sandbox.users import Users

log = logging.getLogger(__name__)

GRACE = 0.5
"""Seconds that calls in flight, hanging ones included, have to end when the sandbox stops."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each neighbour listens; 0 asks for any free port."""

    user: int = 0
    cart: int = 0
    product: int = 0
    control: int = 0


class Neighbourhood:
    """All neighbours, in memory."""

    def __init__(self, *, token: str, redis_url: str, payment_secret: str, terms: Terms | None = None) -> None:
        self.users, self.carts, self.products = Users(token), Carts(token), Products(token)
        self.payments = Payments(redis_url, payment_secret, terms or Terms())
        self.control = Control(self.users, self.carts, self.products, self.payments)

    @asynccontextmanager
    async def serve(self, host: str, ports: Ports) -> AsyncIterator[Ports]:
        """Serve until the block ends; answers the ports taken. Raises when one of them is not to be had."""
        async with AsyncExitStack() as stack:
            taken = Ports(
                user=await stack.enter_async_context(http(self.users.app(), host, ports.user)),
                cart=await stack.enter_async_context(http(self.carts.app(), host, ports.cart)),
                product=await stack.enter_async_context(product(self.products, host, ports.product)),
                control=await stack.enter_async_context(http(self.control.app(), "127.0.0.1", ports.control)),
            )
            on_redis = asyncio.create_task(self.payments.run())
            on_redis.add_done_callback(mourn)
            try:
                yield taken
            finally:
                on_redis.cancel()
                await asyncio.wait([on_redis])


def mourn(task: asyncio.Task[None]) -> None:
    """Say why Payment died, unless it was told to end."""
    if not task.cancelled() and task.exception():
        log.critical("Payment is dead", exc_info=task.exception())


@asynccontextmanager
async def http(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve an HTTP neighbour. A call whose client has gone is cancelled, or hanging calls would pile up."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def product(products: Products, host: str, port: int) -> AsyncIterator[int]:
    """Serve the Product Service."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((products.handler(),))
    taken = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    try:
        yield taken
    finally:
        await server.stop(GRACE)
