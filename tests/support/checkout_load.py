"""Customers and vendors who go on as sensible clients do while the service suffers, remember what they were told, and
afterwards hold the service to it."""

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
"""A client gives up after this: recovery takes 30 s at most, then come the answers."""

ANSWER_SECONDS = 10

Trouble = Literal["crashes", "refusals", "nothing"]
"""What clients bear, and ask again: lost connections and 503 (`crashes`), a 503 in time that names the neighbour and says when
to ask again (`refusals`), nothing at all."""

BUDGET_SECONDS = 5.5
"""Promise P9: of a checkout, the longest of all answers."""

SOLD_SECONDS = 5
"""How long somebody who cancels waits for the stock to be sold before."""

KEPT_SECONDS = 2
"""How long a connection is kept for the next question: uvicorn closes it after 5 s, even if one is just on its way then."""

STOCK = 1_000_000
VENDORS = ("v-north", "v-south")


class Broken(Exception):
    """The service said or did what it must not."""


@dataclass(slots=True)
class Purchase:
    """One Idempotency-Key of one customer, and what they were told of it."""

    customer: str = field(default_factory=lambda: f"c-{uuid.uuid4()}")
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    body: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] | None = None
    cancelled: bool = False
    accepted: list[str] = field(default_factory=list)


class Client:
    """One caller at a time on connections of their own, who asks again, under the same key, until there is an answer."""

    def __init__(self, world: World, urls: Sequence[str], rng: Random, bears: Trouble = "crashes") -> None:
        self._world, self._urls, self._rng, self._bears = world, urls, rng, bears
        limits = httpx.Limits(keepalive_expiry=KEPT_SECONDS)
        self._http = httpx.Client(trust_env=False, timeout=ANSWER_SECONDS, verify=False, limits=limits)
        self.lost = 0
        self.refused_by: Counter[str] = Counter()

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, path: str, caller: tuple[str, ...], body: Any = None, **headers: str) -> httpx.Response:
        """The first answer there is. Raises Broken when something happens that this client doesn't bear, or for too long."""
        bearer = {"Authorization": f"Bearer {self._world.stack.token(*caller)}", **headers}
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            url = f"{self._rng.choice(self._urls)}/api/v1{path}"
            start = time.monotonic()
            try:
                answer = self._http.request(method, url, json=body, headers=bearer)
            except httpx.TransportError as error:
                self._bear(error, url)
            else:
                if self._bears == "refusals":
                    need_in_time(answer, time.monotonic() - start)
                if answer.status_code < 500:
                    return answer
                self._bear_refusal(answer)
            time.sleep(self._rng.uniform(0.02, 0.2))
        raise Broken(f"{method} {path}: no answer for {PATIENCE_SECONDS} s")

    def buy(self, purchase: Purchase) -> httpx.Response:
        """POST /orders for this purchase."""
        caller = ("customer", purchase.customer)
        return self.ask("POST", "/orders", caller, purchase.body, **{"Idempotency-Key": purchase.key})

    def _bear_refusal(self, answer: httpx.Response) -> None:
        if self._bears == "refusals":
            self.refused_by[need_refusal(answer)] += 1
        elif self._bears != "crashes" or answer.status_code != 503:
            raise Broken(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}")

    def _bear(self, error: httpx.TransportError, url: str) -> None:
        self.lost += 1
        if self._bears == "crashes" and not isinstance(error, httpx.ReadTimeout):
            return
        raise Broken(f"{url}: {error!r}") from error


