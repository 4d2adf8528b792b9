"""Rate limits in responses: the fields RateLimit-Policy and RateLimit, and 429 (contract: rate limits and caching)."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponseBase

from orders.domain.errors import RateLimited
from orders.http.metrics import RATE_LIMITED
from orders.http.problems import problem
from orders.http.throttling.buckets import Level

CONCURRENT_RETRY_SECONDS = 10
"""The Retry-After of a limit of concurrent requests, whose end nobody knows."""


def set_fields(response: HttpResponseBase, levels: Sequence[Level]) -> None:
    """Set the fields of the policies that a request belongs to (draft-ietf-httpapi-ratelimit-headers, RFC 9651)."""
    response["RateLimit-Policy"] = ", ".join(level.policy.member for level in levels)
    response["RateLimit"] = ", ".join(map(_member, levels))


def refusal(request: HttpRequest, levels: Sequence[Level]) -> HttpResponseBase:
    """Return 429, which names the policies without a unit left, and count it."""
    violated = [level for level in levels if not level.remaining]
    names = [level.policy.name for level in violated]
    for name in names:
        RATE_LIMITED.labels(name).inc()
    seconds = max(level.seconds or CONCURRENT_RETRY_SECONDS for level in violated)
    response = problem(request.path, RateLimited(" ".join(map(_detail, violated)), names, seconds))
    set_fields(response, levels)
    return response


def _member(level: Level) -> str:
    wait = "" if level.seconds is None else f";t={level.seconds}"
    return f'"{level.policy.name}";r={level.remaining}{wait}'


def _detail(level: Level) -> str:
    policy = level.policy
    if policy.window is None:
        return f"{policy.quota} {policy.name} are open, the maximum for one caller. Close one first."
    return f"The quota of {policy.name}, {policy.quota} in {policy.window} s, is used up. Retry in {level.seconds} s."
