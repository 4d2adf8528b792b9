"""The Cart Service: what the customer wants, and that it has been ordered (contract: neighbours, "Cart Service")."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from clients.breaker import guarded
from clients.deadline import Deadline
from clients.http import ServiceHttpClient, decode, quote_id
from orders.domain.money import DECIMALS

MAX_VERSION = 2**63 - 1


class _Line(Struct):
    product_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
    quantity: Annotated[int, Meta(ge=1, le=2**31)]


class _Cart(Struct):
    customer_id: str
    version: Annotated[int, Meta(ge=0, le=MAX_VERSION)]
    currency: str
    items: list[_Line]


@dataclass(frozen=True, slots=True)
class Cart:
    """A cart that holds something. `lines` are quantities by product id, in the cart's order, equal products added up."""

    version: int
    currency: str
    lines: dict[str, int]


class Carts:
    """Asks the Cart Service."""

    def __init__(self, http: ServiceHttpClient) -> None:
        self._http, self.breaker = http, http.breaker

    @guarded
    async def filled_cart(self, customer_id: str, deadline: Deadline) -> Cart | None:
        """The customer's cart, None when it is empty. Raises DependencyUnavailable("cart")."""
        answer = await self._http.get(f"/carts/{quote_id(customer_id)}", deadline)
        if answer.status_code == 404:
            return None
        cart: _Cart = decode(self._http, answer, _Cart)
        if cart.customer_id != customer_id:
            raise self._http.broken("its answer is about another customer")
        if not cart.items:
            return None
        if cart.currency not in DECIMALS:
            raise self._http.broken("its currency is not one of ISO 4217")
        lines: dict[str, int] = {}
        for line in cart.items:
            lines[line.product_id] = lines.get(line.product_id, 0) + line.quantity
        return Cart(cart.version, cart.currency, lines)

    @guarded
    async def clear(self, customer_id: str, order_id: UUID, version: int, deadline: Deadline) -> None:
        """Empty the cart if it still is this version. Repeatable; a cart that has moved on or gone is left alone.

        Raises DependencyUnavailable("cart") when it is not known whether that happened.
        """
        body = {"order_id": str(order_id), "version": version}
        answer = await self._http.post(f"/carts/{quote_id(customer_id)}/clear", body, deadline)
        if answer.status_code not in (200, 204, 404, 409):
            raise self._http.unexpected(answer.status_code)
