"""The Cart Service: `GET /carts/{customer_id}` and `POST /carts/{customer_id}/clear`."""

from collections import Counter
from typing import Annotated, Any

import msgspec
from aiohttp import web

from compose.sandbox.http_neighbour import HttpNeighbour, Result

CLEAR_BODY = 'the body is {"order_id": "…", "version": 7}'
DETAILS = {204: None, 404: {"detail": "unknown cart"}, 409: {"detail": "the cart has another version"}}


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """A line of a cart, valid by the contract."""

    product_id: str
    quantity: Annotated[int, msgspec.Meta(ge=1, le=2**31)]


class CartContent(msgspec.Struct, forbid_unknown_fields=True):
    """The content of a cart, valid by the contract."""

    customer_id: Any = None
    version: Any = None
    currency: Any = None
    items: list[Item] = []


class ClearRequest(msgspec.Struct):
    """The body of a clear."""

    order_id: Annotated[str, msgspec.Meta(min_length=1)]
    version: int


class Cart(msgspec.Struct):
    """One customer's cart. `raw`, when set, is returned in place of the representation.

    A `refilled` cart has the same items under a new version at each read: its customer can order repeatedly.
    """

    customer_id: str
    version: int = 0
    currency: str = "EUR"
    items: list[dict[str, Any]] = []
    raw: dict[str, Any] | None = None
    refilled: bool = False
    cleared: set[tuple[str, int]] = set()

    def representation(self) -> dict[str, Any]:
        """Return the cart as the Cart Service represents it."""
        if self.raw is not None:
            return self.raw
        own = {"customer_id": self.customer_id, "version": self.version}
        return {**own, "currency": self.currency, "items": self.items}


class Carts(HttpNeighbour):
    """The carts by customer, and the clears by order."""

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self._carts: dict[str, Cart] = {}
        self._received: Counter[str] = Counter()
        self._in_effect: Counter[str] = Counter()

    def put(self, customer_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Store a cart under a new version and return its representation.

        `given` holds `currency`, `items` and, to force it, `version`. With `"raw": true` the content is stored
        unvalidated; with `"refilled": true` each read has a new version. Raise `ValueError` for content that breaks
        the contract and is not raw.
        """
        cart = self._carts.setdefault(customer_id, Cart(customer_id))
        body = {name: value for name, value in given.items() if name not in ("raw", "refilled")}
        raw = given.get("raw") is True
        if not raw:
            msgspec.convert(body, CartContent)
            cart.currency, cart.items = body.get("currency", "EUR"), body.get("items", [])
        cart.raw = body if raw else None
        cart.refilled = given.get("refilled") is True
        forced = body.get("version")
        cart.version = forced if type(forced) is int else cart.version + 1
        return cart.representation()

    def clear(self, customer_id: str, order_id: str, version: int) -> int:
        """Clear the cart if its version is still `version`; return 204, 409 or 404.

        A repetition for the same order and version returns 204 and leaves the cart unchanged.
        """
        self._received[order_id] += 1
        cart = self._carts.get(customer_id)
        if cart is None:
            return 404
        if (order_id, version) in cart.cleared:
            return 204
        if cart.version != version:
            return 409
        cart.items, cart.raw, cart.version = [], None, version + 1
        cart.cleared.add((order_id, version))
        self._in_effect[order_id] += 1
        return 204

    async def on_get(self, request: web.Request) -> Result:
        """Return the cart, or 404."""
        cart = self._carts.get(request.match_info["customer_id"])
        if cart is None:
            return 404, DETAILS[404]
        cart.version += cart.refilled
        return 200, cart.representation()

    async def on_clear(self, request: web.Request) -> Result:
        """Clear the cart of the body; 400 for an invalid body."""
        try:
            wanted = msgspec.json.decode(await request.read(), type=ClearRequest)
        except ValueError:
            return 400, {"detail": CLEAR_BODY}
        status = self.clear(request.match_info["customer_id"], wanted.order_id, wanted.version)
        return status, DETAILS[status]

    def app(self) -> web.Application:
        """Return the HTTP application of the service."""
        app = web.Application()
        app.router.add_get("/carts/{customer_id}", self.endpoint("get", self.on_get))
        app.router.add_post("/carts/{customer_id}/clear", self.endpoint("clear", self.on_clear))
        return app

    def ledger(self) -> dict[str, Any]:
        """Return the recorded calls, each cart, and the clears of each order."""
        carts = {customer_id: cart.representation() for customer_id, cart in self._carts.items()}
        clears = {order_id: self.ledger_of(order_id) for order_id in self._received}
        return {**super().ledger(), "carts": carts, "clears": clears}

    def ledger_of(self, order_id: str) -> dict[str, int]:
        """Return the number of clears that this order requested, and of those that cleared a cart."""
        return {"heard": self._received[order_id], "in_effect": self._in_effect[order_id]}
