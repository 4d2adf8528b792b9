"""Middleware of rate limits: a request takes its units before anything else is done for it.

Middleware and not throttle classes of views: paths that do not exist, methods that are not allowed, refused tokens and the
documentation have limits too, and each of their responses has the fields (docs/decisions.md).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import cast

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.decorators import async_only_middleware

from orders.domain.errors import CodeTaken, CouponUnavailable, OrderError
from orders.http import paths
from orders.http.headers import caller
from orders.http.problems import ProblemResponse
from orders.http.requests import APIRequest
from orders.http.state import RequestState, state_of
from orders.http.throttling.buckets import Draw, Level, Look
from orders.http.throttling.keys import address_key, caller_key
from orders.http.throttling.limiter import RateLimiter
from orders.http.throttling.policies import Policy, policy_of
from orders.http.throttling.responses import refusal, set_fields

View = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

HELD_SECONDS, LOOK_AGAIN_SECONDS = 2, 0.05
"""The maximum wait of a request for units of `coupon_guess` that requests of the same caller hold, and the time between looks."""


@async_only_middleware
def limit_failed_authentication(get_response: View) -> View:
    """Count the 401 of an address by the policy `failed_auth`; without a unit left the response is 429 instead.

    A request with a valid token is not affected, so no caller is locked out by others of the same address.
    """
    policy = _policies().get("failed_auth")
    if policy is None:
        raise MiddlewareNotUsed

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        response = await get_response(request)
        if response.status_code != 401:
            return response
        look = await state_of(request, RateLimiter).look([Draw(policy, address_key(policy.name, _address(request)))])
        return response if look.is_allowed else refusal(request, look.levels)

    return middleware


@async_only_middleware
def limit_rate(get_response: View) -> View:
    """Refuse a request with 429 unless each of its policies has a unit left; set the fields of the response."""
    policies = _policies()
    if not policies:
        raise MiddlewareNotUsed
    guesses, streams = policies.get("coupon_guess"), policies.get("streams")

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        draws = _draws(request, policies)
        if streams and paths.opens_stream(request.method, request.path_info):
            return await _open_stream(get_response, request, draws, streams)
        if guesses and _names_coupon(request):
            return await _try_coupon(get_response, request, draws, guesses)
        if not draws:
            return await get_response(request)
        look = await state_of(request, RateLimiter).look(draws)
        if not look.is_allowed:
            return refusal(request, look.levels)
        response = await get_response(request)
        set_fields(response, look.levels)
        return response

    return middleware


async def _open_stream(
    get_response: View, request: HttpRequest, draws: Sequence[Draw], policy: Policy
) -> HttpResponseBase:
    """Take a unit of `policy` as long as the stream is open. At its limit, take none of another policy either."""
    limiter, key = state_of(request, RateLimiter), caller_key(policy.name, caller(request))
    with ExitStack() as taken:
        is_full = limiter.streams.count(key) >= policy.quota
        if is_full:
            look = await limiter.look([draw._replace(taken=0) for draw in draws])
            return refusal(request, [*look.levels, Level(policy, 0)])
        taken.enter_context(limiter.streams.opened(key))
        look = await limiter.look(draws)
        response = await get_response(request) if look.is_allowed else None
        if isinstance(response, StreamingHttpResponse) and request.method == "GET":
            state_of(request, RequestState).exit_stack.enter_context(taken.pop_all())
    levels = [*look.levels, Level(policy, policy.quota - limiter.streams.count(key))]
    if response is None:
        return refusal(request, levels)
    set_fields(response, levels)
    return response


async def _try_coupon(
    get_response: View, request: HttpRequest, draws: Sequence[Draw], policy: Policy
) -> HttpResponseBase:
    """Hold a unit of `policy`, and take it if the response tells that the code was guessed wrong, or exists.

    It is held beforehand, so that requests at the same time cannot try more codes than there are units.
    """
    limiter, key = state_of(request, RateLimiter), caller_key(policy.name, caller(request))
    look = await _hold(limiter, [*draws, Draw(policy, key, taken=0, held=1)])
    if not look.is_allowed:
        return refusal(request, look.levels)
    guesses = 0
    try:
        response = await get_response(request)
        guesses = int(_is_guess(response))
    finally:
        settled = await limiter.look([Draw(policy, key, taken=guesses, held=-1)])
    set_fields(response, [*look.levels[:-1], *settled.levels])
    return response


async def _hold(limiter: RateLimiter, draws: Sequence[Draw]) -> Look:
    """Return the look, made again while the last bucket's units are only held: most holds end without taking theirs."""
    end = time.monotonic() + HELD_SECONDS
    while True:
        look = await limiter.look(draws)
        if look.is_allowed or not look.levels[-1].is_held or time.monotonic() > end:
            return look
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _draws(request: HttpRequest, policies: Mapping[str, Policy]) -> list[Draw]:
    """Return the draw of the one policy that the request belongs to, if it has one."""
    name = policy_of(str(request.method), request.path_info, is_csv=_is_csv(request))
    if name is None or name not in policies:
        return []
    key = address_key(name, _address(request)) if name == "anonymous" else caller_key(name, caller(request))
    return [Draw(policies[name], key)]


def _is_csv(request: HttpRequest) -> bool:
    if not request.META["QUERY_STRING"]:
        return False
    try:
        return "csv" in request.GET.getlist("format")
    except SuspiciousOperation:  # refused by the view
        return False


def _names_coupon(request: HttpRequest) -> bool:
    """Return whether a quote or a checkout names a coupon, or a vendor's new coupon a code."""
    path = request.path_info
    is_new = path == paths.COUPONS and caller(request).role == "vendor"
    if request.method != "POST" or not (is_new or path in (paths.CHECKOUT, paths.QUOTE)):
        return False
    try:
        body = APIRequest(request).data  # parsed once: the view finds it
    except OrderError:  # refused by the view
        return False
    if not isinstance(body, dict):
        return False
    if is_new:
        return bool(body.get("code"))
    code = body.get("coupon_code")
    return bool(body.get("coupon_codes") or (code.strip() if isinstance(code, str) else code))


def _is_guess(response: HttpResponseBase) -> bool:
    """Return whether a response tells that a code is unknown or taken."""
    error = response.error if isinstance(response, ProblemResponse) else None
    return isinstance(error, CodeTaken) or (isinstance(error, CouponUnavailable) and error.reason == "unknown")


def _address(request: HttpRequest) -> str:
    """Return the client's address, that of X-Forwarded-For where uvicorn trusts its sender (FORWARDED_ALLOW_IPS)."""
    client = cast(ASGIRequest, request).scope.get("client")
    return client[0] if client else ""


def _policies() -> Mapping[str, Policy]:
    policies: Mapping[str, Policy] = settings.RATE_LIMITS
    return policies
