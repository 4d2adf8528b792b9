"""Endpoints of orders, for customers and admins."""

import uuid
from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from clients.service_clients import ServiceClients
from clients.tracing import request_id
from orders.api.orders.inputs import CancelInput, CheckoutInput
from orders.api.orders.serializers import (
    OrderHistorySerializer,
    OrderPageSerializer,
    OrderSerializer,
    OrderTrackingSerializer,
    QuoteSerializer,
)
from orders.domain.callers import Role
from orders.http.caching import cached, etag, not_modified
from orders.http.filters import AdminOrderFilterSet, OrderFilterSet
from orders.http.headers import caller, idempotency_key, if_match
from orders.http.openapi.auto_schema import endpoint
from orders.http.openapi.parameters import IF_MATCH, IF_NONE_MATCH, KEY, ORDER_FILTERS
from orders.http.pagination import PAGING, KeysetPaginator
from orders.http.state import state_of
from orders.http.views import OrderAPIView, answer_json, read_json
from orders.services.checkout.checkout import CheckoutService
from orders.services.checkout.checkout_request import CheckoutBody, CheckoutRequest
from orders.services.checkout.quote import quote
from orders.services.lifecycle.cancel import cancel_order
from orders.services.reading.history import ensure_order_visible, trail_of
from orders.store import database
from orders.store.order_lists import list_orders
from orders.store.order_queries import read_order

# Shared by all requests: validation keeps no state in them, and building one costs more than validating.
CHECKOUT_INPUT = CheckoutInput()
CANCEL_INPUT = CancelInput()

CUSTOMERS: tuple[Role, ...] = ("customer",)
READERS: tuple[Role, ...] = ("customer", "admin")

CHECKOUT_ERRORS = (
    "cart_changed",
    "total_changed",
    "coupon_unavailable",
    "empty_cart",
    "cart_too_large",
    "customer_inactive",
    "currency_mismatch",
)
"""The error codes of both a quote and a checkout."""


class OrderListView(OrderAPIView):
    """`/api/v1/orders`"""

    roles: ClassVar = {"GET": READERS, "POST": CUSTOMERS}
    filterset_classes: ClassVar = {"customer": OrderFilterSet, "admin": AdminOrderFilterSet}
    query_parameters: ClassVar = {"GET": (*PAGING, *AdminOrderFilterSet.base_filters)}

    @endpoint(
        "place_order",
        request=CheckoutInput,
        response=OrderSerializer,
        status=201,
        headers=["Location", "ETag", "Idempotent-Replayed"],
        parameters=[KEY],
        errors=[
            *CHECKOUT_ERRORS,
            "idempotency_key_required",
            "idempotency_key_reused",
            "cart_already_ordered",
            "out_of_stock",
            "address_required",
        ],
    )
    async def post(self, request: HttpRequest) -> HttpResponse:
        """Place an order.

        Create an order from your cart and reserve its stock. The order expires unless it is paid in time. Idempotent:
        repeat the request with the same key, also after a timeout, and the response is that of the first request.
        """
        key = idempotency_key(request)
        body = CheckoutBody(**read_json(request, CHECKOUT_INPUT))
        checkout = state_of(request, CheckoutService)
        placed = await checkout.place(request=CheckoutRequest(caller(request), key, request_id.get(), body))
        response = answer_json(OrderSerializer.to_representation(placed.order, "customer"), 201)
        response["Location"] = f"{request.path}/{placed.order.row.id}"
        response["ETag"] = etag(placed.order.row.version)
        if placed.replayed:
            response["Idempotent-Replayed"] = "true"
        return response

    @endpoint("list_orders", response=OrderPageSerializer, parameters=ORDER_FILTERS)
    async def get(self, request: HttpRequest) -> HttpResponse:
        """List orders.

        Customers list their own orders, admins all; the newest first. Filters are combined with AND. Follow `next` and
        `previous` for other pages.
        """
        user = caller(request)
        paginator = KeysetPaginator(request, self.filterset_classes[user.role])
        page = await database.run(list_orders, user, paginator.page_request)
        return answer_json(
            paginator.get_paginated_body(page, lambda order: OrderSerializer.to_representation(order, user.role))
        )


class QuoteView(OrderAPIView):
    """`/api/v1/orders/quote`"""

    roles: ClassVar = {"POST": CUSTOMERS}

    @endpoint("quote", request=CheckoutInput, response=QuoteSerializer, errors=CHECKOUT_ERRORS)
    async def post(self, request: HttpRequest) -> HttpResponse:
        """Price the cart.

        Takes the body of a checkout and returns the amounts that it would have now. Reserves and stores nothing.
        """
        body = CheckoutBody(**read_json(request, CHECKOUT_INPUT))
        services = state_of(request, ServiceClients)
        return answer_json(
            QuoteSerializer.to_representation(await quote(caller=caller(request), body=body, services=services))
        )


class OrderDetailView(OrderAPIView):
    """`/api/v1/orders/{id}`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    roles: ClassVar = {"GET": READERS}

    @endpoint("read_order", response=OrderSerializer, parameters=[IF_NONE_MATCH])
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """Read an order.

        Another customer's order is not found.
        """
        user = caller(request)
        order = await database.run(read_order, user, order_id)
        tag = etag(order.row.version)
        if response := not_modified(request, tag):
            return response
        return cached(answer_json(OrderSerializer.to_representation(order, user.role)), tag)


class CancelOrderView(OrderAPIView):
    """`/api/v1/orders/{id}/cancel`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    roles: ClassVar = {"POST": READERS}

    @endpoint(
        "cancel_order",
        request=CancelInput,
        response=OrderSerializer,
        parameters=[IF_MATCH],
        errors=["not_cancellable"],
    )
    async def post(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """Cancel an order.

        Customers can cancel while every vendor order is `pending`, admins until one is shipped. The stock is released and
        the payment refunded. Idempotent: an order that is already cancelled is returned as it is.
        """
        user, reason = caller(request), read_json(request, CANCEL_INPUT)["reason"]
        order = await database.run(
            cancel_order,
            caller=user,
            order_id=order_id,
            if_match=if_match(request),
            request_id=request_id.get(),
            reason=reason,
        )
        response = answer_json(OrderSerializer.to_representation(order, user.role))
        response["ETag"] = etag(order.row.version)
        return response


class OrderTrackingView(OrderAPIView):
    """`/api/v1/orders/{id}/tracking`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    roles: ClassVar = {"GET": READERS}

    @endpoint("track_order", response=OrderTrackingSerializer, parameters=[IF_NONE_MATCH])
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """Track an order.

        Returns the parcels, one shipment for each vendor order, and the timeline.
        """
        order = await database.run(read_order, caller(request), order_id)
        tag = etag(order.row.version)
        if response := not_modified(request, tag):
            return response
        timeline = await database.run(trail_of, order=order)
        return cached(answer_json(OrderTrackingSerializer.to_representation(order, timeline)), tag)


class OrderHistoryView(OrderAPIView):
    """`/api/v1/orders/{id}/history`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    roles: ClassVar = {"GET": READERS}

    @endpoint("read_order_history", response=OrderHistorySerializer, parameters=[IF_NONE_MATCH])
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
        """Read the audit trail of an order.

        The oldest entry first. Only admins see `actor_id`, `request_id` and `data`.
        """
        user = caller(request)
        order = await database.run(read_order, user, order_id)
        tag = etag(order.row.version)
        if response := not_modified(request, tag):
            return response
        trail = await database.run(trail_of, order=order)
        return cached(answer_json(OrderHistorySerializer.to_representation(trail, user.role)), tag)
