"""How an endpoint is described: once, beside the others of its role; from that come its decorator and its answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema

from orders.http.openapi import problems

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Success:
    """An answer that is no refusal. `examples` and `headers` are names of components."""

    body: Any
    text: str
    examples: Sequence[str] = ()
    headers: Sequence[str] = ()
    media_type: str = JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What the document says of one operation.

    `answers` maps statuses to successes, `codes` are the refusals besides those that any endpoint may utter, `request`
    is the serializer of the body, `bodies` are names of examples of it.
    """

    name: str
    summary: str
    text: str
    tag: str
    roles: Sequence[str]
    answers: dict[int, Success]
    codes: Sequence[str] = ()
    request: Any = None
    bodies: Sequence[str] = ()
    parameters: Sequence[OpenApiParameter] = ()

    def finish(self, operation: dict[str, Any]) -> None:
        """Complete what drf-spectacular has made of the serializers: examples, headers, refusals."""
        responses: dict[str, Any] = {}
        for status, success in self.answers.items():
            response = operation["responses"][str(status)]
            response["description"] = success.text
            response["headers"] = _refer("headers", ["X-Request-ID", *success.headers])
            if success.examples:
                response["content"][success.media_type]["examples"] = _refer("examples", success.examples)
            responses[str(status)] = response
        codes = (*problems.BODY, *self.codes) if self.request else self.codes
        operation["responses"] = responses | problems.answers(codes)
        places = {parameter.name: place for place, parameter in enumerate(self.parameters)}
        operation["parameters"] = sorted(operation.get("parameters", []), key=lambda one: places.get(one["name"], -1))
        if self.request:
            operation["requestBody"]["content"][JSON]["examples"] = _refer("examples", self.bodies)


ENDPOINTS: dict[str, Endpoint] = {}
"""Every endpoint by its operation's id."""


def endpoint(**description: Any) -> Callable[[Any], Any]:
    """Describe an endpoint (see Endpoint); answers the decorator for its view's method."""
    made = Endpoint(**description)
    ENDPOINTS[made.name] = made
    return extend_schema(
        operation_id=made.name,
        summary=made.summary,
        description=f"For the role **{'** or **'.join(made.roles)}**. {made.text}",
        tags=[made.tag],
        parameters=list(made.parameters),
        request=made.request,
        responses={
            **{(status, answer.media_type): answer.body for status, answer in made.answers.items()},
            400: problems.Problem,  # so that its shape is among the components; `finish` says the rest
        },
        extensions={"x-roles": list(made.roles)},
    )


def _refer(kind: str, names: Sequence[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/{kind}/{name}"} for name in names}
