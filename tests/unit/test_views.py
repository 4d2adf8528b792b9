"""The base view: DRF's attributes have DRF's meaning, or are refused at import."""

import json
from io import BytesIO
from typing import Any

import pytest
from adrf.views import APIView
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponse, HttpResponseBase
from rest_framework import exceptions
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.throttling import BaseThrottle

from orders.domain.callers import Caller
from orders.http.views import ASYNC_HOOKS, UNSUPPORTED, OrderAPIView

CALLER = Caller("c-1", "customer", None, 2_000_000_000)
HONOURED = {
    *ASYNC_HOOKS,
    *("as_view", "dispatch", "get_exception_handler", "get_exception_handler_context", "get_permissions"),
    *(
        "get_throttles",
        "handle_exception",
        "http_method_not_allowed",
        "initialize_request",
        "options",
        "permission_classes",
    ),
    *("permission_denied", "schema", "setup", "throttle_classes", "throttled"),
}


class View(OrderAPIView):
    roles = {"GET": ("customer",), "POST": ("admin",)}  # noqa: RUF012

    async def get(self, request: Any) -> HttpResponse:
        own: Any = self.request
        assert own is request
        return HttpResponse(f"{request.user.id} {request.auth} {request.query_params['a']} {self.args} {self.kwargs}")

    async def post(self, request: Any) -> HttpResponse:
        return HttpResponse(json.dumps(request.data))


async def ask(view: type[OrderAPIView], method: str = "GET", query: bytes = b"") -> HttpResponseBase:
    scope = {"type": "http", "method": method, "path": "/x", "query_string": query, "headers": [], "scheme": "http"}
    request = ASGIRequest(scope, BytesIO())
    request.user, request.auth = CALLER, "token"  # type: ignore[assignment, attr-defined]
    response: HttpResponseBase = await view.as_view()(request)
    return response


def code(response: HttpResponseBase) -> str:
    assert isinstance(response, HttpResponse)
    return str(json.loads(response.content)["code"])


def defining(**attributes: Any) -> type[View]:
    return type("Defined", (View,), attributes)


def test_every_member_of_drfs_view_is_honoured_or_refused() -> None:
    members = {name for name in dir(APIView) if not name.startswith("_")}
    assert members == (HONOURED | (UNSUPPORTED.keys() & members))
    assert not HONOURED & UNSUPPORTED.keys()


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_an_attribute_without_an_effect_is_refused_at_import(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{name} has no effect"):
        defining(**{name: None})
    with pytest.raises(ImproperlyConfigured, match=f"{name} has no effect"):
        type("Mixed", (View, type("Mixin", (), {name: None})), {})


@pytest.mark.parametrize("name", ["get", *ASYNC_HOOKS])
def test_code_on_the_event_loop_is_async(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"define {name} by async def"):
        defining(**{name: lambda self, *args: None})


async def put(self: Any, request: Any) -> None: ...


@pytest.mark.parametrize(
    "attributes",
    [{"put": put}, {"roles": {"GET": ("customer",)}}, {"roles": {**View.roles, "DELETE": ("admin",)}}],
    ids=["a method without roles", "roles without one of the methods", "roles of another method"],
)
def test_a_method_and_its_roles_are_declared_together(attributes: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="in roles"):
        defining(**attributes)


def test_the_role_is_always_checked() -> None:
    with pytest.raises(ImproperlyConfigured, match="keep RolePermission"):
        defining(permission_classes=[IsAuthenticated])
    with pytest.raises(ImproperlyConfigured, match="as_view takes no arguments"):
        View.as_view(permission_classes=[])


async def test_a_view_has_the_attributes_of_drf() -> None:
    response = await ask(defining(query_parameters={"GET": ["a"]}), query=b"a=1")
    assert isinstance(response, HttpResponse)
    assert response.content == b"c-1 token 1 () {}"


async def test_roles_decide() -> None:
    assert code(await ask(View, "POST")) == "permission_denied"
    assert (await ask(View, "DELETE"))["Allow"] == "GET, HEAD, POST"


class No(BasePermission):
    message = "Not today."

    def has_permission(self, request: Any, view: Any) -> bool:
        return False


class AsyncNo(BasePermission):
    async def has_permission(self, request: Any, view: Any) -> bool:  # type: ignore[override]
        return False


@pytest.mark.parametrize("permission", [No, AsyncNo, ~IsAuthenticated])
async def test_a_further_permission_that_denies_is_403(permission: Any) -> None:
    view = defining(permission_classes=[*View.permission_classes, IsAuthenticated, permission])
    response = await ask(view)
    assert (response.status_code, code(response)) == (403, "permission_denied")
    if permission is No:
        assert isinstance(response, HttpResponse)
        assert json.loads(response.content)["detail"] == "Not today."


class Throttle(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        return False

    def wait(self) -> float:
        return 6.2


class AsyncThrottle(Throttle):
    async def allow_request(self, request: Any, view: Any) -> bool:  # type: ignore[override]
        return False


@pytest.mark.parametrize("throttle", [Throttle, AsyncThrottle])
async def test_a_throttle_that_denies_is_429_before_the_role_is_checked(throttle: Any) -> None:
    response = await ask(defining(throttle_classes=[throttle]), "POST")
    assert (response.status_code, code(response), response["Retry-After"]) == (429, "rate_limited", "7")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (exceptions.ValidationError("x"), 400),
        (exceptions.ParseError(), 400),
        (exceptions.NotAuthenticated(), 401),
        (exceptions.PermissionDenied(), 403),
        (PermissionDenied(), 403),
        (exceptions.NotFound(), 404),
        (Http404(), 404),
        (exceptions.MethodNotAllowed("GET"), 405),
        (exceptions.UnsupportedMediaType("x"), 415),
        (exceptions.Throttled(3), 429),
        (exceptions.APIException(), 500),
        (KeyError("x"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_exceptions_of_drf_and_django_are_problems(error: Exception, status: int) -> None:
    async def get(self: Any, request: Any) -> None:
        raise error

    response = await ask(defining(get=get))
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")


async def test_a_view_may_have_its_own_exception_handler() -> None:
    async def get(self: Any, request: Any) -> None:
        raise KeyError

    view = defining(get=get, get_exception_handler=lambda self: lambda error, context: HttpResponse(status=418))
    assert (await ask(view)).status_code == 418
