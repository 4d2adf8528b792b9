"""Middleware: the id, trace, log line and metrics of every request, and the authentication of API requests."""

import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.decorators import async_only_middleware

from clients import tracing
from orders.domain.errors import Invalid, NotAuthenticated, OrderError
from orders.http import paths
from orders.http.authentication import JWTAuthenticator
from orders.http.headers import lines
from orders.http.hosts import check_host
from orders.http.metrics import requests
from orders.http.problems import failure, problem
from orders.http.state import RequestState, state_of
from orders.runtime.tracing import NO_SPAN, Span, span, tracer

View = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

MAX_ID_LENGTH = 200

log = structlog.get_logger()


@async_only_middleware
def identify_request(get_response: View) -> View:
    """Set the request's id and trace, return the id in the response, log and count the request."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        request_id = request_id_of(lines(request, b"x-request-id"))
        tracing.request_id.set(request_id)
        method = request.method or ""
        with _span(request, method) as current:
            response = await get_response(request)
            response["X-Request-ID"] = request_id
            seconds = time.perf_counter() - began
            route = _route(request, response.status_code)
            path = _loggable_path(request, route)
            requests(method, route or "unknown", response.status_code).observe(seconds)
            log.info(
                "request",
                method=method,
                path=path,
                status=response.status_code,
                milliseconds=round(seconds * 1000, 1),
            )
            if current is not NO_SPAN:
                _describe(current, method, route, path, response.status_code)
        return response

    return middleware


@async_only_middleware
def authenticate(get_response: View) -> View:
    """Refuse requests to the API without a valid token; set `request.user` and `request.auth`.

    Here and not in DRF's authentication: it waits for the issuer's keys, and a path that does not exist needs a token too.
    """

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(paths.API):
            try:
                authorization = _authorization(request)
                slot_released = state_of(request, RequestState).slot_released
                authenticator = state_of(request, JWTAuthenticator)
                user = await authenticator.caller(authorization, slot_released)
                if paths.opens_stream(request.method, request.path_info) and user.expires_at <= time.time():
                    # The leeway is for clocks that differ, not for a stream that would end immediately.
                    raise NotAuthenticated("Invalid token: it has expired. Request a new one.")
            except OrderError as error:
                return problem(request.path, error)
            except Exception as error:  # any error: the client gets a problem response
                return failure(request.path, error)
            request.user = user  # type: ignore[assignment]
            request.auth = authorization.partition(" ")[2]  # type: ignore[attr-defined]
        return await get_response(request)

    return middleware


@async_only_middleware
def validate_host(get_response: View) -> View:
    """Refuse requests to the API for another host, once their caller is known and counted."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(paths.API):
            try:
                check_host(request)
            except Invalid as error:
                return problem(request.path, error)
        return await get_response(request)

    return middleware


def _route(request: HttpRequest, status: int) -> str:
    """Return the route; empty for an unknown path, and for one that a middleware has refused.

    A failure there is one of its route, whose availability counts it.
    """
    if request.resolver_match:
        return request.resolver_match.route
    if status < 500:
        return ""
    with suppress(Resolver404):
        return resolve(request.path_info).route
    return ""


def _span(request: HttpRequest, method: str) -> Span:
    """Return the span of a request, which continues the caller's trace. Without tracing, keep the id of that trace."""
    traceparent = request.META.get("HTTP_TRACEPARENT", "")
    if tracer() is None:
        tracing.trace_id.set(_trace_id(traceparent))
        return NO_SPAN
    parent = {"traceparent": traceparent, "tracestate": request.META.get("HTTP_TRACESTATE", "")}
    return span(method, "server", {"http.request.method": method}, parent)


def _describe(current: Span, method: str, route: str, path: str, status: int) -> None:
    """Complete a request's span by what is known after its response."""
    current.name(f"{method} {route}".strip())
    current.set("http.route", route)
    current.set("url.path", path)
    current.set("http.response.status_code", status)
    current.set("request.id", tracing.request_id.get())
    if status >= 500:
        current.fail(str(status))


def _loggable_path(request: HttpRequest, route: str) -> str:
    """Return the path where its parameters are UUIDs, else the route: other parameters may hold personal data."""
    named = request.resolver_match.kwargs.values() if request.resolver_match else ()
    return request.path if route and all(isinstance(value, uuid.UUID) for value in named) else route or "unknown"


def _authorization(request: HttpRequest) -> str:
    """Return the Authorization header. Raises NotAuthenticated for several headers, of which none takes precedence."""
    values = lines(request, b"authorization")
    if len(values) > 1:
        raise NotAuthenticated("Several Authorization headers: send one.")
    return values[0] if values else ""


def request_id_of(given: Sequence[str]) -> str:
    """Return the given id if it is one of 1–200 printable ASCII characters, else a new one (contract: REST API, "Errors")."""
    if len(given) == 1 and 1 <= len(given[0]) <= MAX_ID_LENGTH and given[0].isascii() and given[0].isprintable():
        return given[0]
    return str(
        uuid.UUID(int=random.getrandbits(128), version=4)
    )  # uuid4() makes a system call for cryptographic randomness, which an id does not need


def _trace_id(traceparent: str) -> str:
    """Return the trace id of the request (W3C Trace Context), or a new one."""
    parts = traceparent.split("-")
    if len(parts) >= 4 and len(parts[1]) == 32 and set(parts[1]) <= set("0123456789abcdef") and parts[1].strip("0"):
        return parts[1]
    return f"{random.getrandbits(128):032x}"
