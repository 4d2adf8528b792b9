"""The clients of one process, and their common lifecycle."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from django.conf import settings

from clients.carts import Carts
from clients.http import ServiceHttpClient
from clients.products import Products
from clients.users import Users


@dataclass(frozen=True, slots=True)
class ServiceClients:
    """The clients of User, Cart and Product, bound to the event loop that opened them."""

    users: Users
    carts: Carts
    products: Products


@asynccontextmanager
async def open_service_clients() -> AsyncIterator[ServiceClients]:
    """Open the clients by the settings. Connections are opened by the first call."""
    limits = settings.NEIGHBOUR_CONNECT_SECONDS, settings.NEIGHBOUR_READ_SECONDS, settings.NEIGHBOUR_CALLS_IN_FLIGHT
    user = ServiceHttpClient("user", settings.USER_SERVICE_URL, settings.SERVICE_TOKEN, *limits)
    cart = ServiceHttpClient("cart", settings.CART_SERVICE_URL, settings.SERVICE_TOKEN, *limits)
    products = Products(
        settings.PRODUCT_SERVICE_ADDR,
        settings.PRODUCT_SERVICE_TLS,
        settings.SERVICE_TOKEN,
        settings.PRODUCT_RESERVE_SECONDS,
        settings.PRODUCT_READ_SECONDS,
        settings.NEIGHBOUR_CALLS_IN_FLIGHT,
    )
    try:
        yield ServiceClients(Users(user), Carts(cart), products)
    finally:
        await user.close()
        await cart.close()
        await products.close()
