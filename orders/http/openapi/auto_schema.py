"""The OpenAPI operation of a view's method, read from the view: its roles, docstring, serializers and errors."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from orders.http.openapi import extensions as extensions  # drf-spectacular finds its extensions once they are defined
from orders.http.openapi import problems, written
from orders.http.openapi.parameters import IF_MATCH, IF_NONE_MATCH
from orders.http.serializers import Input, Output

JSON, CSV, EVENT_STREAM = "application/json", "text/csv", "text/event-stream"
EVENT_STREAM_DESCRIPTION = "The stream; an event's `id` is the `sequence` of the entry, its `data` the entry."
TAGS = {
    "orders": "Customers",
    "vendor-orders": "Vendors",
    "coupons": "Coupons",
    "coupon-batches": "Coupons",
    "analytics": "Analytics",
    "admin": "Admins",
}
"""The group of an operation, by the first segment of its path."""

Method = TypeVar("Method")


@dataclass(frozen=True)
class endpoint:
    """Decorate a view's method with the parts of its operation that cannot be derived from it.

    `response` None is a stream of Server-Sent Events, with status 204 no content. `headers` are those of the response.
    `errors` are the codes besides those implied by the path, the body and the parameters. With a parameter `format`, the
    response may be a file. The examples are in `examples.yaml`; those of files are text.
    """

    operation_id: str
    _: KW_ONLY
    response: type[Output] | None
    status: int = 200
    headers: Sequence[str] = ()
    request: type[Input] | None = None
    parameters: Sequence[OpenApiParameter] = ()
    errors: Sequence[str] = ()

    def __call__(self, method: Method) -> Method:
        method.endpoint = self  # type: ignore[attr-defined]
        return method


class ViewSchema(AutoSchema):
    """Describe each method of a view by its `roles`, its docstring and its `endpoint`."""

    def get_operation(self, *args: Any) -> Any:
        """Return the operation, with examples, headers and errors added as references to components."""
        operation: dict[str, Any] = super().get_operation(*args) or {}
        endpoint = self._endpoint
        conditional = IF_MATCH in endpoint.parameters or IF_NONE_MATCH in endpoint.parameters
        tagged = conditional and endpoint.status != 204
        headers = problems.references("headers", ["X-Request-ID", *problems.RATE_LIMITS, *endpoint.headers])
        if tagged:
            headers["ETag"] = {"$ref": f"#/components/headers/{'ETagOfJSON' if self._has_file else 'ETag'}"}
        for response in operation["responses"].values():
            response["headers"] = headers
            for media_type, content in response.get("content", {}).items():
                content["examples"] = self._examples("files" if media_type == CSV else "responses")
        if endpoint.request:
            operation["requestBody"]["content"][JSON]["examples"] = self._examples("requests")
        operation["responses"] |= problems.responses(
            self, {*problems.EVERYWHERE, *endpoint.errors, *self._implied_errors()}
        )
        return operation

    def get_operation_id(self) -> str:
        return self._endpoint.operation_id

    def get_tags(self) -> list[str]:
        return [TAGS[tag] for tag in super().get_tags()]

    def get_summary(self) -> str:
        return _docstring(self._method)[0].removesuffix(".")

    def get_description(self) -> str:  # type: ignore[override]
        roles = " or ".join(f"**{role}**" for role in self._roles)
        return f"For the role {roles}. {_docstring(self._method)[1]}".rstrip()

    def get_extensions(self) -> dict[str, Any]:
        return {"x-roles": self._roles}

    def get_override_parameters(self) -> list[Any]:
        return list(self._endpoint.parameters)

    def get_request_serializer(self) -> Any:
        return self._endpoint.request

    def get_response_serializers(self) -> Any:
        endpoint = self._endpoint
        if endpoint.status == 204:
            return {(204, JSON): OpenApiResponse(None, "No content.")}
        if endpoint.response is None:
            return {(200, EVENT_STREAM): OpenApiResponse(OpenApiTypes.STR, EVENT_STREAM_DESCRIPTION)}
        responses = {(endpoint.status, JSON): OpenApiResponse(endpoint.response, _docstring(endpoint.response)[0])}
        if self._has_file:
            responses[endpoint.status, CSV] = OpenApiResponse(OpenApiTypes.STR, _docstring(endpoint.response)[0])
        if IF_NONE_MATCH in endpoint.parameters:
            responses[304, JSON] = OpenApiResponse(None, "Not modified: the cached response is current.")
        return responses

    @property
    def _method(self) -> Any:
        return getattr(self.view, self.method.lower())

    @property
    def _endpoint(self) -> endpoint:
        described: endpoint = self._method.endpoint
        return described

    @property
    def _has_file(self) -> bool:
        return any(parameter.name == "format" for parameter in self._endpoint.parameters)

    @property
    def _roles(self) -> list[str]:
        view: Any = self.view
        return list(view.roles[self.method])

    def _examples(self, kind: str) -> dict[str, Any]:
        """Return references to the operation's examples of "requests", "responses" or "files"."""
        examples = written.read("examples.yaml")[kind]
        names = [name for name, example in examples.items() if self._endpoint.operation_id in example["in"]]
        return problems.references("examples", names)

    def _implied_errors(self) -> Iterator[str]:
        """Yield the codes of the base view's checks for a method with such a path, body or parameter."""
        if "{" in self.path:
            yield "not_found"
        if self._endpoint.request:
            yield from ("payload_too_large", "unsupported_media_type")
        if IF_MATCH in self._endpoint.parameters:
            yield "precondition_failed"


def _docstring(described: Any) -> tuple[str, str]:
    """Return the first line and the rest of a docstring, the latter as one paragraph."""
    first, _, rest = inspect.cleandoc(described.__doc__).partition("\n")
    return first, " ".join(rest.split())
