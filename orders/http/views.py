"""The base view: DRF's dispatch on the event loop, with problem responses for all errors.

adrf's own dispatch runs permissions and rendering in threads; here neither blocks, so neither needs one
(docs/decisions.md has the figures).
"""

from collections.abc import Callable, Collection, Mapping
from inspect import isawaitable, iscoroutinefunction
from typing import Any, ClassVar, NoReturn, cast

import msgspec
from adrf.views import APIView
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework import exceptions
from rest_framework.serializers import Serializer

from orders.domain.callers import Role
from orders.domain.errors import Invalid
from orders.http.filters import check_known
from orders.http.headers import caller, refused_headers
from orders.http.permissions import RolePermission
from orders.http.requests import APIRequest, method_of
from orders.store import database

_AUTHENTICATION = "orders.http.middleware.authenticate sets request.user and request.auth"
_DISPATCH = "override async_dispatch, initial or handle_exception"
_LISTS = "orders.http.filters reads filters and makes pages"
_METHODS = "declare the methods in roles"
_PARSING = "request.data is the body's JSON"
_PERMISSIONS = "override check_permissions or check_object_permissions"
_RENDERING = "return answer_json(...), or an HttpResponse with the headers it needs"
_VERSIONS = "the version is part of the path"

UNSUPPORTED: Mapping[str, str] = {
    "allowed_methods": _METHODS,
    "authentication_classes": _AUTHENTICATION,
    "check_async_object_permissions": _PERMISSIONS,
    "check_async_permissions": _PERMISSIONS,
    "check_async_throttles": "override check_throttles",
    "check_sync_object_permissions": _PERMISSIONS,
    "check_sync_permissions": _PERMISSIONS,
    "check_sync_throttles": "override check_throttles",
    "content_negotiation_class": _RENDERING,
    "default_response_headers": _RENDERING,
    "determine_version": _VERSIONS,
    "filter_backends": _LISTS,
    "finalize_response": _RENDERING,
    "get_authenticate_header": _AUTHENTICATION,
    "get_authenticators": _AUTHENTICATION,
    "get_content_negotiator": _RENDERING,
    "get_format_suffix": _RENDERING,
    "get_parser_context": _PARSING,
    "get_parsers": _PARSING,
    "get_renderer_context": _RENDERING,
    "get_renderers": _RENDERING,
    "get_view_description": "the schema reads the docstrings",
    "get_view_name": "the schema reads the docstrings",
    "head": "get also handles HEAD",
    "http_method_names": _METHODS,
    "lookup_field": "declare ensure_visible",
    "lookup_url_kwarg": "declare ensure_visible",
    "metadata_class": "declare OPTIONS in roles and define options",
    "pagination_class": _LISTS,
    "parser_classes": _PARSING,
    "perform_authentication": _AUTHENTICATION,
    "perform_content_negotiation": _RENDERING,
    "queryset": _LISTS,
    "raise_uncaught_exception": "override handle_exception",
    "renderer_classes": _RENDERING,
    "serializer_class": "call read_json(request, serializer)",
    "settings": "override get_exception_handler",
    "sync_dispatch": _DISPATCH,
    "versioning_class": _VERSIONS,
    "view_is_async": "every method is async",
}
"""Attributes of DRF, adrf and Django views that have no effect here, each with its replacement."""

ASYNC_HOOKS = ("async_dispatch", "initial", "check_permissions", "check_object_permissions", "check_throttles")


