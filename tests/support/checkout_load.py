"""Load of customers and vendors that retry as sensible clients do, and a check of the service's promises against every
response they got.
"""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from tests.support.fleet import RECOVERY_SECONDS
from tests.support.invariants import check_at_rest, check_invariants
from tests.support.world import World, eventually

PATIENCE_SECONDS = 40
"""The time after which a client gives up: recovery takes 30 s at most, then come the responses."""

ANSWER_SECONDS = 10

Trouble = Literal["crashes", "refusals", "nothing"]
"""The failures that clients tolerate and retry: lost connections and 503 (`crashes`), a timely 503 that names the neighbour and
has a Retry-After (`refusals`), none at all."""

BUDGET_SECONDS = 5.5
"""Promise P9: the time limit of every response, here of a checkout."""

SOLD_SECONDS = 5
"""The longest wait before a cancellation for the stock to be sold."""

KEPT_SECONDS = 2
"""The time that an idle connection is kept: uvicorn closes it after 5 s, even if a request is just on its way then."""

STOCK = 1_000_000
VENDORS = ("v-north", "v-south")


class PromiseBroken(Exception):
    """The service broke one of its promises."""


@dataclass(slots=True)
class Purchase:
    """One Idempotency-Key of one customer, and the responses to it."""

    customer: str = field(default_factory=lambda: f"c-{uuid.uuid4()}")
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    body: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] | None = None
    cancelled: bool = False
    accepted: list[str] = field(default_factory=list)


class Client:
    """A caller with connections of its own. It repeats a request under the same key until it gets a response."""

    def __init__(self, world: World, urls: Sequence[str], rng: Random, tolerated: Trouble = "crashes") -> None:
        self._world, self._urls, self._rng, self._tolerated = world, urls, rng, tolerated
        limits = httpx.Limits(keepalive_expiry=KEPT_SECONDS)
        self._http = httpx.Client(trust_env=False, timeout=ANSWER_SECONDS, verify=False, limits=limits)
        self.lost = 0
        self.refused_by: Counter[str] = Counter()

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, path: str, caller: tuple[str, ...], body: Any = None, **headers: str) -> httpx.Response:
        """Return the first response. Raise PromiseBroken for a failure that this client does not tolerate or that lasts
        too long.
        """
        bearer = {"Authorization": f"Bearer {self._world.stack.token(*caller)}", **headers}
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            url = f"{self._rng.choice(self._urls)}/api/v1{path}"
            start = time.monotonic()
            try:
                answer = self._http.request(method, url, json=body, headers=bearer)
            except httpx.TransportError as error:
                self._tolerate(error, url)
            else:
                if self._tolerated == "refusals":
                    ensure_in_time(answer, time.monotonic() - start)
                if answer.status_code < 500:
                    return answer
                self._tolerate_refusal(answer)
            time.sleep(self._rng.uniform(0.02, 0.2))
        raise PromiseBroken(f"{method} {path}: no answer for {PATIENCE_SECONDS} s")

    def buy(self, purchase: Purchase) -> httpx.Response:
        """POST /orders for this purchase."""
        caller = ("customer", purchase.customer)
        return self.ask("POST", "/orders", caller, purchase.body, **{"Idempotency-Key": purchase.key})

    def _tolerate_refusal(self, answer: httpx.Response) -> None:
        if self._tolerated == "refusals":
            self.refused_by[ensure_refusal(answer)] += 1
        elif self._tolerated != "crashes" or answer.status_code != 503:
            raise PromiseBroken(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}")

    def _tolerate(self, error: httpx.TransportError, url: str) -> None:
        self.lost += 1
        if self._tolerated == "crashes" and not isinstance(error, httpx.ReadTimeout):
            return
        raise PromiseBroken(f"{url}: {error!r}") from error


