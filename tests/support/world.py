"""Fixtures' building blocks: callers with tokens, the marketplace around them, and access to the database.

The service is used over HTTP, as its clients use it; the neighbours are the sandbox, set up and read through its
control API. Each test has callers, products and orders of its own, so tests neither clean up nor affect each other.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import httpx
import psycopg
from psycopg.rows import dict_row

from compose.stack import Stack

Answer = TypeVar("Answer")

PATIENCE_SECONDS = 30
"""Promise P10: a job whose message was lost, as when its worker was frozen, comes again after its lease of 20 s."""


def eventually(look: Callable[[], Answer | None], description: str = "it", seconds: float = PATIENCE_SECONDS) -> Answer:
    """Call `look` repeatedly until it returns a true value, and return that; fail after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        assert time.monotonic() < end, f"waited {seconds} s for {description}; last seen: {found!r}"
        time.sleep(0.05)


class Sandbox:
    """The control API of the sandbox neighbours."""

    def __init__(self, control_url: str) -> None:
        self._http = httpx.Client(base_url=control_url, trust_env=False, timeout=10, verify=False)

    def close(self) -> None:
        self._http.close()

    def put_user(self, user_id: str, **fields: Any) -> None:
        """Create or replace a user; fields that are not given are those of an active customer with a default address in Paris."""
        self._ask("PUT", f"/users/{user_id}", fields)

    def put_cart(
        self, customer_id: str, /, items: list[dict[str, Any]], currency: str = "EUR", **more: Any
    ) -> dict[str, Any]:
        """Replace a cart, under a new version; return it."""
        return self._ask("PUT", f"/carts/{customer_id}", {"currency": currency, "items": items, **more})

    def put_product(self, product_id: str, **fields: Any) -> None:
        """Create or replace a product; `unit_price_minor` is its price in minor units."""
        self._ask("PUT", f"/products/{product_id}", fields)

    def pay(self, order_id: str, word: str, **fields: Any) -> dict[str, Any]:
        """Have Payment capture, authorize, fail, void or refund the payment of an order; return the published message."""
        return self._ask("POST", f"/payments/{order_id}/{word}", fields)

    def accept(self, *tokens: str) -> None:
        """Have User, Cart and Product accept these tokens of the service and no other."""
        self._ask("PUT", "/tokens", tokens)

    def payments(self, **fields: Any) -> None:
        """Set the sandbox Payment's treatment of orders from now on: `behaviour`, `via`, `capture_after`."""
        self._ask("PUT", "/payments", fields)

    def publish(self, message: str, **fields: Any) -> None:
        """Publish any text as payments.events."""
        self._ask("POST", "/payments/messages", {"message": message, **fields})

    def ledger(self, neighbour: str, order_id: str | None = None) -> dict[str, Any]:
        """Return the neighbour's ledger, in all or for one order."""
        return self._ask("GET", f"/ledger/{neighbour}" + (f"/{order_id}" if order_id else ""))

    @contextmanager
    def fault(self, neighbour: str, **fault: Any) -> Iterator[None]:
        """Inject a fault into a neighbour."""
        with self.faults(neighbour, [fault]):
            yield

    @contextmanager
    def faults(self, neighbour: str, faults: list[dict[str, Any]]) -> Iterator[None]:
        """Inject several faults; the first that matches a call applies."""
        self._ask("PUT", f"/faults/{neighbour}", faults)
        try:
            yield
        finally:
            self._ask("DELETE", f"/faults/{neighbour}")

    def armed(self, neighbour: str) -> list[dict[str, Any]]:
        """Return the faults of a neighbour that have not been used up."""
        return list(self._ask("GET", "/faults")[neighbour])

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}


