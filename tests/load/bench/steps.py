"""The steps of an order's life that are measured. Each has exactly its effects, or BenchError is raised.

Every order has two items of two vendors. CPU counts until the outbox is empty and every event is acknowledged, so that a step
has paid for the work that it has put off.
"""

import json
import statistics
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.load.bench.cpu import Cpu
from tests.load.bench.errors import expect
from tests.load.bench.load import Request, Response, send_at_once
from tests.load.bench.service import Service

Send = Callable[[str, Sequence[Request]], list[Response]]

PRODUCTS = {"bench-mug": "v-bench-1", "bench-plate": "v-bench-2"}
"""Product id → vendor."""

STOCK = 10**9
PAGE = 20
ROWS_OF_AN_ORDER = 4
"""Messages published for each order when the relay is measured alone: enough to be seen."""

IDLE_SECONDS = 0.5
ORDER_EVENTS = "orders.events"
SHIPMENT = {"carrier": "DHL", "tracking_number": "JD0146"}
ACTIONS: dict[str, object] = {"accept": {}, "ship": SHIPMENT, "deliver": {}}

_PUBLISH = """
    INSERT INTO outbox (order_id, kind, lane, payload, request_id)
    SELECT id, 'publish', 'events', jsonb_build_object('messages', jsonb_build_array(jsonb_build_object(
        'name', 'orders.events', 'message', jsonb_build_object(
            'event_id', gen_random_uuid(), 'type', 'order.placed', 'occurred_at', '2026-01-01T00:00:00Z', 'order_id', id,
            'payment_id', NULL, 'amount_minor', total, 'currency', currency, 'refund_id', NULL, 'reason', NULL)))), 'bench'
    FROM orders, generate_series(1, $2) WHERE id = ANY($1::uuid[])"""

_CLEAR_CARTS = """
    INSERT INTO outbox (order_id, kind, lane, payload, request_id)
    SELECT id, 'clear_cart', 'cart', jsonb_build_object('customer_id', customer_id, 'version', cart_version), 'bench'
    FROM orders WHERE id = ANY($1::uuid[])"""


class Customer(NamedTuple):
    """A customer with a filled cart."""

    id: str
    token: str


class Order(NamedTuple):
    """A placed order, its customer, and its vendor orders by vendor."""

    id: str
    customer: Customer
    parts: dict[str, str]


class Measured(NamedTuple):
    """The CPU of one order, request or row, and the milliseconds of the responses, if there are any."""

    cpu: Cpu
    p50: float | None = None
    p99: float | None = None


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of the values do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


