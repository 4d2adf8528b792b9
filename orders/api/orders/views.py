"""Orders, for their customers and for admins."""

import uuid
from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from clients.service_clients import ServiceClients
from clients.tracing import request_id
from orders.api.orders import openapi
from orders.api.orders.serializers import CancelInput, CheckoutInput
from orders.api.representation import history_entry_body, order_body, quote_body, tracking_body
from orders.http import filters
from orders.http.filters import page_body, read_listing
from orders.http.headers import caller, etag, idempotency_key, if_match, not_modified, set_cache_headers
from orders.http.permissions import roles
from orders.http.state import state_of
from orders.http.views import OrderAPIView, answer_json, read_json
from orders.services.checkout.checkout import Checkout, CheckoutService
from orders.services.checkout.checkout_request import Wish
from orders.services.checkout.quote import quote
from orders.services.lifecycle.cancel import cancel_order
from orders.services.reading.history import ensure_order_visible, history, track
from orders.store import database
from orders.store.order_lists import list_orders
from orders.store.order_queries import read_order

# One of each for all requests: validating leaves no trace in them, building one costs more than validating.
CHECKOUT_INPUT = CheckoutInput()
CANCEL_INPUT = CancelInput()

READERS = roles("customer", "admin")


class OrderListView(OrderAPIView):
    """`/api/v1/orders`"""

    permissions: ClassVar = {"GET": READERS, "POST": roles("customer")}
    query_parameters: ClassVar = {"GET": (*filters.PAGING, *filters.ADMIN_ORDER_FILTERS)}

    @openapi.PLACE_ORDER
    async def post(self, request: HttpRequest) -> HttpResponse:
        """Turn the caller's cart into a placed order."""
        key = idempotency_key(request)
        wish = Wish(**read_json(request, CHECKOUT_INPUT))
        placed = await state_of(request, CheckoutService).place(Checkout(caller(request), key, request_id.get(), wish))
        response = answer_json(order_body(placed.order, "customer"), 201)
        response["Location"] = f"{request.path}/{placed.order.row.id}"
        response["ETag"] = etag(placed.order.row.version)
        if placed.replayed:
            response["Idempotent-Replayed"] = "true"
        return response

    @openapi.LIST_ORDERS
    async def get(self, request: HttpRequest) -> HttpResponse:
        """The orders that the caller may know of."""
        who = caller(request)
        known = filters.ADMIN_ORDER_FILTERS if who.role == "admin" else filters.ORDER_FILTERS
        filters.check_known(request, (*filters.PAGING, *known))
        listing = read_listing(request, known)
        page = await database.run(list_orders, who, listing)
        return answer_json(page_body(request, listing, page, lambda order: order_body(order, who.role)))


class QuoteView(OrderAPIView):
    """`/api/v1/orders/quote`"""

    permissions: ClassVar = {"POST": roles("customer")}

    @openapi.QUOTE
    async def post(self, request: HttpRequest) -> HttpResponse:
        """What checkout would cost now."""
        wish = Wish(**read_json(request, CHECKOUT_INPUT))
        return answer_json(quote_body(await quote(caller(request), wish, state_of(request, ServiceClients))))


class OrderDetailView(OrderAPIView):
    """`/api/v1/orders/{id}`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    permissions: ClassVar = {"GET": READERS}

    @openapi.READ_ORDER
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """One order."""
        who = caller(request)
        order = await database.run(read_order, who, order_id)
        tag = etag(order.row.version)
        response = HttpResponse(status=304) if not_modified(request, tag) else answer_json(order_body(order, who.role))
        set_cache_headers(response, tag)
        return response


class CancelOrderView(OrderAPIView):
    """`/api/v1/orders/{id}/cancel`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    permissions: ClassVar = {"POST": READERS}

    @openapi.CANCEL_ORDER
    async def post(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """Cancel the order, its stock and its money given back."""
        who, reason = caller(request), read_json(request, CANCEL_INPUT)["reason"]
        await database.run(cancel_order, who, order_id, if_match(request), request_id.get(), reason)
        order = await database.run(read_order, who, order_id)
        response = answer_json(order_body(order, who.role))
        response["ETag"] = etag(order.row.version)
        return response


class OrderTrackingView(OrderAPIView):
    """`/api/v1/orders/{id}/tracking`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    permissions: ClassVar = {"GET": READERS}

    @openapi.TRACK_ORDER
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """Where the parcels are."""
        return answer_json(tracking_body(await database.run(track, caller(request), order_id)))


class OrderHistoryView(OrderAPIView):
    """`/api/v1/orders/{id}/history`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    permissions: ClassVar = {"GET": READERS}

    @openapi.ORDER_HISTORY
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """What has happened to the order."""
        who = caller(request)
        entries = await database.run(history, who, order_id)
        return answer_json({"results": [history_entry_body(entry, who.role) for entry in entries]})
