"""The OpenAPI document as a whole: how to begin, the groups, the components that endpoints refer to."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from orders.http.openapi import examples, operations, parameters, problems
from orders.http.openapi import strict as strict  # drf-spectacular finds its classes by their being defined
from orders.http.openapi.endpoint import ENDPOINTS

DESCRIPTION = """From a customer's cart to a delivered order, across several vendors.

**Begin.** Every call carries a JSON Web Token of the issuer that signs your users in: `Authorization: Bearer <JWT>`. Here, press
**Authorize**, paste the token alone, then open *Place an order* and press **Execute**.
Each endpoint says which role it is for; with another role the answer is 403.

**Money** is a decimal string with the currency's own number of decimals (`"20.00"` EUR, `"2000"` JPY, `"2.000"` KWD).
**Times** are RFC 3339 in UTC. Fields and parameters that an endpoint does not know are refused.

**Errors** are `application/problem+json` (RFC 9457). Branch on `code`; `detail` is for people; quote `request_id` when you ask
about one. With `invalid`, `errors` points at each input that was refused:

```json
{"type": "about:blank", "title": "Invalid", "status": 400, "code": "invalid",
 "detail": "Some of the input was refused: see errors.", "instance": "/api/v1/orders", "request_id": "0b6e…",
 "errors": [{"pointer": "/shipping_address/country", "code": "invalid", "detail": "Not a country code …"}]}
```

What does not exist and what you may not know of are both `not_found` (404). A method that an address does not have is
`method_not_allowed` (405). With a 503, wait for `Retry-After` seconds and send the same request again: nothing was lost.

**Web applications.** The service sends no CORS headers, so a browser does not show its answers to a page of another origin. Call
it from your application's own backend, or have your gateway serve it under the page's own origin.

**Generated clients.** Ignore fields that you do not know, and expect codes that you do not know: both may be added.
"""
INFO = {
    "title": "Order Service",
    "version": "1.0.0",
    "description": DESCRIPTION,
    "contact": {"name": "The maintainers of the Order Service"},
    "license": {"name": "Proprietary: all rights reserved", "identifier": "LicenseRef-Proprietary"},
}
TAGS = [
    {
        "name": "Customers",
        "description": "Placing orders and following them. Customers see their own, admins everybody's.",
    },
    {
        "name": "Vendors",
        "description": "A vendor order is the part of an order that one vendor fulfils. Vendors see their own, admins all.",
    },
    {"name": "Admins", "description": "What the service could not settle by itself and needs a person."},
    {"name": "Operations", "description": "For whoever runs the service; no token is asked for."},
]
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "Paste the token alone, without the word Bearer. It is the one that your users' issuer signs; its claim `role`"
    " is `customer`, `vendor` or `admin`, and a vendor's names its `vendor_id`.",
}
STATUS_TEXTS = {
    "OrderStatus": "`pending` → `confirmed` (paid) → `processing` → `shipped` → `delivered`; or `cancelled`, `expired`.",
    "VendorOrderStatus": "`pending` → `processing` → `shipped` → `delivered`; or `cancelled`.",
    "PaymentStatus": "What Payment has told of the order: of money first, else the strongest word heard.",
}


class Generator(SchemaGenerator):
    """Makes the document. `manage.py spectacular --generator-class orders.http.openapi.document.Generator` writes it down."""

    def get_schema(self, request: Request | None = None, public: bool = False) -> Any:
        """The whole document."""
        document: dict[str, Any] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        for path in document["paths"].values():
            for operation in path.values():
                ENDPOINTS[operation["operationId"]].finish(operation)
        schemas = document["components"]["schemas"]
        for name, schema in schemas.items():
            if "enum" in schema:
                schema.pop("description", None)
            if name in STATUS_TEXTS:
                schema["description"] = STATUS_TEXTS[name]
        paths = {**_in_our_order(document["paths"]), **operations.PATHS}
        used = set(_references(paths))
        return {
            **document,
            "info": INFO,
            "servers": [{"url": "/", "description": "The service that shows this page"}],
            "tags": TAGS,
            "paths": paths,
            "components": {
                "schemas": schemas | parameters.SCHEMAS | operations.SCHEMAS,
                "responses": {
                    code: answer
                    for code, answer in problems.alone().items()
                    if f"#/components/responses/{code}" in used
                },
                "headers": parameters.HEADERS,
                "examples": {**examples.examples(), **problems.examples()},
                "securitySchemes": {"token": TOKEN},
            },
        }


def _references(node: Any) -> Iterator[str]:
    """Every component that is referred to, at any depth."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    for part in node if isinstance(node, list) else ():
        yield from _references(part)


def _in_our_order(paths: dict[str, Any]) -> dict[str, Any]:
    """What comes first in life comes first on the page."""
    tags = [tag["name"] for tag in TAGS]
    places = {name: (tags.index(endpoint.tag), place) for place, (name, endpoint) in enumerate(ENDPOINTS.items())}

    def place(method: tuple[str, Any]) -> tuple[int, int]:
        return places[method[1]["operationId"]]

    by_method = {path: dict(sorted(methods.items(), key=place)) for path, methods in paths.items()}
    return dict(sorted(by_method.items(), key=lambda path: min(map(place, path[1].items()))))
