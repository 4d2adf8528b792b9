"""The addresses of the API."""

from django.urls import path, register_converter
from django.urls.converters import UUIDConverter

from orders.api.admin import views as admin
from orders.api.orders import streams
from orders.api.orders import views as orders
from orders.api.vendor_orders import views as vendor_orders


class AnyCaseUUIDConverter(UUIDConverter):
    """A UUID in capital letters is the same (RFC 9562, section 4)."""

    regex = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


register_converter(AnyCaseUUIDConverter, "any_case_uuid")

urlpatterns = [
    path("orders", orders.Orders.as_view()),
    path("orders/quote", orders.Quotes.as_view()),
    path("orders/<any_case_uuid:order_id>", orders.OneOrder.as_view()),
    path("orders/<any_case_uuid:order_id>/cancel", orders.Cancellation.as_view()),
    path("orders/<any_case_uuid:order_id>/tracking", orders.Tracking.as_view()),
    path("orders/<any_case_uuid:order_id>/history", orders.History.as_view()),
    path("orders/<any_case_uuid:order_id>/stream", streams.OrderStream.as_view()),
    path("vendor-orders", vendor_orders.VendorOrders.as_view()),
    path("vendor-orders/summary", vendor_orders.SummaryOfVendorOrders.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>", vendor_orders.OneVendorOrder.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>/accept", vendor_orders.Acceptance.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>/ship", vendor_orders.Shipping.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>/deliver", vendor_orders.Delivery.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>/cancel", vendor_orders.VendorCancellation.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>/stream", streams.VendorOrderStream.as_view()),
    path("admin/dead-letters", admin.DeadLetters.as_view()),
    path("admin/dead-letters/<any_case_uuid:dead_letter_id>/retry", admin.Retry.as_view()),
]
