"""The Cart Service: `GET /carts/{customer_id}` and `POST /carts/{customer_id}/clear`."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from compose.sandbox.http_neighbour import Answer, HttpDoor

MOST = 2**31
"""Units of one product in a cart."""
DETAILS = {204: None, 404: {"detail": "unknown cart"}, 409: {"detail": "the cart has moved on"}}


@dataclass(slots=True)
class Cart:
    """One customer's cart. `raw`, when there, is answered in place of the rest.

    A `refilled` one has the same items under a new version each time it is read: its customer can order without end.
    """

    customer_id: str
    version: int = 0
    currency: str = "EUR"
    items: list[dict[str, Any]] = field(default_factory=list)
    raw: dict[str, Any] | None = None
    refilled: bool = False
    cleared: set[tuple[str, int]] = field(default_factory=set)

    def seen(self) -> dict[str, Any]:
        """The cart as the Cart Service answers it."""
        if self.raw is not None:
            return self.raw
        own = {"customer_id": self.customer_id, "version": self.version}
        return {**own, "currency": self.currency, "items": self.items}


class Carts:
    """The carts, by customer, and what orders cleared."""

    def __init__(self, token: str) -> None:
        self.door = HttpDoor(token)
        self._carts: dict[str, Cart] = {}
        self._heard: Counter[str] = Counter()
        self._in_effect: Counter[str] = Counter()

    def put(self, customer_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Store a cart under a new version and answer it as it is seen from now on.

        `given` holds `currency`, `items` and, to force it, `version`. With `"raw": true` the rest is stored as it is,
        however wrong; with `"refilled": true` each look finds a new version. Raises `ValueError` for items that break the
        contract and are not meant to.
        """
        cart = self._carts.setdefault(customer_id, Cart(customer_id))
        body = {name: value for name, value in given.items() if name not in ("raw", "refilled")}
        raw = given.get("raw") is True
        if not raw:
            check(body)
            cart.currency, cart.items = body.get("currency", "EUR"), body.get("items", [])
        cart.raw = body if raw else None
        cart.refilled = given.get("refilled") is True
        forced = body.get("version")
        cart.version = forced if isinstance(forced, int) and not isinstance(forced, bool) else cart.version + 1
        return cart.seen()

    def clear(self, customer_id: str, order_id: str, version: int) -> int:
        """Empty the cart if it still is at `version`; answers 204, 409 or 404.

        The same order and version again is 204, and changes nothing however full the cart is by then.
        """
        self._heard[order_id] += 1
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

    async def on_get(self, request: web.Request) -> Answer:
        """Answer the cart, or 404."""
        cart = self._carts.get(request.match_info["customer_id"])
        if cart is None:
            return 404, {"detail": "unknown cart"}
        cart.version += cart.refilled
        return 200, cart.seen()

    async def on_clear(self, request: web.Request) -> Answer:
        """Clear as the body says; 400 when it says nothing usable."""
        try:
            match msgspec.json.decode(await request.read()):
                case {"order_id": str(order_id), "version": int(version)} if order_id and not isinstance(version, bool):
                    status = self.clear(request.match_info["customer_id"], order_id, version)
                    return status, DETAILS[status]
        except msgspec.DecodeError:
            pass
        return 400, {"detail": 'the body is {"order_id": "…", "version": 7}'}

    def app(self) -> web.Application:
        """The service as its clients see it."""
        app = web.Application()
        app.router.add_get("/carts/{customer_id}", self.door.guard("get", self.on_get))
        app.router.add_post("/carts/{customer_id}/clear", self.door.guard("clear", self.on_clear))
        return app

    def ledger(self) -> dict[str, Any]:
        """What was asked so far, each cart as it stands, and the clears of each order."""
        carts = {customer_id: cart.seen() for customer_id, cart in self._carts.items()}
        clears = {order_id: self.clears(order_id) for order_id in self._heard}
        return {**self.door.ledger(), "carts": carts, "clears": clears}

    def clears(self, order_id: str) -> dict[str, int]:
        """How often this order asked for a clear, and how often that emptied a cart."""
        return {"heard": self._heard[order_id], "in_effect": self._in_effect[order_id]}


def check(body: dict[str, Any]) -> None:
    """Raise `ValueError` where a cart would break the contract."""
    if unknown := set(body) - {"customer_id", "version", "currency", "items"}:
        raise ValueError(f"A cart has no {', '.join(sorted(unknown))}.")
    items = body.get("items", [])
    for item in items if isinstance(items, list) else [items]:
        match item:
            case {"product_id": str(), "quantity": int(quantity), **rest} if not rest and type(quantity) is int:
                if 1 <= quantity <= MOST:
                    continue
        raise ValueError(f'An item is {{"product_id": "…", "quantity": 1 to 2^31}}, unless "raw" is true: {item!r}.')
