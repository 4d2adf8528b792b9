"""The URL patterns of the service."""

from django.urls import include, path, re_path

from asgi_app import docs, health, metrics
from orders.http.problems import bad_request, not_found, server_error
from orders.http.read_only import read_only

urlpatterns = [
    path("", read_only(docs.home)),
    path("api/v1/", include("orders.urls")),
    path("api/schema", read_only(docs.schema)),
    path("api/doc", read_only(docs.swagger_ui)),
    path("api/doc/<str:name>", read_only(docs.asset)),
    path("dashboard", include("orders.dashboard.urls")),
    path("healthz", read_only(health.healthz)),
    path("readyz", read_only(health.readyz)),
    path("metrics", read_only(metrics.metrics)),
    re_path("", not_found),
]

handler400 = bad_request
handler404 = not_found
handler500 = server_error
