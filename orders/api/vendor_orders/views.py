"""Vendor orders, for the vendors who fulfil them and for admins."""

import uuid
from collections.abc import Callable
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from clients.tracing import request_id
from orders.api.representation import summary_body, vendor_order_body
from orders.api.vendor_orders import openapi
from orders.api.vendor_orders.serializers import ShipInput
from orders.http import filters
from orders.http.filters import page_body, read_listing
from orders.http.headers import caller, etag, if_match, not_modified, set_cache_headers
from orders.http.permissions import roles
from orders.http.serializers import NoInput
from orders.http.views import OrderAPIView, answer_json, read_json
from orders.services.lifecycle import fulfil
from orders.services.lifecycle.fulfil import Shipment
from orders.services.reading.history import ensure_vendor_order_visible
from orders.services.reading.summary import summarize
from orders.store import database
from orders.store.order_lists import list_vendor_orders
from orders.store.order_queries import read_vendor_order

NO_INPUT = NoInput()
SHIP_INPUT = ShipInput()

FULFILLERS = roles("vendor", "admin")


class VendorOrderListView(OrderAPIView):
    """`/api/v1/vendor-orders`"""

    permissions: ClassVar = {"GET": FULFILLERS}
    query_parameters: ClassVar = {"GET": (*filters.PAGING, *filters.ADMIN_VENDOR_ORDER_FILTERS)}

    @openapi.LIST_VENDOR_ORDERS
    async def get(self, request: HttpRequest) -> HttpResponse:
        """The vendor orders that the caller may know of."""
        who = caller(request)
        known = filters.ADMIN_VENDOR_ORDER_FILTERS if who.role == "admin" else filters.VENDOR_ORDER_FILTERS
        filters.check_known(request, (*filters.PAGING, *known))
        listing = read_listing(request, known)
        page = await database.run(list_vendor_orders, who, listing)
        return answer_json(page_body(request, listing, page, vendor_order_body))


class VendorOrderSummaryView(OrderAPIView):
    """`/api/v1/vendor-orders/summary`"""

    permissions: ClassVar = {"GET": FULFILLERS}

    @openapi.SUMMARIZE_VENDOR_ORDERS
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Counts, revenue, and who has waited longest."""
        return answer_json(summary_body(await database.run(summarize, caller(request))))


class VendorOrderDetailView(OrderAPIView):
    """`/api/v1/vendor-orders/{id}`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    permissions: ClassVar = {"GET": FULFILLERS}

    @openapi.READ_VENDOR_ORDER
    async def get(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """One vendor order."""
        record = await database.run(read_vendor_order, caller(request), vendor_order_id)
        tag = etag(record.row.version)
        response = HttpResponse(status=304) if not_modified(request, tag) else answer_json(vendor_order_body(record))
        set_cache_headers(response, tag)
        return response


class AcceptVendorOrderView(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/accept`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    permissions: ClassVar = {"POST": FULFILLERS}

    @openapi.ACCEPT
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """Take the order on."""
        read_json(request, NO_INPUT)
        return await _act(request, fulfil.accept, vendor_order_id)


class ShipVendorOrderView(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/ship`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    permissions: ClassVar = {"POST": FULFILLERS}

    @openapi.SHIP
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """Send the parcel off."""
        return await _act(request, fulfil.ship, vendor_order_id, Shipment(**read_json(request, SHIP_INPUT)))


class DeliverVendorOrderView(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/deliver`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    permissions: ClassVar = {"POST": FULFILLERS}

    @openapi.DELIVER
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """The parcel has arrived."""
        read_json(request, NO_INPUT)
        return await _act(request, fulfil.deliver, vendor_order_id)


class CancelVendorOrderView(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/cancel`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    permissions: ClassVar = {"POST": FULFILLERS}

    @openapi.CANCEL_VENDOR_ORDER
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """Give this part up; it is refunded and restocked, the others go on."""
        read_json(request, NO_INPUT)
        return await _act(request, fulfil.cancel, vendor_order_id)


async def _act(
    request: HttpRequest, action: Callable[..., None], vendor_order_id: uuid.UUID, *more: Any
) -> HttpResponse:
    who = caller(request)
    await database.run(action, who, vendor_order_id, if_match(request), request_id.get(), *more)
    record = await database.run(read_vendor_order, who, vendor_order_id)
    response = answer_json(vendor_order_body(record))
    response["ETag"] = etag(record.row.version)
    return response
