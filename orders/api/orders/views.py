"""Orders, for their customers and for admins."""

import uuid
from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from clients.tracing import request_id
from orders.api.orders import openapi
from orders.api.orders.serializers import CancelInput, CheckoutInput
from orders.api.representation import history_entry_body, order_body, quote_body, tracking_body
from orders.domain.callers import Role
from orders.http.filters import AdminOrderFilterSet, OrderFilterSet
from orders.http.headers import caller, etag, idempotency_key, if_match, not_modified, set_cache_headers
from orders.http.pagination import PAGING, KeysetPaginator
from orders.http.views import OrderAPIView, answer_json, read_json
from orders.services.checkout.checkout_request import CheckoutBody, CheckoutRequest
from orders.services.checkout.quote import quote
from orders.services.lifecycle.cancel import cancel_order
from orders.services.reading.history import ensure_order_visible, history, track
from orders.store import database
from orders.store.order_lists import list_orders
from orders.store.order_queries import read_order

# One of each for all requests: validating leaves no trace in them, building one costs more than validating.
CHECKOUT_INPUT = CheckoutInput()
CANCEL_INPUT = CancelInput()

CUSTOMERS: tuple[Role, ...] = ("customer",)
READERS: tuple[Role, ...] = ("customer", "admin")


class OrderListView(OrderAPIView):
    """`/api/v1/orders`"""

    roles: ClassVar = {"GET": READERS, "POST": CUSTOMERS}
    filterset_classes: ClassVar = {"customer": OrderFilterSet, "admin": AdminOrderFilterSet}
    query_parameters: ClassVar = {"GET": (*PAGING, *AdminOrderFilterSet.base_filters)}

    @openapi.PLACE_ORDER
    async def post(self, request: HttpRequest) -> HttpResponse:
        """Turn the caller's cart into a placed order."""
        key = idempotency_key(request)
        body = CheckoutBody(**read_json(request, CHECKOUT_INPUT))
        desk = request.scope["state"]["desk"]  # type: ignore[attr-defined]
        placed = await desk.place(request=CheckoutRequest(caller(request), key, request_id.get(), body))
        response = answer_json(order_body(placed.order, "customer"), 201)
        response["Location"] = f"{request.path}/{placed.order.row.id}"
        response["ETag"] = etag(placed.order.row.version)
        if placed.replayed:
            response["Idempotent-Replayed"] = "true"
        return response

    @openapi.LIST_ORDERS
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Return a page of the orders that are visible to the caller."""
        who = caller(request)
        paginator = KeysetPaginator(request, self.filterset_classes[who.role])
        page = await database.run(list_orders, who, paginator.page_request)
        return answer_json(paginator.get_paginated_body(page, lambda order: order_body(order, who.role)))


class QuoteView(OrderAPIView):
    """`/api/v1/orders/quote`"""

    roles: ClassVar = {"POST": CUSTOMERS}

    @openapi.QUOTE
    async def post(self, request: HttpRequest) -> HttpResponse:
        """What checkout would cost now."""
        body = CheckoutBody(**read_json(request, CHECKOUT_INPUT))
        services = request.scope["state"]["neighbours"]  # type: ignore[attr-defined]
        return answer_json(quote_body(await quote(caller=caller(request), body=body, services=services)))


class OrderDetailView(OrderAPIView):
    """`/api/v1/orders/{id}`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    roles: ClassVar = {"GET": READERS}

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
    roles: ClassVar = {"POST": READERS}

    @openapi.CANCEL_ORDER
    async def post(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """Cancel the order, its stock and its money given back."""
        who, reason = caller(request), read_json(request, CANCEL_INPUT)["reason"]
        order = await database.run(
            cancel_order,
            caller=who,
            order_id=order_id,
            if_match=if_match(request),
            request_id=request_id.get(),
            reason=reason,
        )
        response = answer_json(order_body(order, who.role))
        response["ETag"] = etag(order.row.version)
        return response


class OrderTrackingView(OrderAPIView):
    """`/api/v1/orders/{id}/tracking`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    roles: ClassVar = {"GET": READERS}

    @openapi.TRACK_ORDER
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """Where the parcels are."""
        return answer_json(tracking_body(await database.run(track, caller=caller(request), order_id=order_id)))


class OrderHistoryView(OrderAPIView):
    """`/api/v1/orders/{id}/history`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    roles: ClassVar = {"GET": READERS}

    @openapi.ORDER_HISTORY
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """What has happened to the order."""
        who = caller(request)
        entries = await database.run(history, caller=who, order_id=order_id)
        return answer_json({"results": [history_entry_body(entry, who.role) for entry in entries]})
