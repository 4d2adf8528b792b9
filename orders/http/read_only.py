"""Views outside the API, which only read."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from orders.domain.errors import MethodNotAllowed
from orders.http.problems import problem

View = Callable[..., Coroutine[Any, Any, HttpResponse]]


def read_only(view: View) -> View:
    """Return the view for GET and HEAD; any other method returns 405."""

    @wraps(view)
    async def checked(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return problem(request.path, MethodNotAllowed(request.method, ["GET"]))
        return await view(request, **kwargs)

    return checked