class Load:
    """Customers, each with one purchase after the other, from `with` to its end. `purchases` are all of them."""

    def __init__(
        self, world: World, urls: Sequence[str], rng: Random, bears: Trouble = "crashes", customers: int = 6
    ) -> None:
        self._world, self._urls = world, urls
        self._products = [world.product(stock=STOCK, vendor=vendor, price=700) for vendor in VENDORS]
        self.purchases: list[Purchase] = []
        self.broken: list[BaseException] = []
        self.lost = 0
        self.refused_by: Counter[str] = Counter()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._shop, args=(Random(rng.random()), bears)) for _ in range(customers)
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
        """Let them shop for a while; ends early when one of them saw what must not be."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.broken:
            time.sleep(0.01)

    @property
    def placed(self) -> list[Purchase]:
        return [purchase for purchase in self.purchases if purchase.order]

    def prepare(self, rng: Random) -> Purchase:
        """A new customer with a full cart; now and then one who expects another total, and is refused."""
        purchase = Purchase(body={"note": "wrong", "expected_total": "1.00"} if rng.random() < 0.1 else {})
        self._world.sandbox.put_user(purchase.customer)
        bought = rng.sample(self._products, rng.randint(1, 2))
        self._world.sandbox.put_cart(
            purchase.customer, [{"product_id": product, "quantity": rng.randint(1, 3)} for product in bought]
        )
        return purchase

    def check(self) -> None:
        """Hold the service to all it said, once nothing is under way any more. Everyone must have left."""
        orders = {str(purchase.order["id"]): purchase for purchase in self.placed if purchase.order}
        assert orders, "nobody could buy anything"
        self._wait_until_all_is_decided(list(orders))
        self._check_answers()
        self._check_one_order_a_key()
        check_at_rest(self._world, *orders, seconds=RECOVERY_SECONDS)
        self._check_neighbours(list(orders))
        check_invariants(self._world)

    def _shop(self, rng: Random, bears: Trouble) -> None:
        client = Client(self._world, self._urls, rng, bears)
        try:
            while not self._over.is_set():
                purchase = self.prepare(rng)
                self.purchases.append(purchase)
                self._buy(client, purchase, rng)
        except Exception as error:  # told when the load ends
            self.broken.append(error)
        finally:
            self.lost += client.lost
            self.refused_by.update(client.refused_by)
            client.close()

    def _buy(self, client: Client, purchase: Purchase, rng: Random) -> None:
        answer = client.buy(purchase)
        if purchase.body and answer.status_code == 409:
            return
        need(answer, 201)
        purchase.order = answer.json()
        match rng.randrange(4):
            case 0:
                need_same(client.buy(purchase), answer.json())
            case 1:
                if rng.random() < 0.5 and self._is_soon_paid(client, purchase):
                    self._is_soon_sold(purchase)
                path = f"/orders/{purchase.order['id']}/cancel"
                answer = client.ask("POST", path, ("customer", purchase.customer), {})
                need(answer, 200)
                purchase.cancelled = True
            case 2:
                self._accept(client, purchase)

    def _accept(self, client: Client, purchase: Purchase) -> None:
        """The vendors take the order on, if it is paid soon."""
        assert purchase.order
        if not self._is_soon_paid(client, purchase):
            return
        for part in purchase.order["vendor_orders"]:
            vendor = ("vendor", f"u-{part['vendor_id']}", part["vendor_id"])
            need(client.ask("POST", f"/vendor-orders/{part['id']}/accept", vendor), 200)
            purchase.accepted.append(part["id"])

    def _is_soon_paid(self, client: Client, purchase: Purchase) -> bool:
        """Wait a moment for the order to be confirmed; whether it is."""
        assert purchase.order
        caller = ("customer", purchase.customer)
        end = time.monotonic() + 3
        while client.ask("GET", f"/orders/{purchase.order['id']}", caller).json()["status"] != "confirmed":
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def _is_soon_sold(self, purchase: Purchase) -> bool:
        """Whether Product sells the order's stock before long: then a cancellation has something to put back."""
        assert purchase.order
        end = time.monotonic() + SOLD_SECONDS
        while self._world.sandbox.ledger("product", purchase.order["id"])["state"] != "COMMITTED":
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def _wait_until_all_is_decided(self, ids: list[str]) -> None:
        """Nothing stays pending: it is paid, cancelled, or expires."""
        undecided = "SELECT id FROM orders WHERE status = 'pending' AND id = ANY(%s::uuid[])"
        eventually(lambda: not self._world.sql(undecided, ids), "all orders to be decided", RECOVERY_SECONDS)

    def _check_answers(self) -> None:
        """P1, P2: what was answered is there, whole, and is answered again; what was done afterwards has stayed done."""
        client = Client(self._world, self._urls, Random(0))
        try:
            for purchase in self.placed:
                assert purchase.order
                need_same(client.buy(purchase), purchase.order)
                order = client.ask("GET", f"/orders/{purchase.order['id']}", ("customer", purchase.customer)).json()
                assert not purchase.cancelled or order["status"] == "cancelled", order
                parts = {part["id"]: part["status"] for part in order["vendor_orders"]}
                assert all(parts[accepted] == "processing" for accepted in purchase.accepted), order
        finally:
            client.close()

    def _check_one_order_a_key(self) -> None:
        """P2: one order for each customer who was told of one, none for those who were refused."""
        wanted = {purchase.customer: int(purchase.order is not None) for purchase in self.purchases}
        rows = self._world.sql(
            "SELECT customer_id, count(*) AS n FROM orders WHERE customer_id = ANY(%s) GROUP BY 1", list(wanted)
        )
        found = dict.fromkeys(wanted, 0) | {row["customer_id"]: row["n"] for row in rows}
        assert found == wanted, {name: (wanted[name], found[name]) for name in wanted if wanted[name] != found[name]}

    def _check_neighbours(self, ids: list[str]) -> None:
        """P3, P4: nothing is held for nobody, each cart was cleared once, nobody paid twice, nothing was sold twice."""
        eventually(lambda: not orphaned_holds(self._world), "holds without an order to end", RECOVERY_SECONDS + 5)
        product, cart, payment = (self._world.sandbox.ledger(name) for name in ("product", "cart", "payment"))
        assert product["adds_up"]
        for order_id in ids:
            assert cart["clears"][order_id]["in_effect"] == 1, order_id
            assert payment["orders"][order_id]["captures"] <= 1, order_id
            assert product["orders"][order_id]["commits"] <= 1, order_id


