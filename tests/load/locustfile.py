"""Smoke load: customers who request quotes, buy and read their orders, each response checked.

`make load` runs it against the running stack or one of its own. Customers, products and carts are set up through the
sandbox's control, which is not counted: the figures are the service's own. Each customer does one thing at a time and
pauses in between, so the load is bounded by the number of users.
"""

import logging
import os
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
from locust import FastHttpUser, between, events, task
from locust.exception import RescheduleTask

PRODUCTS = {f"load-{number}": f"v-load-{number % 4}" for number in range(20)}
"""Product id → vendor."""

STOCK = 10**9
REPLAYED = 0.2
"""The share of checkouts that are sent twice, as after a lost response."""

TOKEN_SECONDS = 12 * 3600
TIMEOUT_SECONDS = 10
"""Far beyond the service's budgets: a later response is a failure."""

logging.getLogger("httpx").setLevel(logging.WARNING)  # one line for each cart
control = httpx.Client(base_url=os.environ["SANDBOX_CONTROL_URL"], trust_env=False, timeout=TIMEOUT_SECONDS)


@events.test_start.add_listener
def create_products(**_: Any) -> None:
    """Create all products with more stock than will be bought."""
    for product_id, vendor_id in PRODUCTS.items():
        price = random.randint(1, 10_000)
        article = {"vendor_id": vendor_id, "name": "Mug", "sku": product_id.upper(), "unit_price_minor": price}
        control.put(f"/products/{product_id}", json={**article, "currency": "EUR", "stock": STOCK}).raise_for_status()


class Customer(FastHttpUser):
    """A new customer for each order, so that the rate limits of a running stack refuse none."""

    wait_time = between(0.1, 0.5)
    network_timeout = connection_timeout = TIMEOUT_SECONDS

    def sign_up(self) -> None:
        self.id = f"load-{uuid.uuid4()}"
        control.put(f"/users/{self.id}", json={"name": "Ada"}).raise_for_status()
        self.headers = {"Authorization": f"Bearer {token_of(self.id)}"}

    @task
    def shop(self) -> None:
        """Go from a filled cart to an order that is found again."""
        self.sign_up()
        self.fill_the_cart()
        quote = self.ask("POST", "/orders/quote", {})
        order = self.check_out({"expected_total": quote["total"]})
        self.read(order)
        self.list(order)

    def fill_the_cart(self) -> None:
        chosen = random.sample(sorted(PRODUCTS), random.randint(1, 4))
        items = [{"product_id": product_id, "quantity": random.randint(1, 3)} for product_id in chosen]
        control.put(f"/carts/{self.id}", json={"currency": "EUR", "items": items}).raise_for_status()

    def check_out(self, body: dict[str, Any]) -> dict[str, Any]:
        """Place the order; now and then repeat the request and compare the responses."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        order = self.ask("POST", "/orders", body, 201, headers=key)
        if random.random() < REPLAYED:
            name = "/api/v1/orders, again"
            with self.answer("POST", "/orders", body, (201,), headers=key, name=name) as again:
                assert again.headers.get("Idempotent-Replayed") == "true", "not marked as a replay"
                assert again.json() == order, "the replay is another order"
        return order

    def read(self, order: dict[str, Any]) -> None:
        """Read the order, then request it with its tag; a payment event may just have changed it."""
        path, name = f"/orders/{order['id']}", "/api/v1/orders/{id}"
        with self.answer("GET", path, None, (200,), name=name) as first:
            assert first.json()["total"] == order["total"], "another total than expected"
            known = first.headers["ETag"]
        with self.answer("GET", path, None, (200, 304), headers={"If-None-Match": known}, name=name) as second:
            assert (second.headers["ETag"] == known) == (second.status_code == 304), "304 and the ETag disagree"

    def list(self, order: dict[str, Any]) -> None:
        with self.answer("GET", "/orders?limit=20", None, (200,)) as page:
            assert page.json()["results"][0]["id"] == order["id"], "the newest order does not come first"

    def ask(self, method: str, path: str, body: Any, status: int = 200, **how: Any) -> dict[str, Any]:
        """Return the service's response as JSON."""
        with self.answer(method, path, body, (status,), **how) as answer:
            content: dict[str, Any] = answer.json()
        return content

    @contextmanager
    def answer(
        self,
        method: str,
        path: str,
        body: Any,
        statuses: tuple[int, ...],
        headers: dict[str, str] | None = None,
        name: str | None = None,
    ) -> Iterator[Any]:
        """Yield a response with one of these statuses; any other is counted as a failure and ends the task."""
        how: dict[str, Any] = {"headers": self.headers | (headers or {}), "name": name, "catch_response": True}
        if body is not None:
            how["json"] = body
        with self.client.request(method, f"/api/v1{path}", **how) as answer:
            wrong = None
            try:
                assert answer.status_code in statuses, f"{answer.status_code}: {(answer.text or '')[:200]}"
                yield answer
            except (AssertionError, KeyError, ValueError) as error:
                wrong = str(error) or repr(error)
                answer.failure(wrong)
        if wrong:
            raise RescheduleTask


def token_of(customer_id: str) -> str:
    """Return a token as the stack's issuer makes it."""
    now = int(time.time())
    claims = {"sub": customer_id, "role": "customer", "iat": now, "exp": now + TOKEN_SECONDS}
    claims |= {"iss": os.environ["JWT_ISSUER"], "aud": os.environ["JWT_AUDIENCE"]}
    return jwt.encode(claims, os.environ["JWT_SECRET"], algorithm="HS256")
