"""Error responses as `application/problem+json` (RFC 9457), and the table of the HTTP status of each code."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from django.core import exceptions as django_exceptions
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework.exceptions import APIException, ErrorDetail

from clients.tracing import request_id
from orders.domain.errors import (
    CouponUnavailable,
    Invalid,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    OrderError,
    PermissionDenied,
    RateLimited,
    UnsupportedMediaType,
)
from orders.http.metrics import COUPONS_REFUSED, PROBLEMS

STATUSES: Mapping[str, int] = {
    "invalid": 400,
    "idempotency_key_required": 400,
    "not_authenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "cart_changed": 409,
    "cart_already_ordered": 409,
    "total_changed": 409,
    "out_of_stock": 409,
    "illegal_transition": 409,
    "not_cancellable": 409,
    "coupon_unavailable": 409,
    "code_taken": 409,
    "precondition_failed": 412,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "empty_cart": 422,
    "cart_too_large": 422,
    "address_required": 422,
    "customer_inactive": 422,
    "currency_mismatch": 422,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "internal_error": 500,
    "dependency_unavailable": 503,
    "overloaded": 503,
}

QUOTA_EXCEEDED = {
    "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
    "title": "Request cannot be satisfied as assigned quota has been exceeded",
}
"""The registered problem type of `rate_limited` (draft-ietf-httpapi-ratelimit-headers); those of other codes are generic."""

log = structlog.get_logger()


class ProblemResponse(HttpResponse):
    """A response with a problem, and its error, which is None for a failure."""

    error: OrderError | None = None


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Return the response to a view's exception (REST_FRAMEWORK["EXCEPTION_HANDLER"]).

    Log any exception that is not a refusal, and return 500.
    """
    request = context["request"]
    refusal = _refusal(error, request.method, context["view"])
    return problem(request.path, refusal) if refusal else failure(request.path, error)


def _refusal(error: Exception, method: str, view: Any) -> OrderError | None:
    """Return the OrderError of a refusal by Django, DRF or the service; None for a failure."""
    match error:
        case OrderError():
            return error
        case APIException(status_code=400):
            return invalid(error)
        case APIException(status_code=401):
            return NotAuthenticated(str(error.detail))
        case APIException(status_code=403):
            return PermissionDenied(str(error.detail))
        case APIException(status_code=404) | Http404():
            return NotFound()
        case APIException(status_code=405):
            return MethodNotAllowed(method, view.allowed_methods)
        case APIException(status_code=415):
            return UnsupportedMediaType(str(error.detail))
        case APIException(status_code=429):
            return _rate_limited(getattr(error, "wait", None))
        case django_exceptions.PermissionDenied():
            return PermissionDenied("Permission denied.")
        case django_exceptions.SuspiciousOperation():
            return _bad_request()
    return None


def problem(path: str, error: OrderError) -> ProblemResponse:
    """Return the response of `error`."""
    response = _response(path, error.code, str(error), error.extra)
    response.error = error
    if isinstance(error, CouponUnavailable):
        COUPONS_REFUSED.labels(error.reason).inc()
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    if error.code == "not_authenticated":
        response["WWW-Authenticate"] = "Bearer"
    if error.code == "method_not_allowed":
        response["Allow"] = ", ".join(error.extra.get("allowed", ()))
    if error.code == "payload_too_large":
        response["Connection"] = "close"
    return response


def failure(path: str, error: BaseException) -> HttpResponse:
    """Log an unexpected error and return 500, which discloses nothing of it but the request's id."""
    log.error("request_failed", exc_info=error)
    return _response(path, "internal_error", "Internal server error. The error has been logged.", {})


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return 404 for an unknown path (Django's handler404)."""
    return problem(request.path, NotFound())


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return 400 for a request that Django itself refuses, such as one for a foreign host (Django's handler400)."""
    return problem(request.path, _bad_request())


def server_error(request: HttpRequest) -> HttpResponse:
    """Return 500 for a failed view outside the API, which Django has logged (Django's handler500)."""
    return _response(request.path, "internal_error", "Internal server error. The error has been logged.", {})


def invalid(error: APIException) -> Invalid:
    """Return DRF's validation error as Invalid, with a JSON pointer for each field (RFC 6901)."""
    errors = list(_pointers(error.detail, ""))
    return Invalid("Invalid input: see errors.", errors=errors)


def pointer(name: str) -> str:
    """Return the JSON pointer (RFC 6901) to a member of the root object."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def problem_type(code: str) -> Mapping[str, str]:
    """Return the type and title of a code's problems (RFC 9457, 4.2.1)."""
    if code == "rate_limited":
        return QUOTA_EXCEEDED
    return {"type": "about:blank", "title": code.replace("_", " ").capitalize()}


def _bad_request() -> Invalid:
    return Invalid("Bad request: its host or its format is not allowed.")


def _rate_limited(wait: float | None) -> RateLimited:
    detail = "Too many requests. Retry after the number of seconds in Retry-After."
    return RateLimited(detail, retry_after=max(1, math.ceil(wait or 0)))


def _pointers(detail: Any, place: str) -> Any:
    if isinstance(detail, ErrorDetail):
        yield {"pointer": place, "code": "invalid", "detail": str(detail)}
    elif isinstance(detail, Mapping):
        for name, part in detail.items():
            yield from _pointers(part, place if name == "non_field_errors" else place + pointer(str(name)))
    else:
        for part in detail:
            yield from _pointers(part, place)


def problem_body(path: str, error: OrderError, status: int, request_id: str) -> bytes:
    """Return the JSON of a problem (RFC 9457, section 3)."""
    return _body(path, error.code, str(error), error.extra, status, request_id)


def _response(path: str, code: str, detail: str, extra: Mapping[str, Any]) -> ProblemResponse:
    PROBLEMS.labels(code).inc()
    body = _body(path, code, detail, extra, STATUSES[code], request_id.get())
    return ProblemResponse(body, status=STATUSES[code], content_type="application/problem+json")


def _body(path: str, code: str, detail: str, extra: Mapping[str, Any], status: int, request_id: str) -> bytes:
    body = {
        **problem_type(code),
        "status": status,
        "detail": detail,
        "instance": path,
        "code": code,
        "request_id": request_id,
        **extra,
    }
    return msgspec.json.encode(body)
