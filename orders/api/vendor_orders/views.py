"""Endpoints of vendor orders, for vendors and admins."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from clients.tracing import request_id
from orders.api.vendor_orders.serializers import (
    ShipInput,
    VendorOrderPageSerializer,
    VendorOrderSerializer,
    VendorOrderSummarySerializer,
)
from orders.domain.callers import Role
from orders.domain.records import VendorOrderRecord
from orders.http.caching import cached, etag, not_modified
from orders.http.filters import AdminVendorOrderFilterSet, VendorOrderFilterSet
from orders.http.headers import caller, if_match
from orders.http.openapi.auto_schema import endpoint
from orders.http.openapi.parameters import IF_MATCH, IF_NONE_MATCH, VENDOR_ORDER_FILTERS
from orders.http.pagination import PAGING, KeysetPaginator
from orders.http.serializers import EmptyInput
from orders.http.views import OrderAPIView, answer_json, read_json
from orders.services.lifecycle import fulfil
from orders.services.lifecycle.fulfil import Shipment
from orders.services.reading.history import ensure_vendor_order_visible
from orders.services.reading.summary import summarize
from orders.store import database
from orders.store.order_lists import list_vendor_orders
from orders.store.order_queries import read_vendor_order

NO_INPUT = EmptyInput()
SHIP_INPUT = ShipInput()

FULFILLERS: tuple[Role, ...] = ("vendor", "admin")

action = partial(endpoint, response=VendorOrderSerializer, parameters=[IF_MATCH], errors=["illegal_transition"])


class VendorOrderListView(OrderAPIView):
    """`/api/v1/vendor-orders`"""

    roles: ClassVar = {"GET": FULFILLERS}
    filterset_classes: ClassVar = {"vendor": VendorOrderFilterSet, "admin": AdminVendorOrderFilterSet}
    query_parameters: ClassVar = {"GET": (*PAGING, *AdminVendorOrderFilterSet.base_filters)}

    @endpoint("list_vendor_orders", response=VendorOrderPageSerializer, parameters=VENDOR_ORDER_FILTERS)
    async def get(self, request: HttpRequest) -> HttpResponse:
        """List vendor orders.

        Vendors list their own, admins all; the newest first. Filters are combined with AND. Follow `next` and `previous` for
        other pages.
        """
        user = caller(request)
        paginator = KeysetPaginator(request, self.filterset_classes[user.role])
        page = await database.run(list_vendor_orders, user, paginator.page_request)
        return answer_json(paginator.get_paginated_body(page, VendorOrderSerializer.to_representation))


class VendorOrderSummaryView(OrderAPIView):
    """`/api/v1/vendor-orders/summary`"""

    roles: ClassVar = {"GET": FULFILLERS}

    @endpoint("summarize_vendor_orders", response=VendorOrderSummarySerializer)
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Summarize vendor orders.

        Returns the number by status, the number to accept, the revenue, and since when the oldest one waits.
        """
        return answer_json(
            VendorOrderSummarySerializer.to_representation(await database.run(summarize, caller=caller(request)))
        )


class VendorOrderDetailView(OrderAPIView):
    """`/api/v1/vendor-orders/{id}`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    roles: ClassVar = {"GET": FULFILLERS}

    @endpoint("read_vendor_order", response=VendorOrderSerializer, parameters=[IF_NONE_MATCH])
    async def get(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """Read a vendor order.

        Another vendor's is not found.
        """
        record = await database.run(read_vendor_order, caller(request), vendor_order_id)
        tag = etag(record.row.version)
        if response := not_modified(request, tag):
            return response
        return cached(answer_json(VendorOrderSerializer.to_representation(record)), tag)


class AcceptVendorOrderView(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/accept`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    roles: ClassVar = {"POST": FULFILLERS}

    @action("accept_vendor_order", request=EmptyInput)
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """Accept a vendor order.

        `pending` → `processing`, once the order is paid. Idempotent.
        """
        read_json(request, NO_INPUT)
        return await _act(request, fulfil.accept, vendor_order_id)


class ShipVendorOrderView(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/ship`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    roles: ClassVar = {"POST": FULFILLERS}

    @action("ship_vendor_order", request=ShipInput)
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """Ship a vendor order.

        `processing` → `shipped`. Idempotent; another shipment, while the status is `shipped`, replaces the first one: the
        entry is `vendor_order.tracking_changed`, and `shipped_at` stays.
        """
        shipment = Shipment(**read_json(request, SHIP_INPUT))
        return await _act(request, fulfil.ship, vendor_order_id, shipment=shipment)


class DeliverVendorOrderView(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/deliver`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    roles: ClassVar = {"POST": FULFILLERS}

    @action("deliver_vendor_order", request=EmptyInput)
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """Deliver a vendor order.

        `shipped` → `delivered`. Idempotent.
        """
        read_json(request, NO_INPUT)
        return await _act(request, fulfil.deliver, vendor_order_id)


class CancelVendorOrderView(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/cancel`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    roles: ClassVar = {"POST": FULFILLERS}

    @action("cancel_vendor_order", request=EmptyInput)
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """Cancel a vendor order.

        `pending` or `processing` → `cancelled`, once the order is paid. This part is refunded and its stock released; the
        other vendor orders are unaffected. Idempotent.
        """
        read_json(request, NO_INPUT)
        return await _act(request, fulfil.cancel, vendor_order_id)


async def _act(
    request: HttpRequest, action: Callable[..., VendorOrderRecord], vendor_order_id: uuid.UUID, **more: Any
) -> HttpResponse:
    record = await database.run(
        action,
        caller=caller(request),
        vendor_order_id=vendor_order_id,
        if_match=if_match(request),
        request_id=request_id.get(),
        **more,
    )
    response = answer_json(VendorOrderSerializer.to_representation(record))
    response["ETag"] = etag(record.row.version)
    return response
