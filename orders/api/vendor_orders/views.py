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
from orders.http.headers import caller, etag, has_it_already, if_match, keep_until_changed
from orders.http.permissions import roles
from orders.http.serializers import NoInput
from orders.http.views import OrderAPIView, answer_json, read_json
from orders.services.lifecycle import fulfil
from orders.services.lifecycle.fulfil import Shipment
from orders.services.reading.history import need_vendor_order
from orders.services.reading.summary import summarize
from orders.store import database
from orders.store.order_lists import list_vendor_orders
from orders.store.order_queries import read_vendor_order

NO_INPUT = NoInput()
SHIP_INPUT = ShipInput()

FULFILLERS = roles("vendor", "admin")


class VendorOrders(OrderAPIView):
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


class SummaryOfVendorOrders(OrderAPIView):
    """`/api/v1/vendor-orders/summary`"""

    permissions: ClassVar = {"GET": FULFILLERS}

    @openapi.SUMMARIZE_VENDOR_ORDERS
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Counts, revenue, and who has waited longest."""
        return answer_json(summary_body(await database.run(summarize, caller(request))))


class OneVendorOrder(OrderAPIView):
    """`/api/v1/vendor-orders/{id}`"""

    need: ClassVar = staticmethod(need_vendor_order)
    permissions: ClassVar = {"GET": FULFILLERS}

    @openapi.READ_VENDOR_ORDER
    async def get(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """One vendor order."""
        record = await database.run(read_vendor_order, caller(request), vendor_order_id)
        tag = etag(record.row.version)
        response = HttpResponse(status=304) if has_it_already(request, tag) else answer_json(vendor_order_body(record))
        keep_until_changed(response, tag)
        return response


class Acceptance(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/accept`"""

    need: ClassVar = staticmethod(need_vendor_order)
    permissions: ClassVar = {"POST": FULFILLERS}

    @openapi.ACCEPT
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """Take the order on."""
        read_json(request, NO_INPUT)
        return await _act(request, fulfil.accept, vendor_order_id)


class Shipping(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/ship`"""

    need: ClassVar = staticmethod(need_vendor_order)
    permissions: ClassVar = {"POST": FULFILLERS}

    @openapi.SHIP
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """Send the parcel off."""
        return await _act(request, fulfil.ship, vendor_order_id, Shipment(**read_json(request, SHIP_INPUT)))


class Delivery(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/deliver`"""

    need: ClassVar = staticmethod(need_vendor_order)
    permissions: ClassVar = {"POST": FULFILLERS}

    @openapi.DELIVER
    async def post(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> HttpResponse:
        """The parcel has arrived."""
        read_json(request, NO_INPUT)
        return await _act(request, fulfil.deliver, vendor_order_id)


class VendorCancellation(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/cancel`"""

    need: ClassVar = staticmethod(need_vendor_order)
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
