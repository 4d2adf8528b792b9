"""The URL patterns of the service."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path

from asgi_app import docs, health
from orders.domain.errors import MethodNotAllowed
from orders.http.problems import bad_request, not_found, problem, server_error

View = Callable[..., Coroutine[Any, Any, HttpResponse]]


def read_only(view: View) -> View:
    """Return the view for GET and HEAD; any other method returns 405."""

    @wraps(view)
    async def checked(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return problem(request.path, MethodNotAllowed(request.method, ["GET"]))
        return await view(request, **kwargs)

    return checked


urlpatterns = [
    path("", read_only(docs.home)),
    path("api/v1/", include("orders.urls")),
    path("api/schema", read_only(docs.schema)),
    path("api/doc", read_only(docs.swagger_ui)),
    path("api/doc/<str:name>", read_only(docs.asset)),
    path("healthz", read_only(health.healthz)),
    path("readyz", read_only(health.readyz)),
    path("metrics", read_only(health.metrics)),
    re_path("", not_found),
]

handler400 = bad_request
handler404 = not_found
handler500 = server_error
