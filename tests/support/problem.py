"""The shape of every refusal (contract: REST API, "Errors"), checked in full by every test of a refusal."""

from typing import Any

import httpx

FIELDS = {"type", "title", "status", "detail", "instance", "code", "request_id"}


def problem(answer: httpx.Response, status: int, code: str, *carries: str) -> dict[str, Any]:
    """Return the body of a problem, which must have this status, this code, the fields that it `carries`, and no others."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code), answer.text
    assert body.keys() == FIELDS | set(carries)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["instance"] == answer.request.url.path
    assert all(isinstance(body[name], str) and body[name] for name in ("type", "title", "detail"))
    return body


def refused_input(answer: httpx.Response) -> list[str]:
    """Return the pointers of a 400 `invalid` to the refused fields."""
    errors = problem(answer, 400, "invalid", "errors")["errors"]
    assert errors
    assert all(error.keys() == {"pointer", "code", "detail"} and error["detail"] for error in errors)
    assert {error["code"] for error in errors} == {"invalid"}
    return [error["pointer"] for error in errors]