def orphaned_holds(world: World) -> list[str]:
    """Orders that hold stock at Product and don't exist."""
    orders = world.sandbox.ledger("product")["orders"]
    held = [order_id for order_id, hold in orders.items() if hold["state"] == "HELD"]
    known = {row["id"] for row in world.sql("SELECT id::text FROM orders WHERE id = ANY(%s::uuid[])", held)}
    return sorted(set(held) - known)


def need(answer: httpx.Response, status: int) -> None:
    """Raise Broken unless the answer has this status."""
    if answer.status_code != status:
        raise Broken(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}")


def need_in_time(answer: httpx.Response, seconds: float) -> None:
    """Raise Broken unless the answer came within the budget (P9)."""
    if seconds > BUDGET_SECONDS:
        raise Broken(f"{answer.request.method} {answer.url}: {answer.status_code} after {seconds} s")


def need_refusal(answer: httpx.Response) -> str:
    """The dependency that a 503 names; raise Broken unless it is a problem that says when to ask again."""
    need(answer, 503)
    said = answer.json()
    whole = answer.headers["content-type"] == "application/problem+json" and said["code"] == "dependency_unavailable"
    if not whole or int(answer.headers.get("retry-after", 0)) < 1:
        raise Broken(f"{answer.request.method} {answer.url}: {answer.headers} {answer.text}")
    return str(said["dependency"])


def need_same(answer: httpx.Response, order: dict[str, Any]) -> None:
    """Raise Broken unless this is the first answer again."""
    need(answer, 201)
    if answer.json() != order:
        raise Broken(f"one key, two answers: {order} and {answer.json()}")
