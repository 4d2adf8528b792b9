"""The URL patterns of the API."""

from django.urls import path, register_converter
from django.urls.converters import UUIDConverter

from orders.analytics.api import views as analytics
from orders.api.admin import views as admin
from orders.api.orders import streams
from orders.api.orders import views as orders
from orders.api.vendor_orders import views as vendor_orders
from orders.coupons.api import batch_views as coupon_batches
from orders.coupons.api import views as coupons
from orders.coupons.codes import CODE, in_capitals


class AnyCaseUUIDConverter(UUIDConverter):
    """Accept UUIDs in any case (RFC 9562, section 4)."""

    regex = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


class CouponCodeConverter:
    """Accept the codes of coupons in any case, and pass them on in capitals."""

    regex = CODE

    def to_python(self, value: str) -> str:
        """Return the code in capitals."""
        return in_capitals(value)

    def to_url(self, value: str) -> str:
        """Return the code."""
        return value


register_converter(AnyCaseUUIDConverter, "any_case_uuid")
register_converter(CouponCodeConverter, "coupon_code")

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
    path("coupons", coupons.CouponListView.as_view()),
    path("coupons/<coupon_code:code>", coupons.CouponDetailView.as_view()),
    path("coupons/<coupon_code:code>/redemptions", coupons.CouponRedemptionListView.as_view()),
    path("coupons/<coupon_code:code>/history", coupons.CouponHistoryView.as_view()),
    path("coupon-batches", coupon_batches.CouponBatchListView.as_view()),
    path("coupon-batches/<any_case_uuid:batch_id>", coupon_batches.CouponBatchDetailView.as_view()),
    path("analytics/sales", analytics.SalesView.as_view()),
    path("analytics/top-products", analytics.TopProductsView.as_view()),
    path("analytics/bought-together", analytics.BoughtTogetherView.as_view()),
    path("analytics/customers", analytics.CustomersView.as_view()),
    path("analytics/cohorts", analytics.CohortsView.as_view()),
    path("analytics/funnel", analytics.FunnelView.as_view()),
    path("analytics/coupons", analytics.CouponsView.as_view()),
    path("analytics/payments", analytics.PaymentsView.as_view()),
    path("admin/dead-letters", admin.DeadLetterListView.as_view()),
    path("admin/dead-letters/<any_case_uuid:dead_letter_id>/retry", admin.RetryDeadLetterView.as_view()),
]
