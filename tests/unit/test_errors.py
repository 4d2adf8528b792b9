"""Errors: every refusal has one code, every code one status, and every refusal the same shape (RFC 9457)."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from clients.tracing import request_id
from orders.domain import errors
from orders.domain.errors import (
    CouponUnavailable,
    DependencyUnavailable,
    IllegalTransition,
    Invalid,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    OrderError,
    OutOfStock,
    Overloaded,
    RateLimited,
    TotalChanged,
)
from orders.http.problems import STATUSES, bad_request, failure, invalid, not_found, problem, server_error

CONTRACT = {
    400: "invalid idempotency_key_required",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    409: "cart_changed cart_already_ordered total_changed out_of_stock illegal_transition not_cancellable coupon_unavailable"
    " code_taken",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "empty_cart cart_too_large address_required customer_inactive currency_mismatch idempotency_key_reused",
    429: "rate_limited",
    503: "dependency_unavailable overloaded",
}
"""The table of the contract (REST API, "Errors")."""

STATUS_OF = {code: status for status, codes in CONTRACT.items() for code in codes.split()}


def tree(root: type[OrderError]) -> list[type[OrderError]]:
    """Return the error classes with a code of their own, without those that are distinguished internally only."""
    found = [error for child in root.__subclasses__() for error in (child, *tree(child))]
    return [error for error in found if "code" in vars(error)]


def an(error: type[OrderError]) -> OrderError:
    """Return an instance of the class."""
    words: dict[type[OrderError], tuple[Any, ...]] = {
        MethodNotAllowed: ("PUT", ["GET"]),
        CouponUnavailable: ("TEN", "unknown"),
        IllegalTransition: ("pending", "shipped"),
        DependencyUnavailable: ("cart", "it is slow"),
        NotFound: (),
    }
    return error(*words.get(error, ("No.",)))


def body(answer: HttpResponse) -> dict[str, Any]:
    assert answer["Content-Type"] == "application/problem+json"
    content: dict[str, Any] = json.loads(answer.content)
    return content


@pytest.mark.parametrize(("code", "status"), STATUS_OF.items())
def test_each_code_has_the_status_of_the_contract(code: str, status: int) -> None:
    assert STATUSES[code] == status


def test_every_code_but_that_of_an_internal_error_is_in_the_contract() -> None:
    assert STATUSES.keys() - STATUS_OF.keys() == {"internal_error"}
    assert STATUSES["internal_error"] == 500


def test_every_error_has_a_code_of_its_own_in_the_table() -> None:
    codes = [error.code for error in tree(OrderError)]
    assert sorted(codes) == sorted(STATUS_OF)


def test_every_error_with_a_code_is_in_the_one_tree() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and hasattr(value, "code")]
    assert set(classes) == set(tree(OrderError))


@pytest.mark.parametrize("error", tree(OrderError), ids=lambda error: error.code)
def test_every_error_becomes_a_complete_problem(error: type[OrderError]) -> None:
    with_id = request_id.set("r-1")
    try:
        answer = problem("/api/v1/orders", an(error))
    finally:
        request_id.reset(with_id)
    fields = body(answer)
    assert answer.status_code == fields["status"] == STATUS_OF[error.code]
    assert fields["code"] == error.code
    assert fields["detail"] == str(an(error))
    assert fields["instance"] == "/api/v1/orders"
    assert fields["request_id"] == "r-1"
    if error is not RateLimited:
        assert fields["type"] == "about:blank"
        assert fields["title"].replace(" ", "_").lower() == error.code


def test_a_used_up_quota_has_its_registered_type() -> None:
    answer = problem("/", RateLimited("No.", ["checkout", "coupon_guess"], retry_after=60))
    fields = body(answer)
    assert answer["Retry-After"] == "60"
    assert fields["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert fields["title"] == "Request cannot be satisfied as assigned quota has been exceeded"
    assert fields["violated-policies"] == ["checkout", "coupon_guess"]


@pytest.mark.parametrize(
    ("error", "carried"),
    [
        (TotalChanged("No.", current_total="20.00"), {"current_total": "20.00"}),
        (OutOfStock("No.", shortages=[{"product_id": "p"}]), {"shortages": [{"product_id": "p"}]}),
        (CouponUnavailable("TEN", "expired"), {"coupon_code": "TEN", "reason": "expired"}),
        (IllegalTransition("shipped", "cancelled"), {"current": "shipped", "wanted": "cancelled"}),
        (DependencyUnavailable("cart", "it is slow"), {"dependency": "cart"}),
        (Invalid("No.", errors=[{"pointer": "/note"}]), {"errors": [{"pointer": "/note"}]}),
    ],
    ids=lambda value: value.code if isinstance(value, OrderError) else "",
)
def test_the_fields_of_an_error_are_in_its_problem(error: OrderError, carried: dict[str, Any]) -> None:
    fields = body(problem("/", error))
    assert fields | carried == fields


@pytest.mark.parametrize("error", [Overloaded, RateLimited, DependencyUnavailable], ids=lambda error: error.code)
def test_a_temporary_refusal_has_a_retry_after(error: type[OrderError]) -> None:
    assert int(problem("/", an(error))["Retry-After"]) >= 1


def test_a_neighbours_retry_after_is_passed_on() -> None:
    assert problem("/", DependencyUnavailable("product", "it is closed", retry_after=5))["Retry-After"] == "5"


@pytest.mark.parametrize("dependency", ["user", "cart", "product", "database"])
def test_an_unavailable_dependency_has_its_name_in_the_contract(dependency: str) -> None:
    assert body(problem("/", DependencyUnavailable(dependency, "it is away")))["dependency"] == dependency


def test_a_401_names_the_authentication_scheme() -> None:
    assert problem("/", NotAuthenticated("No."))["WWW-Authenticate"] == "Bearer"


def test_a_405_names_the_allowed_methods() -> None:
    assert problem("/", MethodNotAllowed("PUT", ["POST", "GET"]))["Allow"] == "GET, HEAD, POST"


def test_an_internal_error_reveals_nothing_of_its_cause() -> None:
    answers = [
        failure("/api/v1/orders", RuntimeError("secret at postgresql://orders:pw@db")),
        server_error(RequestFactory().get("/healthz")),
    ]
    for answer in answers:
        assert answer.status_code == body(answer)["status"] == 500
        assert body(answer)["code"] == "internal_error"
        assert b"secret" not in answer.content
        assert b"Traceback" not in answer.content


def test_a_refusal_by_django_is_a_problem() -> None:
    request = RequestFactory().get("/nowhere")
    assert body(not_found(request))["code"] == "not_found"
    assert body(not_found(request))["instance"] == "/nowhere"
    assert body(bad_request(request))["code"] == "invalid"


class _Inner(serializers.Serializer[Any]):
    country = serializers.CharField()


class _Outer(serializers.Serializer[Any]):
    shipping_address = _Inner()
    product_ids = serializers.ListField(child=serializers.IntegerField())

    def validate(self, attrs: Any) -> Any:
        raise ValidationError("They don't go together.")


def refused(data: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        _Outer(data=data).is_valid(raise_exception=True)
    error = invalid(caught.value)
    assert all(entry["detail"] for entry in error.extra["errors"])
    return [(entry["pointer"], entry["code"]) for entry in error.extra["errors"]]


def test_each_refused_field_is_pointed_at() -> None:
    wrong = refused({"shipping_address": {}, "product_ids": [1, "x"]})
    assert wrong == [("/shipping_address/country", "invalid"), ("/product_ids/1", "invalid")]


def test_an_error_of_the_whole_body_has_an_empty_pointer() -> None:
    assert refused({"shipping_address": {"country": "FR"}, "product_ids": []}) == [("", "invalid")]


def test_a_field_name_is_escaped_in_its_pointer() -> None:
    error = invalid(ValidationError({"a/b~c": ["Unknown field."]}))
    assert [entry["pointer"] for entry in error.extra["errors"]] == ["/a~1b~0c"]