class Person:
    """A caller with a token, at one server process."""

    def __init__(self, world: "World", role: str, subject: str, vendor_id: str | None = None) -> None:
        self.world, self.id = world, subject
        token = world.stack.token(role, subject, vendor_id)
        self.http = httpx.Client(
            base_url=world.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=20, verify=False
        )

    def get(self, path: str, **how: Any) -> httpx.Response:
        """Return the response, which must end: reading an unexpected live stream would never return."""
        with self.http.stream("GET", f"/api/v1{path}", **how) as answer:
            assert answer.headers.get("content-type") != "text/event-stream", f"GET {path} opens a stream"
            answer.read()
            return answer

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """POST JSON; underscores in names of headers become hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(f"/api/v1{path}", json={} if body is None else body, headers=named)

    def patch(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """PATCH JSON; underscores in names of headers become hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.patch(f"/api/v1{path}", json=body, headers=named)

    def delete(self, path: str, **headers: str) -> httpx.Response:
        """DELETE; underscores in names of headers become hyphens."""
        return self.http.delete(
            f"/api/v1{path}", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def checkout(self, body: Any = None, key: str | None = None) -> httpx.Response:
        """POST /orders; a new key unless one is given."""
        return self.post("/orders", body, Idempotency_Key=key or str(uuid.uuid4()))

    def place(self, body: Any = None) -> dict[str, Any]:
        """Place an order, which must succeed."""
        answer = self.checkout(body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def order(self, order_id: str) -> dict[str, Any]:
        """GET /orders/{id}, which must exist."""
        answer = self.get(f"/orders/{order_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def order_becomes(self, order_id: str, **wanted: str) -> dict[str, Any]:
        """Wait until the order has these values."""

        def look() -> dict[str, Any] | None:
            order = self.order(order_id)
            return order if all(order[name] == value for name, value in wanted.items()) else None

        return eventually(look, f"order {order_id} to be {wanted}")


class World:
    """One server process, the marketplace around it, and the database under it."""

    def __init__(self, stack: Stack, url: str, sandbox: Sandbox) -> None:
        self.stack, self.url, self.sandbox = stack, url, sandbox
        self._closing = ExitStack()

    def close(self) -> None:
        """Close every person's connections."""
        self._closing.close()

    def person(self, role: str, subject: str, vendor_id: str | None = None) -> "Person":
        """Return a caller with a token; `customer`, `vendor` and `admin` use this."""
        person = Person(self, role, subject, vendor_id)
        self._closing.callback(person.http.close)
        return person

    def customer(self, items: list[tuple[str, int]] | None = None, currency: str = "EUR", **user: Any) -> Person:
        """Return a new customer; with `items` (product id, quantity), their cart holds these."""
        person = self.person("customer", f"c-{uuid.uuid4()}")
        self.sandbox.put_user(person.id, **user)
        if items is not None:
            self.sandbox.put_cart(person.id, [{"product_id": p, "quantity": q} for p, q in items], currency)
        return person

    def vendor(self, vendor_id: str) -> Person:
        return self.person("vendor", f"u-{uuid.uuid4()}", vendor_id)

    def admin(self) -> Person:
        return self.person("admin", f"a-{uuid.uuid4()}")

    def product(
        self, price: int = 1000, vendor: str = "v-1", stock: int = 1000, currency: str = "EUR", **more: Any
    ) -> str:
        """Create a product; `price` in minor units. Return its id."""
        product_id = f"p-{uuid.uuid4()}"
        fields = {"name": "Mug", "sku": "MUG", **more}
        self.sandbox.put_product(
            product_id, vendor_id=vendor, unit_price_minor=price, stock=stock, currency=currency, **fields
        )
        return product_id

    def shopper(self, **product: Any) -> Person:
        """Return a customer with two of one new product in the cart."""
        return self.customer([(self.product(**product), 2)])

    def coupon(self, code: str | None = None, **terms: Any) -> str:
        """Create a coupon as an admin, 10 % off unless `terms` name a kind; return its code."""
        terms = terms if "kind" in terms else {"kind": "percentage", "percent": "10.00", **terms}
        admin = self.person("admin", "a-coupons")
        answer = admin.post("/coupons", {"code": code or f"C-{uuid.uuid4().hex[:20]}", **terms})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["code"])

    def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Execute `statement` and return its rows as dicts; changes are committed at once."""
        with psycopg.connect(self.stack.postgres.url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def dead_letter(self, message: str = "{}", source: str = "payments.events", order_id: str | None = None) -> str:
        """Create a dead letter and return its id."""
        letter_id = str(uuid.uuid4())
        self.sql(
            "INSERT INTO dead_letters (id, fingerprint, source, reason, message, order_id)"
            " VALUES (%s, sha256(%s::bytea), %s, 'a reason', %s, %s)",
            *(letter_id, letter_id, source, message, order_id),
        )
        return letter_id

    def stock(self, product_id: str) -> dict[str, Any]:
        """Return Product's figures for one product: stock, available, held, sold."""
        return dict(self.sandbox.ledger("product")["products"][product_id])