class Steps:
    """The steps. Those that need orders use `orders`, the latest that have been placed together."""

    def __init__(self, service: Service) -> None:
        self.orders: list[Order] = []
        self._service, self._stack = service, service.stack
        self.vendor_tokens = {
            vendor: self._stack.token("vendor", f"u-{vendor}", vendor) for vendor in PRODUCTS.values()
        }
        for product_id, vendor_id in PRODUCTS.items():
            price: dict[str, Any] = {"unit_price_minor": 1000, "currency": "EUR", "stock": STOCK}
            service.sandbox.put_product(product_id, vendor_id=vendor_id, name="Mug", sku="MUG", **price)
        service.sandbox.payments(behaviour="manual")
        [self.regular] = self.customers(1)
        for _ in range(PAGE + 5):
            self._fill_carts([self.regular.id])
            send_at_once(service.server.url, [self._checkout(self.regular)])
        service.wait_quiet()

    @property
    def page_request(self) -> Request:
        return Request("GET", f"/api/v1/orders?limit={PAGE}", self.regular.token)

    def customers(self, count: int) -> list[Customer]:
        """Return new customers with filled carts."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        self._control("PUT", {f"/users/{each}": {} for each in ids})
        self._fill_carts(ids)
        return [Customer(each, self._stack.token("customer", each)) for each in ids]

    def place(self, customers: Sequence[Customer], send: Send, url: str = "") -> tuple[list[Order], list[Response]]:
        """Place an order for each customer, and wait for all that follows."""
        requests = [self._checkout(customer) for customer in customers]
        responses = send(url or self._service.server.url, requests)
        self._service.wait_quiet()
        orders = []
        for customer, response in zip(customers, responses, strict=True):
            order = json.loads(response.body)
            parts = {part["vendor_id"]: part["id"] for part in order["vendor_orders"]}
            orders.append(Order(order["id"], customer, parts))
        return orders, responses

    def checkout(self, count: int, send: Send) -> Measured:
        """Place `count` orders, which become `orders`: all rows are written, and the carts cleared."""
        customers, rows, clears = self.customers(count), self._rows(), self._clears()
        before = self._service.cpu()
        self.orders, responses = self.place(customers, send)
        measured = self._measured(before, count, responses)
        expect("Orders", len({order.id for order in self.orders}), count)
        expected = {"orders": 1, "vendor_orders": 2, "order_items": 2, "order_events": 1, "outbox": 0}
        for table, each in expected.items():
            expect(f"Rows of {table}", self._rows()[table] - rows[table], each * count)
        expect("Carts cleared", self._clears() - clears, count)
        return measured

    def read(self) -> Measured:
        """Read each order as its customer."""
        return self._send([Request("GET", f"/api/v1/orders/{order.id}", order.customer.token) for order in self.orders])

    def page(self, count: int) -> Measured:
        """Read a page of a customer with more orders, `count` times."""
        return self._send([self.page_request] * count)

    def pay(self) -> Measured:
        """Have Payment capture the total of each order: all are confirmed, and their stock is sold."""
        sold, events = self._sold(), self._service.count("payment_events")
        before = self._service.cpu()
        self.capture(self.orders)
        measured = self._measured(before, len(self.orders))
        expect("Payment events", self._service.count("payment_events") - events, len(self.orders))
        expect("Units sold", self._sold() - sold, len(PRODUCTS) * len(self.orders))
        return measured

    def capture(self, orders: Sequence[Order]) -> None:
        """Have Payment capture the total of each order, and wait for all that follows."""
        self._control("POST", {f"/payments/{order.id}/capture": {} for order in orders})
        self._service.wait_for_orders("confirmed", [order.id for order in orders])
        self._service.wait_quiet()

    def relay(self) -> Measured:
        """Publish ROWS_OF_AN_ORDER rows of the outbox for each order."""
        count = ROWS_OF_AN_ORDER * len(self.orders)
        last: Any = self._service.redis.xrevrange(ORDER_EVENTS, count=1)
        before = self._service.cpu()
        self._insert(_PUBLISH, ROWS_OF_AN_ORDER)
        measured = self._measured(before, count)
        published: Any = self._service.redis.xrange(ORDER_EVENTS, min=f"({last[0][0].decode()}")
        expect("Messages published", len(published), count)
        return measured

    def job(self) -> Measured:
        """Have the worker clear the cart of each order; Cart accepts it again."""
        heard = self._heard()
        before = self._service.cpu()
        self._insert(_CLEAR_CARTS)
        measured = self._measured(before, len(self.orders))
        expect("Carts asked to clear", self._heard() - heard, len(self.orders))
        return measured

    def life(self, count: int) -> Measured:
        """Place, pay and deliver `count` orders, each part by its vendor."""
        customers, clears, sold = self.customers(count), self._clears(), self._sold()
        before = self._service.cpu()
        orders, _ = self.place(customers, send_at_once)
        self.capture(orders)
        self.fulfil(orders)
        measured = self._measured(before, count)
        expect("Carts cleared", self._clears() - clears, count)
        expect("Units sold", self._sold() - sold, len(PRODUCTS) * count)
        return measured

    def fulfil(self, orders: Sequence[Order]) -> None:
        """Accept, ship and deliver each vendor order, and wait for all that follows."""
        for action, body in ACTIONS.items():
            requests = [
                Request("POST", f"/api/v1/vendor-orders/{part}/{action}", self.vendor_tokens[vendor], body)
                for order in orders
                for vendor, part in order.parts.items()
            ]
            send_at_once(self._service.server.url, requests)
        self._service.wait_for_orders("delivered", [order.id for order in orders])
        self._service.wait_quiet()

    def idle(self) -> Cpu:
        """Return the CPU that a second without requests takes."""
        before = self._service.cpu()
        time.sleep(IDLE_SECONDS)
        return (self._service.cpu() - before) * (1 / IDLE_SECONDS)

    def _checkout(self, customer: Customer) -> Request:
        return Request("POST", "/api/v1/orders", customer.token, {})

    def _fill_carts(self, customer_ids: Sequence[str]) -> None:
        items = [{"product_id": product_id, "quantity": 1} for product_id in PRODUCTS]
        self._control("PUT", {f"/carts/{each}": {"currency": "EUR", "items": items} for each in customer_ids})

    def _control(self, method: str, bodies: Mapping[str, object]) -> None:
        """Send these bodies by their paths to the control API of the sandbox."""
        requests = [Request(method, path, "", body) for path, body in bodies.items()]
        send_at_once(self._stack.control_url, requests)

    def _send(self, requests: Sequence[Request]) -> Measured:
        before = self._service.cpu()
        responses = send_at_once(self._service.server.url, requests)
        return self._measured(before, len(requests), responses)

    def _measured(self, before: Cpu, count: int, responses: Sequence[Response] = ()) -> Measured:
        self._service.wait_quiet()
        cpu = (self._service.cpu() - before) * (1 / count)
        times = [response.milliseconds for response in responses]
        return Measured(cpu, statistics.median(times), percentile(times, 99)) if times else Measured(cpu)

    def _insert(self, statement: str, *more: object) -> None:
        self._service.database.execute(statement.encode(), ([order.id for order in self.orders], *more))

    def _rows(self) -> dict[str, int]:
        tables = ("orders", "vendor_orders", "order_items", "order_events", "outbox")
        return {table: self._service.count(table) for table in tables}

    def _sold(self) -> int:
        products = self._service.sandbox.ledger("product")["products"]
        return sum(int(products[product_id]["sold"]) for product_id in PRODUCTS)

    def _clears(self) -> int:
        return sum(int(clears["in_effect"]) for clears in self._service.sandbox.ledger("cart")["clears"].values())

    def _heard(self) -> int:
        return int(self._service.sandbox.ledger("cart")["calls"].get("clear", 0))
