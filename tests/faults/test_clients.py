"""Clients that disconnect in the middle of a checkout: the order is placed, or has no effect (P1, P2, P3, P10)."""

import json
import socket
import time
from random import Random
from urllib.parse import urlsplit

from tests.support.checkout_load import Client, Load, Purchase, ensure_status, orphaned_holds
from tests.support.fleet import Fleet
from tests.support.world import World, eventually

CUSTOMERS = 40
SETTLED_SECONDS = 5
"""Promise P3: the hold of a failed checkout is released."""


def test_a_checkout_whose_client_disconnects_is_an_order_or_has_no_effect(
    fleet: Fleet, world: World, client: Client, rng: Random
) -> None:
    load = Load(world, fleet.urls, rng)
    for _ in range(CUSTOMERS):
        purchase = load.prepare(rng)
        _disconnect_after(
            fleet.urls[0], world.stack.token("customer", purchase.customer), purchase, rng.uniform(0, 0.03)
        )
        load.purchases.append(purchase)
    eventually(lambda: not orphaned_holds(world), "holds without an order to end", SETTLED_SECONDS)
    for purchase in load.purchases:
        answer = client.buy(purchase)
        if "expected_total" not in purchase.body:
            ensure_status(answer, 201)
            purchase.order = answer.json()
    load.check()


def _disconnect_after(url: str, token: str, purchase: Purchase, after: float) -> None:
    """Send a checkout and disconnect `after` seconds later, with or without a response."""
    address = urlsplit(url)
    body = json.dumps(purchase.body)
    head = (
        f"POST /api/v1/orders HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Idempotency-Key: {purchase.key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(f"{head}{body}".encode())
        time.sleep(after)