class Load:
    """Customers, each with one purchase after the other, from `with` to its end. `purchases` holds all of them."""

    def __init__(
        self, world: World, urls: Sequence[str], rng: Random, tolerated: Trouble = "crashes", customers: int = 6
    ) -> None:
        self._world, self._urls = world, urls
        self._products = [world.product(stock=STOCK, vendor=vendor, price=700) for vendor in VENDORS]
        of_vendor = {"kind": "fixed_amount", "amount": "1.00", "currency": "EUR", "vendor_id": VENDORS[0]}
        self._coupons = [
            (world.coupon(stackable=True, usage_limit=STOCK, per_customer_limit=1), None),
            (world.coupon(stackable=True, **of_vendor), self._products[0]),
        ]
        self.purchases: list[Purchase] = []
        self.broken: list[BaseException] = []
        self.lost = 0
        self.refused_by: Counter[str] = Counter()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._shop, args=(Random(rng.random()), tolerated)) for _ in range(customers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        if error is None:
            assert not self.broken, self.broken[:5]

    def run(self, seconds: float) -> None:
        """Run the load for a while; end early when a client has seen a broken promise."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.broken:
            time.sleep(0.01)

    @property
    def placed(self) -> list[Purchase]:
        return [purchase for purchase in self.purchases if purchase.order]

    def prepare(self, rng: Random) -> Purchase:
        """Return a purchase of a new customer, some with one or two coupons; now and then one that expects another total, and
        is refused.
        """
        bought = rng.sample(self._products, rng.randint(1, 2))
        codes = [code for code, product in self._coupons if product is None or product in bought]
        body: dict[str, Any] = {"coupon_codes": rng.sample(codes, rng.randint(0, len(codes)))}
        purchase = Purchase(body=body | ({"expected_total": "1.00"} if rng.random() < 0.1 else {}))
        self._world.sandbox.put_user(purchase.customer)
        self._world.sandbox.put_cart(
            purchase.customer, [{"product_id": product, "quantity": rng.randint(1, 3)} for product in bought]
        )
        return purchase

    def check(self) -> None:
        """Compare every response with the database and the ledgers, once no effect is pending. All customers must have ended."""
        orders = {str(purchase.order["id"]): purchase for purchase in self.placed if purchase.order}
        assert orders, "no checkout succeeded"
        self._wait_until_no_order_is_pending(list(orders))
        self._check_answers()
        self._check_one_order_a_key()
        check_at_rest(self._world, *orders, seconds=RECOVERY_SECONDS)
        self._check_neighbours(list(orders))
        check_invariants(self._world)

    def _shop(self, rng: Random, tolerated: Trouble) -> None:
        client = Client(self._world, self._urls, rng, tolerated)
        try:
            while not self._over.is_set():
                purchase = self.prepare(rng)
                self.purchases.append(purchase)
                self._buy(client, purchase, rng)
        except Exception as error:  # raised when the load ends
            self.broken.append(error)
        finally:
            self.lost += client.lost
            self.refused_by.update(client.refused_by)
            client.close()

    def _buy(self, client: Client, purchase: Purchase, rng: Random) -> None:
        answer = client.buy(purchase)
        if "expected_total" in purchase.body and answer.status_code == 409:
            return
        ensure_status(answer, 201)
        purchase.order = answer.json()
        match rng.randrange(4):
            case 0:
                ensure_same(client.buy(purchase), answer.json())
            case 1:
                if rng.random() < 0.5 and self._is_soon_paid(client, purchase):
                    self._is_soon_sold(purchase)
                path = f"/orders/{purchase.order['id']}/cancel"
                answer = client.ask("POST", path, ("customer", purchase.customer), {})
                ensure_status(answer, 200)
                purchase.cancelled = True
            case 2:
                self._accept(client, purchase)

    def _accept(self, client: Client, purchase: Purchase) -> None:
        """Have the vendors accept the order, if it is paid soon."""
        assert purchase.order
        if not self._is_soon_paid(client, purchase):
            return
        for part in purchase.order["vendor_orders"]:
            vendor = ("vendor", f"u-{part['vendor_id']}", part["vendor_id"])
            ensure_status(client.ask("POST", f"/vendor-orders/{part['id']}/accept", vendor), 200)
            purchase.accepted.append(part["id"])

    def _is_soon_paid(self, client: Client, purchase: Purchase) -> bool:
        """Wait a moment for the order to be confirmed; return whether it is."""
        assert purchase.order
        caller = ("customer", purchase.customer)
        end = time.monotonic() + 3
        while client.ask("GET", f"/orders/{purchase.order['id']}", caller).json()["status"] != "confirmed":
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def _is_soon_sold(self, purchase: Purchase) -> bool:
        """Wait for Product to sell the order's stock, so that a cancellation has something to restock; return whether it did."""
        assert purchase.order
        end = time.monotonic() + SOLD_SECONDS
        while self._world.sandbox.ledger("product", purchase.order["id"])["state"] != "COMMITTED":
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def _wait_until_no_order_is_pending(self, ids: list[str]) -> None:
        """Check that nothing stays pending: it is paid, cancelled, or expires."""
        undecided = "SELECT id FROM orders WHERE status = 'pending' AND id = ANY(%s::uuid[])"
        eventually(lambda: not self._world.sql(undecided, ids), "no order to be pending", RECOVERY_SECONDS)

    def _check_answers(self) -> None:
        """Check P1, P2: a confirmed order exists in full, a repeated request returns it, and later changes are kept."""
        client = Client(self._world, self._urls, Random(0))
        try:
            for purchase in self.placed:
                assert purchase.order
                ensure_same(client.buy(purchase), purchase.order)
                order = client.ask("GET", f"/orders/{purchase.order['id']}", ("customer", purchase.customer)).json()
                assert not purchase.cancelled or order["status"] == "cancelled", order
                parts = {part["id"]: part["status"] for part in order["vendor_orders"]}
                assert all(parts[accepted] == "processing" for accepted in purchase.accepted), order
        finally:
            client.close()

    def _check_one_order_a_key(self) -> None:
        """Check P2: one order for each customer with a 201, none for the refused ones."""
        wanted = {purchase.customer: int(purchase.order is not None) for purchase in self.purchases}
        rows = self._world.sql(
            "SELECT customer_id, count(*) AS n FROM orders WHERE customer_id = ANY(%s) GROUP BY 1", list(wanted)
        )
        found = dict.fromkeys(wanted, 0) | {row["customer_id"]: row["n"] for row in rows}
        assert found == wanted, {name: (wanted[name], found[name]) for name in wanted if wanted[name] != found[name]}

    def _check_neighbours(self, ids: list[str]) -> None:
        """Check P3, P4: every hold has an order, each cart was cleared once, no payment or sale happened twice."""
        eventually(lambda: not orphaned_holds(self._world), "holds without an order to end", RECOVERY_SECONDS + 5)
        product, cart, payment = (self._world.sandbox.ledger(name) for name in ("product", "cart", "payment"))
        assert product["adds_up"]
        for order_id in ids:
            assert cart["clears"][order_id]["in_effect"] == 1, order_id
            assert payment["orders"][order_id]["captures"] <= 1, order_id
            assert product["orders"][order_id]["commits"] <= 1, order_id


def orphaned_holds(world: World) -> list[str]:
    """Return the ids that hold stock at Product and belong to no order."""
    orders = world.sandbox.ledger("product")["orders"]
    held = [order_id for order_id, hold in orders.items() if hold["state"] == "HELD"]
    known = {row["id"] for row in world.sql("SELECT id::text FROM orders WHERE id = ANY(%s::uuid[])", held)}
    return sorted(set(held) - known)


def ensure_status(answer: httpx.Response, status: int) -> None:
    """Raise PromiseBroken unless the response has this status."""
    if answer.status_code != status:
        raise PromiseBroken(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}")


def ensure_in_time(answer: httpx.Response, seconds: float) -> None:
    """Raise PromiseBroken unless the response came within the budget (P9)."""
    if seconds > BUDGET_SECONDS:
        raise PromiseBroken(f"{answer.request.method} {answer.url}: {answer.status_code} after {seconds} s")


def ensure_refusal(answer: httpx.Response) -> str:
    """Return the dependency that a 503 names; raise PromiseBroken unless it is a problem with a Retry-After."""
    ensure_status(answer, 503)
    refusal = answer.json()
    whole = answer.headers["content-type"] == "application/problem+json" and refusal["code"] == "dependency_unavailable"
    if not whole or int(answer.headers.get("retry-after", 0)) < 1:
        raise PromiseBroken(f"{answer.request.method} {answer.url}: {answer.headers} {answer.text}")
    return str(refusal["dependency"])


def ensure_same(answer: httpx.Response, order: dict[str, Any]) -> None:
    """Raise PromiseBroken unless this is the first response again."""
    ensure_status(answer, 201)
    if answer.json() != order:
        raise PromiseBroken(f"one key, two answers: {order} and {answer.json()}")
