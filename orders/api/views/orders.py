"""Orders, for their customers and for admins."""

import uuid
from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from clients.neighbours import Neighbours
from clients.tracing import request_id
from orders import database
from orders.api import filters, schema
from orders.api.base import OrderAPIView, answer_json, read_json
from orders.api.filters import page_body, read_listing
from orders.api.headers import caller, etag, has_it_already, idempotency_key, if_match, keep_until_changed
from orders.api.permissions import roles
from orders.api.representation import history_entry_body, order_body, quote_body, tracking_body
from orders.api.serializers import CancelInput, CheckoutInput
from orders.api.state import state_of
from orders.services.cancel import cancel_order
from orders.services.checkout import Checkout, CheckoutDesk
from orders.services.history import history, need_order, track
from orders.services.lists import list_orders
from orders.services.quote import quote
from orders.services.read import read_order
from orders.services.wish import Wish

# One of each for all requests: validating leaves no trace in them, building one costs more than validating.
CHECKOUT_INPUT = CheckoutInput()
CANCEL_INPUT = CancelInput()

READERS = roles("customer", "admin")


class Orders(OrderAPIView):
    """`/api/v1/orders`"""

    permissions: ClassVar = {"GET": READERS, "POST": roles("customer")}
    query_parameters: ClassVar = {"GET": (*filters.PAGING, *filters.ADMIN_ORDER_FILTERS)}

    @schema.PLACE_ORDER
    async def post(self, request: HttpRequest) -> HttpResponse:
        """Turn the caller's cart into a placed order."""
        key = idempotency_key(request)
        wish = Wish(**read_json(request, CHECKOUT_INPUT))
        placed = await state_of(request, CheckoutDesk).place(Checkout(caller(request), key, request_id.get(), wish))
        response = answer_json(order_body(placed.order, "customer"), 201)
        response["Location"] = f"{request.path}/{placed.order.row.id}"
        response["ETag"] = etag(placed.order.row.version)
        if placed.replayed:
            response["Idempotent-Replayed"] = "true"
        return response

    @schema.LIST_ORDERS
    async def get(self, request: HttpRequest) -> HttpResponse:
        """The orders that the caller may know of."""
        who = caller(request)
        known = filters.ADMIN_ORDER_FILTERS if who.role == "admin" else filters.ORDER_FILTERS
        filters.check_known(request, (*filters.PAGING, *known))
        listing = read_listing(request, known)
        page = await database.run(list_orders, who, listing)
        return answer_json(page_body(request, listing, page, lambda order: order_body(order, who.role)))


class Quotes(OrderAPIView):
    """`/api/v1/orders/quote`"""

    permissions: ClassVar = {"POST": roles("customer")}

    @schema.QUOTE
    async def post(self, request: HttpRequest) -> HttpResponse:
        """What checkout would cost now."""
        wish = Wish(**read_json(request, CHECKOUT_INPUT))
        return answer_json(quote_body(await quote(caller(request), wish, state_of(request, Neighbours))))


class OneOrder(OrderAPIView):
    """`/api/v1/orders/{id}`"""

    need: ClassVar = staticmethod(need_order)
    permissions: ClassVar = {"GET": READERS}

    @schema.READ_ORDER
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """One order."""
        who = caller(request)
        order = await database.run(read_order, who, order_id)
        tag = etag(order.row.version)
        response = (
            HttpResponse(status=304) if has_it_already(request, tag) else answer_json(order_body(order, who.role))
        )
        keep_until_changed(response, tag)
        return response


class Cancellation(OrderAPIView):
    """`/api/v1/orders/{id}/cancel`"""

    need: ClassVar = staticmethod(need_order)
    permissions: ClassVar = {"POST": READERS}

    @schema.CANCEL_ORDER
    async def post(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """Cancel the order, its stock and its money given back."""
        who, reason = caller(request), read_json(request, CANCEL_INPUT)["reason"]
        await database.run(cancel_order, who, order_id, if_match(request), request_id.get(), reason)
        order = await database.run(read_order, who, order_id)
        response = answer_json(order_body(order, who.role))
        response["ETag"] = etag(order.row.version)
        return response


class Tracking(OrderAPIView):
    """`/api/v1/orders/{id}/tracking`"""

    need: ClassVar = staticmethod(need_order)
    permissions: ClassVar = {"GET": READERS}

    @schema.TRACK_ORDER
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """Where the parcels are."""
        return answer_json(tracking_body(await database.run(track, caller(request), order_id)))


class History(OrderAPIView):
    """`/api/v1/orders/{id}/history`"""

    need: ClassVar = staticmethod(need_order)
    permissions: ClassVar = {"GET": READERS}

    @schema.ORDER_HISTORY
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """What has happened to the order."""
        who = caller(request)
        entries = await database.run(history, who, order_id)
        return answer_json({"results": [history_entry_body(entry, who.role) for entry in entries]})
