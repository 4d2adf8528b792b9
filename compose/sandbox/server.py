"""The four neighbours and their control API, served by one process."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc
from aiohttp import web

from compose.sandbox.carts import Carts
from compose.sandbox.control import Control
from compose.sandbox.payment_settings import PaymentSettings
from compose.sandbox.payments import Payments
from compose.sandbox.products import Products
from compose.sandbox.users import Users
from protos.product.v1.product_pb2_grpc import add_ProductServiceServicer_to_server

log = logging.getLogger(__name__)

GRACE_SECONDS = 0.5
"""The timeout of calls in flight, including hanging ones, when the sandbox stops."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The port of each server; 0 asks for any free one."""

    user: int = 0
    cart: int = 0
    product: int = 0
    control: int = 0


class Sandbox:
    """All neighbours, in memory."""

    def __init__(
        self, *, token: str, redis_url: str, payment_secret: str, settings: PaymentSettings | None = None
    ) -> None:
        self.users, self.carts, self.products = Users(token), Carts(token), Products(token)
        self.payments = Payments(redis_url, payment_secret, settings or PaymentSettings())
        self.control = Control(self.users, self.carts, self.products, self.payments)

    @asynccontextmanager
    async def serve(self, host: str, ports: Ports) -> AsyncIterator[Ports]:
        """Serve until the block ends; yield the ports in use. Raise when a port is not free."""
        async with AsyncExitStack() as stack:
            bound = Ports(
                user=await stack.enter_async_context(serve_http(self.users.app(), host, ports.user)),
                cart=await stack.enter_async_context(serve_http(self.carts.app(), host, ports.cart)),
                product=await stack.enter_async_context(serve_grpc(self.products, host, ports.product)),
                control=await stack.enter_async_context(serve_http(self.control.app(), "127.0.0.1", ports.control)),
            )
            payments = asyncio.create_task(self.payments.run())
            payments.add_done_callback(log_failure)
            try:
                yield bound
            finally:
                payments.cancel()
                await asyncio.wait([payments])


def log_failure(task: asyncio.Task[None]) -> None:
    """Log the error that ended Payment, unless it was cancelled."""
    if not task.cancelled() and task.exception():
        log.critical("Payment has ended", exc_info=task.exception())


@asynccontextmanager
async def serve_http(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve an HTTP neighbour. A disconnect cancels the call, or hanging calls would accumulate."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_grpc(products: Products, host: str, port: int) -> AsyncIterator[int]:
    """Serve the Product Service."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    add_ProductServiceServicer_to_server(products, server)  # type: ignore[no-untyped-call]
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(GRACE_SECONDS)
