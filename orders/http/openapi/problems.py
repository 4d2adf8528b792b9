"""The error responses of the OpenAPI document: the schema of a problem, and a response for each set of error codes."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders.http.problems import STATUSES, problem_type
from orders.http.serializers import ShortageSerializer, money

EVERYWHERE = (
    "invalid",
    "not_authenticated",
    "rate_limited",
    "permission_denied",
    "internal_error",
    "dependency_unavailable",
    "overloaded",
)
"""The codes of every endpoint."""

RATE_LIMITS = ("RateLimit-Policy", "RateLimit")
"""The headers of every response to a caller whose token is valid."""

HEADERS = {
    "not_authenticated": ("WWW-Authenticate",),
    "dependency_unavailable": ("Retry-After",),
    "overloaded": ("Retry-After",),
    "rate_limited": ("Retry-After",),
}


class InputErrorSerializer(serializers.Serializer[Any]):
    """An invalid input."""

    pointer = serializers.CharField(
        allow_blank=True, help_text="A JSON pointer (RFC 6901) to the field, or the parameter."
    )
    code = serializers.CharField()
    detail = serializers.CharField()


def _extensible(values: Iterable[str]) -> Any:
    """Decorate a class of text fields with its present `values`.

    Generated clients fail on a value that an `enum` does not list; an `x-extensible-enum` may grow.
    """
    return extend_schema_field({"type": "string", "x-extensible-enum": list(values)})


@_extensible(STATUSES)
class CodeField(serializers.CharField):
    """The code of a problem."""


@_extensible(["user", "cart", "product", "identity", "database"])
class DependencyField(serializers.CharField):
    """A service that this one depends on."""


class ProblemSerializer(serializers.Serializer[Any]):
    """An error (RFC 9457). Branch on `code`; `detail` is for humans."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(help_text="The path of the request.")
    code = CodeField(help_text="Stable: a code never changes its meaning. New codes may be added.")
    request_id = serializers.CharField(help_text="Quote it when you report the error.")
    errors = InputErrorSerializer(many=True, required=False, help_text="With `invalid` and `address_required`.")  # type: ignore[assignment]
    shortages = ShortageSerializer(many=True, required=False, help_text="With `out_of_stock`.")
    current_total = money("With `total_changed`.", required=False)
    current_version = serializers.IntegerField(required=False, help_text="With `cart_changed`.")
    order_id = serializers.UUIDField(
        required=False, help_text="With `cart_already_ordered`: the order of this version of the cart."
    )
    current = serializers.CharField(required=False, help_text="With `illegal_transition`: the current status.")
    wanted = serializers.CharField(required=False, help_text="With `illegal_transition`: the requested status.")
    allowed = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="With `method_not_allowed`: the allowed methods."
    )
    dependency = DependencyField(required=False, help_text="With `dependency_unavailable`: the dependency that failed.")

    def get_fields(self) -> Any:
        """Return the declared fields, and the one whose name is no name of Python."""
        policies = serializers.ListField(
            child=serializers.CharField(),
            required=False,
            help_text="With `rate_limited`: the policies without a unit left.",
        )
        return {**super().get_fields(), "violated-policies": policies}


def responses(schema: AutoSchema, codes: Collection[str]) -> dict[str, Any]:
    """Return the error responses of an operation by status; a response with a single code is a component named by it."""
    by_status: dict[int, list[str]] = {}
    for code in STATUSES:
        if code in codes:
            by_status.setdefault(STATUSES[code], []).append(code)
    return {str(status): _response(schema, codes) for status, codes in by_status.items()}


def _response(schema: AutoSchema, codes: list[str]) -> dict[str, Any]:
    """Return a response that has one of `codes`, named by its examples.

    A schema that narrows Problem would be more exact, but client generators can't merge the two and leave the response out.
    """
    limits = () if codes == ["not_authenticated"] else RATE_LIMITS
    headers = dict.fromkeys(["X-Request-ID", *limits, *(header for code in codes for header in HEADERS.get(code, ()))])
    problem = schema.resolve_serializer(ProblemSerializer, "response")
    response = {
        "description": " or ".join(f"`{code}`" for code in codes),
        "headers": references("headers", headers),
        "content": {"application/problem+json": {"schema": problem.ref, "examples": references("examples", codes)}},
    }
    if len(codes) > 1:
        return response
    component = ResolvedComponent(codes[0], ResolvedComponent.RESPONSE, response, codes[0])  # type: ignore[no-untyped-call]
    schema.registry.register_on_missing(component)
    reference: dict[str, str] = component.ref
    return reference


def examples(errors: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return an example of each problem by its code; `errors` has the members that differ."""
    return {code: {"summary": code, "value": _example(code, **members)} for code, members in errors.items()}


def _example(code: str, *, detail: str, **extra: Any) -> dict[str, Any]:
    return {
        **problem_type(code),
        "status": STATUSES[code],
        "detail": detail,
        "instance": "/api/v1/orders",
        "code": code,
        "request_id": "0b6ec5e2-2f0c-4f3e-9d39-0e6b7b0f6c11",
        **extra,
    }


def references(kind: str, names: Iterable[str]) -> dict[str, Any]:
    """Return a reference to each of these components by its name."""
    return {name: {"$ref": f"#/components/{kind}/{name}"} for name in names}
