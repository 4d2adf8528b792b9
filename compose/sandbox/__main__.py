"""Runs the sandbox: `python -m compose.sandbox --help`."""

import argparse
import asyncio
import os
import signal

import uvloop

from compose import sandbox
from compose.sandbox import seed
from compose.sandbox.payment_settings import Terms
from compose.sandbox.server import Neighbourhood, Ports


def arguments() -> argparse.Namespace:
    """The command line; the two secrets may come from the environment instead, where `ps` does not show them."""
    parser = argparse.ArgumentParser(prog="python -m compose.sandbox", description=sandbox.__doc__)
    parser.add_argument(
        "--host", default="127.0.0.1", help="of User, Cart and Product; the control is always on 127.0.0.1"
    )
    for name in ("user", "cart", "product", "control"):
        parser.add_argument(f"--{name}-port", type=int, required=True, help="0: any free one")
    parser.add_argument("--redis-url", required=True)
    for flag, variable in (("--token", "SERVICE_TOKEN"), ("--payment-secret", "PAYMENT_SIGNING_SECRET")):
        parser.add_argument(flag, default=os.environ.get(variable), help=f"default: {variable} from the environment")
    parser.add_argument("--seed", action="store_true", help="start with a small marketplace")
    parser.add_argument("--capture-after", type=float, default=0.0, metavar="SECONDS", help="from request to capture")
    given = parser.parse_args()
    if not given.token or not given.payment_secret:
        parser.error("a token and a payment secret are needed")
    return given


async def main(given: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    neighbourhood = Neighbourhood(
        token=given.token,
        redis_url=given.redis_url,
        payment_secret=given.payment_secret,
        terms=Terms(capture_after=given.capture_after),
    )
    if given.seed:
        seed.plant(neighbourhood.users, neighbourhood.carts, neighbourhood.products.shelves)
    wanted = Ports(given.user_port, given.cart_port, given.product_port, given.control_port)
    async with neighbourhood.serve(given.host, wanted) as ports:
        at = f"http://{given.host}"
        print(
            f"sandbox ready: user {at}:{ports.user} cart {at}:{ports.cart} product {given.host}:{ports.product} "
            f"payment on Redis, control http://127.0.0.1:{ports.control}/",
            flush=True,
        )
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(main(arguments()))
