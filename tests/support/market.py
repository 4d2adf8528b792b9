"""A marketplace of several vendors, and the orders placed in it."""

import uuid
from decimal import Decimal
from functools import cached_property
from typing import Any

import httpx

from tests.support.world import Person, World, eventually

SHIPMENT = {"carrier": "DHL", "tracking_number": "JD0146", "tracking_url": "https://dhl.example/JD0146?a=1"}

WAY = {"p": (), "a": ("accept",), "s": ("accept", "ship"), "d": ("accept", "ship", "deliver"), "c": ("cancel",)}
"""By the first letter of a state: the actions that take a vendor order there from pending."""

REACHES = {"accept": "processing", "ship": "shipped", "deliver": "delivered", "cancel": "cancelled"}

ROLL_UP = {
    "pp": "confirmed",
    "ap": "processing",
    "aa": "processing",
    "sp": "processing",
    "sa": "processing",
    "ss": "shipped",
    "dp": "processing",
    "da": "processing",
    "ds": "shipped",
    "dd": "delivered",
    "cp": "confirmed",
    "ca": "processing",
    "cs": "shipped",
    "cd": "delivered",
    "cc": "cancelled",
    "app": "processing",
    "ssp": "processing",
    "ssa": "processing",
    "dda": "processing",
    "sss": "shipped",
    "dds": "shipped",
    "ddd": "delivered",
    "cpp": "confirmed",
    "csd": "shipped",
    "cdd": "delivered",
    "ccs": "shipped",
    "ccd": "delivered",
    "ccc": "cancelled",
}
"""The status of a paid order whose vendor orders stand like this, by the first letters of their states."""


class Sale:
    """One order of a market: `parts` are its vendor orders' ids, in the order of the market's vendors."""

    def __init__(self, market: "Market", placed: dict[str, Any]) -> None:
        self.market, self.placed = market, placed
        self.id: str = placed["id"]
        of_vendor = {part["vendor_id"]: part["id"] for part in placed["vendor_orders"]}
        self.parts: list[str] = [of_vendor[vendor_id] for vendor_id in market.vendor_ids]

    def pay(self) -> None:
        """Have Payment capture the whole total."""
        amount = int(Decimal(self.placed["total"]) * 100)
        self.market.world.sandbox.pay(self.id, "capture", amount_minor=amount, currency="EUR")

    def confirmed(self) -> "Sale":
        """Wait until the capture is counted."""
        self.market.customer.order_becomes(self.id, status="confirmed")
        return self

    def sold(self) -> "Sale":
        """Wait until Product has sold the stock."""
        eventually(lambda: self.stock()["state"] == "COMMITTED", "the stock to be sold")
        return self

    def order(self) -> dict[str, Any]:
        """Return the order as its customer sees it."""
        return self.market.customer.order(self.id)

    def status(self) -> str:
        return str(self.order()["status"])

    def part(self, vendor: int) -> dict[str, Any]:
        """Return one vendor order as its vendor sees it."""
        answer = self.market.vendors[vendor].get(f"/vendor-orders/{self.parts[vendor]}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def act(
        self, vendor: int, action: str, caller: Person | None = None, body: Any = None, **headers: str
    ) -> httpx.Response:
        """Send an action of a vendor (or of `caller`) on that vendor's part; `ship` sends SHIPMENT by default."""
        body = SHIPMENT if action == "ship" and body is None else body
        return (caller or self.market.vendors[vendor]).post(
            f"/vendor-orders/{self.parts[vendor]}/{action}", body, **headers
        )

    def do(self, vendor: int, *actions: str) -> dict[str, Any]:
        """Send actions that must succeed, one after the other; return the vendor order after the last one."""
        answers = [self.act(vendor, action) for action in actions]
        assert all(answer.status_code == 200 for answer in answers), [answer.text for answer in answers]
        return dict(answers[-1].json()) if answers else {}

    def cancel(self, caller: Person | None = None, body: Any = None, **headers: str) -> httpx.Response:
        """Send the cancellation of the whole order by its customer (or by `caller`)."""
        return (caller or self.market.customer).post(f"/orders/{self.id}/cancel", body, **headers)

    def trail(self) -> list[dict[str, Any]]:
        """Return the audit trail as admins see it."""
        return list(self.market.admin.get(f"/orders/{self.id}/history").json()["results"])

    def types(self) -> list[str]:
        return [str(entry["type"]) for entry in self.trail()]

    def stock(self) -> dict[str, Any]:
        """Return Product's ledger of the order."""
        return self.market.world.sandbox.ledger("product", self.id)

    def money(self) -> dict[str, Any]:
        """Return Payment's ledger of the order."""
        return self.market.world.sandbox.ledger("payment", self.id)


class Market:
    """Vendors with one product each, a customer who buys two of every one, and an admin."""

    def __init__(self, world: World, *prices: int, **goods: Any) -> None:
        run = uuid.uuid4()
        self.world, self.customer = world, world.customer()
        self.vendor_ids = [f"v-{run}-{number}" for number in range(len(prices))]
        self.products = [world.product(price, v, **goods) for price, v in zip(prices, self.vendor_ids, strict=True)]

    @cached_property
    def admin(self) -> Person:
        return self.world.admin()

    @cached_property
    def vendors(self) -> list[Person]:
        return [self.world.vendor(vendor_id) for vendor_id in self.vendor_ids]

    def place(self, body: Any = None) -> Sale:
        """Place an order; it is not paid for."""
        self.world.sandbox.put_cart(self.customer.id, [{"product_id": p, "quantity": 2} for p in self.products])
        return Sale(self, self.customer.place(body))

    def sell(self, body: Any = None) -> Sale:
        """Place an order and pay for it; return it confirmed."""
        return self.sell_many(1, body)[0]

    def sell_many(self, count: int, body: Any = None) -> list[Sale]:
        """Return `count` confirmed orders."""
        sales = [self.place(body) for _ in range(count)]
        for sale in sales:
            sale.pay()
        return [sale.confirmed().sold() for sale in sales]
