"""The URL patterns of the API."""

from django.urls import path, register_converter
from django.urls.converters import UUIDConverter

from orders.api.admin import views as admin
from orders.api.orders import streams
from orders.api.orders import views as orders
from orders.api.vendor_orders import views as vendor_orders


class AnyCaseUUIDConverter(UUIDConverter):
    """Accept UUIDs in any case (RFC 9562, section 4)."""

    regex = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


register_converter(AnyCaseUUIDConverter, "any_case_uuid")

urlpatterns = [
    path("orders", orders.OrderListView.as_view()),
    path("orders/quote", orders.QuoteView.as_view()),
    path("orders/<any_case_uuid:order_id>", orders.OrderDetailView.as_view()),
    path("orders/<any_case_uuid:order_id>/cancel", orders.CancelOrderView.as_view()),
    path("orders/<any_case_uuid:order_id>/tracking", orders.OrderTrackingView.as_view()),
    path("orders/<any_case_uuid:order_id>/history", orders.OrderHistoryView.as_view()),
    path("orders/<any_case_uuid:order_id>/stream", streams.OrderStreamView.as_view()),
    path("vendor-orders", vendor_orders.VendorOrderListView.as_view()),
    path("vendor-orders/summary", vendor_orders.VendorOrderSummaryView.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>", vendor_orders.VendorOrderDetailView.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>/accept", vendor_orders.AcceptVendorOrderView.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>/ship", vendor_orders.ShipVendorOrderView.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>/deliver", vendor_orders.DeliverVendorOrderView.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>/cancel", vendor_orders.CancelVendorOrderView.as_view()),
    path("vendor-orders/<any_case_uuid:vendor_order_id>/stream", streams.VendorOrderStreamView.as_view()),
    path("admin/dead-letters", admin.DeadLetterListView.as_view()),
    path("admin/dead-letters/<any_case_uuid:dead_letter_id>/retry", admin.RetryDeadLetterView.as_view()),
]
