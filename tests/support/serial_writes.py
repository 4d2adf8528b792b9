"""`python -m tests.support.serial_writes`: one process writes orders, each as soon as the last one is written.

It prints the orders' customers. A program of its own, because Django is set up once a process.
"""

import asyncio
import os
import uuid

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "asgi_app.settings"
django.setup()

from orders.domain.callers import Actor  # noqa: E402
from orders.domain.pricing import Product, price  # noqa: E402
from orders.services.checkout.new_order import new_order  # noqa: E402
from orders.store import database, order_writer  # noqa: E402

CUSTOMER = f"c-{uuid.uuid4()}"
SECONDS = 5


def order(cart_version: int) -> order_writer.NewOrder:
    """Return an order that costs nothing and reserves nothing at Product, so that no payment is requested."""
    mug = Product("p-none", "v-1", "Mug", "MUG", 0, "EUR", 1)
    actor, request_hash = Actor("customer", CUSTOMER, "r"), "\\x" + "00" * 32
    return new_order(
        order_id=uuid.uuid4(),
        actor=actor,
        pricing=price({"p-none": 1}, {"p-none": mug}, "EUR"),
        address={},
        note="",
        cart_version=cart_version,
        request_hash=request_hash,
        stock_revision=1,
    )


async def main() -> None:
    order_writer.MAX_CONCURRENT_WRITES = 1
    one = order_writer.OrderWriter(order_writer.insert_orders, lambda order: None)
    for cart_version in range(3):
        async with asyncio.timeout(SECONDS):
            assert await one.write(order(cart_version))


if __name__ == "__main__":
    asyncio.run(main())
    database.close()
    print(CUSTOMER)