class OrderAPIView(APIView):  # type: ignore[misc]
    """A view of the API. A subclass declares `roles` and an async method for each method in it, which returns an HttpResponse.

    As everywhere in DRF: `self.request`, `self.args` and `self.kwargs`; `request.user` (a Caller), `request.auth` (its
    token), `request.data` and `request.query_params`; `permission_classes`, of which RolePermission is always one, and
    `get_permissions`; `throttle_classes`, `throttle_scope` and `get_throttles`; `schema`; REST_FRAMEWORK's
    EXCEPTION_HANDLER, `get_exception_handler` and its context; `initialize_request`, `initial`, `handle_exception`,
    `http_method_not_allowed`, `permission_denied` and `throttled`.

    Different here: everything runs on the event loop, so `initial` and the `check_…` methods are async, and permissions and
    throttles do no blocking I/O: they are sync without I/O, or async. Throttles come before permissions, as the contract requires
    (429 before 403). `ensure_visible` checks the visibility of the object whose id is in the path.

    An attribute of a subclass that would have no effect raises ImproperlyConfigured at import (UNSUPPORTED).
    """

    roles: ClassVar[Mapping[str, tuple[Role, ...]]] = {}
    """The allowed roles of each method. Other methods are not allowed; GET includes HEAD."""

    query_parameters: ClassVar[Mapping[str, Collection[str]]] = {}
    permission_classes = (RolePermission,)

    ensure_visible: ClassVar[Any]
    """For a path with an id: raises NotFound unless the object is visible to the caller."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        defined = {name for base in cls.__mro__ if base not in OrderAPIView.__mro__ for name in vars(base)}
        if unsupported := sorted(defined & UNSUPPORTED.keys()):
            raise _improper(cls, "; ".join(f"{name} has no effect: {UNSUPPORTED[name]}" for name in unsupported))
        methods = {name for name in OrderAPIView.http_method_names if name in defined}
        if methods != {method.lower() for method in cls.roles}:
            raise _improper(cls, "declare every method, and no other, in roles")
        if sync := sorted(
            name for name in {*methods, *ASYNC_HOOKS} & defined if not iscoroutinefunction(getattr(cls, name))
        ):
            raise _improper(cls, f"define {', '.join(sync)} by async def")
        if RolePermission not in cls.permission_classes:
            raise _improper(cls, "keep RolePermission in permission_classes, and append the others to it")

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., Any]:
        """Return the view function. Raises ImproperlyConfigured for arguments: only a class is checked."""
        if initkwargs:
            raise _improper(cls, f"as_view takes no arguments: define {', '.join(initkwargs)} in a subclass")
        return cast(Callable[..., Any], super().as_view())

    @property
    def allowed_methods(self) -> list[str]:
        """Return the methods with declared roles."""
        return list(self.roles)

    async def async_dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the response of the request's method, or of the exception handler."""
        self.request = request = self.initialize_request(request, *args, **kwargs)
        try:
            await self.initial(request, *args, **kwargs)
            response: HttpResponseBase = await getattr(self, str(request.method).lower())(request, *args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)
        return response

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> APIRequest:
        """Return the view's request."""
        return APIRequest(request)

    async def initial(self, request: APIRequest, *args: Any, **kwargs: Any) -> None:
        """Check method, throttles, permissions, visibility of the object and headers. Raises the OrderError of a failed check."""
        await self.check_throttles(request)
        name = method_of(request)
        if name not in self.roles:
            self.http_method_not_allowed(request, *args, **kwargs)
        await self.check_permissions(request)
        refused = refused_headers(request)
        if kwargs and (request.META["QUERY_STRING"] or refused or name != "GET"):
            # Visibility is checked before the rest of the request; a plain GET checks it by reading the object.
            await database.run(self.ensure_visible, caller=caller(request), **kwargs)
        if refused:
            raise Invalid("Invalid headers: see errors.", errors=refused)
        check_known(request, self.query_parameters.get(name, ()))

    async def check_permissions(self, request: APIRequest) -> None:
        """Raise unless every permission allows the request."""
        for permission in self.get_permissions():
            allowed = permission.has_permission(request, self)
            if not (allowed is True or (await allowed if isawaitable(allowed) else allowed)):
                self._deny(request, permission)

    async def check_object_permissions(self, request: APIRequest, obj: Any) -> None:
        """Raise unless every permission allows the request for this object."""
        for permission in self.get_permissions():
            allowed = permission.has_object_permission(request, self, obj)
            if not (allowed is True or (await allowed if isawaitable(allowed) else allowed)):
                self._deny(request, permission)

    async def check_throttles(self, request: APIRequest) -> None:
        """Raise, with the longest wait, unless every throttle allows the request."""
        waits = []
        for throttle in self.get_throttles():
            allowed = throttle.allow_request(request, self)
            if not (allowed is True or (await allowed if isawaitable(allowed) else allowed)):
                waits.append(throttle.wait())
        if waits:
            self.throttled(request, max((wait for wait in waits if wait is not None), default=None))

    def permission_denied(self, request: HttpRequest, message: str | None = None, code: str | None = None) -> NoReturn:
        """Raise DRF's PermissionDenied. Every caller is authenticated already, so it is never a 401."""
        raise exceptions.PermissionDenied(message, code)

    def handle_exception(self, exc: Exception) -> HttpResponseBase:
        """Return the exception handler's response. Raises `exc` again when there is none."""
        response: HttpResponseBase | None = self.get_exception_handler()(exc, self.get_exception_handler_context())
        if response is None:
            raise exc
        return response

    def _deny(self, request: APIRequest, permission: Any) -> NoReturn:
        self.permission_denied(request, getattr(permission, "message", None), getattr(permission, "code", None))


def read_json(request: HttpRequest, serializer: Serializer[Any]) -> Any:
    """Return the request's body, validated by `serializer`; an absent body is an empty object.

    Raises PayloadTooLarge, UnsupportedMediaType, Invalid or DRF's ValidationError.
    """
    return serializer.run_validation(cast(APIRequest, request).data)


def answer_json(body: Any, status: int = 200) -> HttpResponse:
    """Return `body` as JSON: times in RFC 3339 UTC, ids as text."""
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")


def answer_nothing() -> HttpResponse:
    """Return 204: done, and there is nothing to return."""
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response


def _improper(view: type, advice: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{view.__module__}.{view.__qualname__}: {advice}.")
