"""The endpoints of the API: what a request says in, what a use case answers out. Contract: REST API."""

import uuid
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from clients.tracing import request_id
from orders import database
from orders.api import schema
from orders.api.base import OrderAPIView, answer_json, read_json
from orders.api.pagination import page_body, read_cursor, read_limit
from orders.api.permissions import roles
from orders.api.representation import order_body, quote_body
from orders.api.serializers import CheckoutInput
from orders.callers import Caller
from orders.errors import IdempotencyKeyRequired, Invalid
from orders.services.checkout import Checkout, Wish
from orders.services.quote import quote
from orders.services.read import list_orders, read_order

CHECKOUT_INPUT = CheckoutInput()
"""One for all requests: validating leaves no trace in it, building one costs more than validating."""

LONGEST_KEY = 255


class Orders(OrderAPIView):
    """`/api/v1/orders`"""

    permissions: ClassVar = {"GET": roles("customer", "admin"), "POST": roles("customer")}
    query_parameters: ClassVar = {"GET": ("limit", "cursor")}

    @schema.PLACE_ORDER
    async def post(self, request: HttpRequest) -> HttpResponse:
        """Turn the caller's cart into a placed order."""
        key = _idempotency_key(request)
        wish = Wish(**read_json(request, CHECKOUT_INPUT))
        desk = request.scope["state"]["desk"]  # type: ignore[attr-defined]
        placed = await desk.place(Checkout(_caller(request), key, request_id.get(), wish))
        response = answer_json(order_body(placed.order, "customer"), 201)
        response["Location"] = f"{request.path}/{placed.order.row.id}"
        response["ETag"] = _etag(placed.order.row.version)
        if placed.replayed:
            response["Idempotent-Replayed"] = "true"
        return response

    @schema.LIST_ORDERS
    async def get(self, request: HttpRequest) -> HttpResponse:
        """The caller's orders, newest first."""
        caller, limit, position = _caller(request), read_limit(request), read_cursor(request)
        page = await database.run(list_orders, caller, limit, position)
        return answer_json(page_body(request, page, lambda order: order_body(order, caller.role)))


class Quotes(OrderAPIView):
    """`/api/v1/orders/quote`"""

    permissions: ClassVar = {"POST": roles("customer")}

    @schema.QUOTE
    async def post(self, request: HttpRequest) -> HttpResponse:
        """What checkout would cost now."""
        wish = Wish(**read_json(request, CHECKOUT_INPUT))
        neighbours = request.scope["state"]["neighbours"]  # type: ignore[attr-defined]
        return answer_json(quote_body(await quote(_caller(request), wish, neighbours)))


class OneOrder(OrderAPIView):
    """`/api/v1/orders/{id}`"""

    permissions: ClassVar = {"GET": roles("customer", "admin")}

    @schema.READ_ORDER
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """One order."""
        caller = _caller(request)
        order = await database.run(read_order, caller, order_id)
        self.check_query(request)
        etag = _etag(order.row.version)
        if _matches(request.META.get("HTTP_IF_NONE_MATCH", ""), etag):
            response = HttpResponse(status=304)
        else:
            response = answer_json(order_body(order, caller.role))
        response["ETag"] = etag
        return response


def _caller(request: HttpRequest) -> Caller:
    caller: Any = request.caller  # type: ignore[attr-defined]
    assert isinstance(caller, Caller)
    return caller


def _idempotency_key(request: HttpRequest) -> str:
    key: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if not key:
        raise IdempotencyKeyRequired(
            "Send an Idempotency-Key of your making, a new one for each order: a UUID will do."
        )
    if len(key) > LONGEST_KEY or not all("!" <= letter <= "~" for letter in key):
        detail = f"Not 1 to {LONGEST_KEY} visible ASCII characters."
        errors = [{"pointer": "/Idempotency-Key", "code": "invalid", "detail": detail}]
        raise Invalid("The header Idempotency-Key was refused.", errors=errors)
    return key


def _etag(version: int) -> str:
    return f'"{version}"'


def _matches(if_none_match: str, etag: str) -> bool:
    """Whether the caller's copy is still good; compared weakly, as RFC 9110 has it for If-None-Match."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]
