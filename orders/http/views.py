"""The base of every view: an adrf view whose checks run on the event loop and whose every failure is a problem.

adrf's own dispatch hops to a thread for permissions and again for rendering; here neither waits for anything, so neither
needs one (docs/decisions.md has the figures). What a method answers is a plain `HttpResponse`.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, ClassVar

import msgspec
from adrf.views import APIView
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer

from orders.domain.errors import Invalid, MethodNotAllowed, OrderError, PayloadTooLarge, UnsupportedMediaType
from orders.http.filters import check_known
from orders.http.headers import caller, refused_headers
from orders.http.problems import bad_request, failure, invalid, problem
from orders.store import database


class OrderAPIView(APIView):  # type: ignore[misc]
    """A view of the API. `permissions` maps a method to who may use it; a method without one does not exist."""

    permissions: ClassVar[dict[str, type]] = {}
    query_parameters: ClassVar[dict[str, Collection[str]]] = {}

    ensure_visible: ClassVar[Any]
    """For what has an id in its path: raises NotFound unless the caller may know of it."""

    async def async_dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer `request`: may the method be used, by this caller, with these parameters; then the method itself."""
        try:
            name = "GET" if request.method == "HEAD" else str(request.method)
            permission = self.permissions.get(name)
            if permission is None:
                raise MethodNotAllowed(request.method, self.permissions)
            permission().has_permission(request, self)
            refused = refused_headers(request)
            if kwargs and (request.META["QUERY_STRING"] or refused or name != "GET"):
                # What is named in the path must be there before anything else is looked at; a plain GET finds out itself.
                await database.run(self.ensure_visible, caller(request), *kwargs.values())
            if refused:
                raise Invalid("Some of the headers were refused: see errors.", errors=refused)
            check_known(request, self.query_parameters.get(name, ()))
            method: Callable[..., Awaitable[HttpResponseBase]] = getattr(self, name.lower())
            return await method(request, *args, **kwargs)
        except OrderError as error:
            return problem(request.path, error)
        except ValidationError as error:
            return problem(request.path, invalid(error))
        except SuspiciousOperation:
            return bad_request(request)
        except Exception as error:  # the last door: whatever it is, the caller gets an answer of ours
            return failure(request.path, error)


def read_json(request: HttpRequest, serializer: Serializer[Any]) -> Any:
    """The request's body as `serializer` allows it; no body is an empty object.

    Raises PayloadTooLarge, UnsupportedMediaType, Invalid or DRF's ValidationError.
    """
    try:
        body = request.body
    except RequestDataTooBig:
        body = None
    if body is None or len(body) > settings.REQUEST_BODY_BYTES:
        raise PayloadTooLarge(f"A body may have up to {settings.REQUEST_BODY_BYTES} bytes.")
    if not body:
        return serializer.run_validation({})
    if request.content_type != "application/json":
        raise UnsupportedMediaType("Send the body as application/json.")
    try:
        return serializer.run_validation(msgspec.json.decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"The body is no JSON that can be read: {error}.") from error


def answer_json(body: Any, status: int = 200) -> HttpResponse:
    """`body` as JSON: times in RFC 3339 UTC, ids as text."""
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")
