"""The addresses of the dashboard, below /dashboard. `static/js/routes.js` has the same ones with their pages.

The converters are those of `orders/urls.py`. Any other path is the document with 404, or below the assets a problem.
"""

from django.urls import path, re_path

from orders.dashboard.assets import asset
from orders.dashboard.views import missing_page, page, redirect
from orders.http.problems import not_found
from orders.http.read_only import read_only

urlpatterns = [
    path("", read_only(page)),
    path("/", read_only(redirect)),
    path("/vendor-orders/<any_case_uuid:vendor_order_id>", read_only(page)),
    path("/orders", read_only(page)),
    path("/orders/<any_case_uuid:order_id>", read_only(page)),
    path("/analytics", read_only(page)),
    path("/coupons", read_only(page)),
    path("/coupons/new", read_only(page)),
    path("/coupons/<coupon_code:code>", read_only(page)),
    path("/dead-letters", read_only(page)),
    path("/assets/<str:digest>/<path:name>", read_only(asset)),
    re_path("^/assets(/|$)", not_found),
    re_path("^/", read_only(missing_page)),
]
