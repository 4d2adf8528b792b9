"""Rate limits as a client sees them."""

import re
from typing import Any

import httpx

from tests.support.problem import problem


def left(answer: httpx.Response) -> dict[str, tuple[int, int | None]]:
    """Return the units left and the seconds until the next one, by policy; the fields must be as RFC 9651 writes them."""
    policies = re.findall(r'"(\w+)";q=\d+;(?:w=\d+|qu="concurrent-requests")', answer.headers["ratelimit-policy"])
    members = answer.headers["ratelimit"].split(", ")
    found = [re.fullmatch(r'"(\w+)";r=(\d+)(?:;t=([1-9]\d*))?', member) for member in members]
    assert all(found), members
    levels = {match[1]: (int(match[2]), int(match[3]) if match[3] else None) for match in found if match}
    assert list(levels) == policies
    return levels


def refused(answer: httpx.Response, *policies: str) -> dict[str, Any]:
    """Return the body of a 429 of exactly these policies."""
    body = problem(answer, 429, "rate_limited", "violated-policies")
    assert body["violated-policies"] == list(policies)
    assert body["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert body["title"] == "Request cannot be satisfied as assigned quota has been exceeded"
    levels = left(answer)
    assert [name for name, (units, _) in levels.items() if not units] == list(policies)
    waits = [10 if name == "streams" else levels[name][1] or 0 for name in policies]
    assert answer.headers["retry-after"] == str(max(waits))
    return body
