"""The client of the Cart Service: a customer's cart, and its clearing after a checkout (contract: neighbours, "Cart Service")."""

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
    """A cart that is not empty. `lines` are quantities by product id, in the cart's order; equal products are added up."""

    version: int
    currency: str
    lines: dict[str, int]


class Carts:
    """Client of the Cart Service."""

    def __init__(self, http: ServiceHttpClient) -> None:
        self._http, self.breaker = http, http.breaker

    @guarded
    async def filled_cart(self, customer_id: str, deadline: Deadline) -> Cart | None:
        """Return the customer's cart, None when it is empty. Raises DependencyUnavailable("cart")."""
        response = await self._http.get(f"/carts/{quote_id(customer_id)}", deadline)
        if response.status_code == 404:
            return None
        cart: _Cart = decode(self._http, response, _Cart)
        if cart.customer_id != customer_id:
            raise self._http.broken("the response is about another customer")
        if not cart.items:
            return None
        if cart.currency not in DECIMALS:
            raise self._http.broken("the currency is not one of ISO 4217")
        lines: dict[str, int] = {}
        for line in cart.items:
            lines[line.product_id] = lines.get(line.product_id, 0) + line.quantity
        return Cart(cart.version, cart.currency, lines)

    @guarded
    async def clear(self, customer_id: str, order_id: UUID, version: int, deadline: Deadline) -> None:
        """Clear the cart if it still has this version. Repeatable; a cart of another version is unchanged.

        Raises DependencyUnavailable("cart") when the outcome is unknown.
        """
        body = {"order_id": str(order_id), "version": version}
        response = await self._http.post(f"/carts/{quote_id(customer_id)}/clear", body, deadline)
        if response.status_code not in (200, 204, 404, 409):
            raise self._http.unexpected(response.status_code)
