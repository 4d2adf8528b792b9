"""The addresses beside the API that an operator uses; they are plain views, so they are described by hand."""

from typing import Any

_ID = {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}


def _answer(text: str, media_type: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"description": text, "headers": _ID, "content": {media_type: {"schema": schema, "example": example}}}


def _read(name: str, summary: str, text: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "description": f"For **anybody**, without a token. {text}",
            "tags": ["Operations"],
            "security": [],
            "responses": responses,
            "x-roles": [],
        }
    }


_READINESS = {"$ref": "#/components/schemas/Readiness"}
_CHECKS = dict.fromkeys(
    ("database", "redis", "payment channel", "payment stream", "parked payments", "relay", "watch"), True
)

SCHEMAS: dict[str, Any] = {
    "Liveness": {
        "type": "object",
        "description": "The process lives.",
        "properties": {"status": {"type": "string", "enum": ["ok"]}},
        "required": ["status"],
    },
    "Readiness": {
        "type": "object",
        "description": "Whether each thing that the service needs is there.",
        "properties": {
            "status": {"type": "string", "enum": ["ok", "unavailable"]},
            "failing": {"type": "array", "items": {"type": "string"}},
            "checks": {"type": "object", "additionalProperties": {"type": "boolean"}},
        },
        "required": ["status", "failing", "checks"],
    },
}

PATHS: dict[str, Any] = {
    "/healthz": _read(
        "healthz",
        "Ask whether the process lives",
        "For a liveness probe: asks nobody else.",
        {
            "200": _answer(
                "It lives.",
                "application/json",
                {"$ref": "#/components/schemas/Liveness"},
                {"status": "ok"},
            )
        },
    ),
    "/readyz": _read(
        "readyz",
        "Ask whether it can serve",
        "For a readiness probe: database, Redis, and every background loop.",
        {
            "200": _answer(
                "It can.", "application/json", _READINESS, {"status": "ok", "failing": [], "checks": _CHECKS}
            ),
            "503": _answer(
                "It can't; `failing` names what is not there.",
                "application/json",
                _READINESS,
                {"status": "unavailable", "failing": ["redis"], "checks": {**_CHECKS, "redis": False}},
            ),
        },
    ),
    "/metrics": _read(
        "metrics",
        "Read what it counts",
        "In Prometheus' text format.",
        {
            "200": _answer(
                "The figures.",
                "text/plain",
                {"type": "string"},
                'http_request_seconds_count{method="POST",route="api/v1/orders",status="201"} 42.0\n',
            )
        },
    ),
}
