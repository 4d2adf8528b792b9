"""Every address of the service."""

from django.urls import include, path, re_path

from asgi_app import docs, health
from orders.api.errors import bad_request, not_found, server_error

urlpatterns = [
    path("api/v1/", include("orders.api.urls")),
    path("api/schema", docs.schema),
    path("api/doc", docs.swagger_ui),
    path("api/doc/<str:name>", docs.asset),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    re_path("", not_found),
]

handler400 = bad_request
handler404 = not_found
handler500 = server_error
