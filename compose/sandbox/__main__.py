"""The sandbox's command line: `python -m compose.sandbox --help`."""

import argparse
import asyncio
import os
import signal

import uvloop

from compose import sandbox
from compose.sandbox import seed
from compose.sandbox.payment_settings import PaymentSettings
from compose.sandbox.server import Ports, Sandbox


def parse_arguments() -> argparse.Namespace:
    """Parse the command line; the two secrets may be set in the environment instead, which `ps` does not show."""
    parser = argparse.ArgumentParser(prog="python -m compose.sandbox", description=sandbox.__doc__)
    host_help = "of User, Cart and Product; the control is always on 127.0.0.1"
    parser.add_argument("--host", default="127.0.0.1", help=host_help)
    for name in ("user", "cart", "product", "control"):
        parser.add_argument(f"--{name}-port", type=int, required=True, help="0: any free one")
    parser.add_argument("--redis-url", required=True)
    for flag, variable in (("--token", "SERVICE_TOKEN"), ("--payment-secret", "PAYMENT_SIGNING_SECRET")):
        parser.add_argument(flag, default=os.environ.get(variable), help=f"default: {variable} from the environment")
    parser.add_argument("--seed", action="store_true", help="start with a small marketplace")
    parser.add_argument("--capture-after", type=float, default=0.0, metavar="SECONDS", help="from request to capture")
    arguments = parser.parse_args()
    if not arguments.token or not arguments.payment_secret:
        parser.error("a token and a payment secret are needed")
    return arguments


async def main(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    neighbours = Sandbox(
        token=arguments.token,
        redis_url=arguments.redis_url,
        payment_secret=arguments.payment_secret,
        settings=PaymentSettings(capture_after=arguments.capture_after),
    )
    if arguments.seed:
        seed.seed_all(neighbours.users, neighbours.carts, neighbours.products.inventory)
    ports = Ports(arguments.user_port, arguments.cart_port, arguments.product_port, arguments.control_port)
    async with neighbours.serve(arguments.host, ports) as bound:
        base = f"http://{arguments.host}"
        print(
            f"sandbox ready: user {base}:{bound.user} cart {base}:{bound.cart} product {arguments.host}:{bound.product} "
            f"payment on Redis, control http://127.0.0.1:{bound.control}/",
            flush=True,
        )
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(main(parse_arguments()))
