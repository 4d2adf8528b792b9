"""The rate limit policies, the setting RATE_LIMITS, and the policy of each request (contract: rate limits and caching)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from orders.http import paths

MAX_QUOTA, MAX_WINDOW = 1_000_000, 86_400

CONCURRENT = "streams"
"""The policy without a window: its units are given back, not refilled."""


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `quota` units at first and at any time; one comes back every `window` ÷ `quota` seconds."""

    name: str
    quota: int
    window: int | None
    """Seconds; None for a limit of concurrent requests."""

    member: str = field(init=False)
    """The policy's member of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers, RFC 9651)."""

    cost: int = field(init=False)
    """The credit that a unit costs (`orders/http/throttling/buckets.py`): the window in µs."""

    def __post_init__(self) -> None:
        unit = 'qu="concurrent-requests"' if self.window is None else f"w={self.window}"
        object.__setattr__(self, "member", f'"{self.name}";q={self.quota};{unit}')
        object.__setattr__(self, "cost", 1_000_000 * (self.window or 0))


DEFAULTS: Mapping[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("checkout", 30, 60),
        Policy("quote", 120, 60),
        Policy("write", 300, 60),
        Policy("read", 1200, 60),
        Policy("analytics", 120, 60),
        Policy("export", 20, 60),
        Policy("coupon_guess", 10, 600),
        Policy(CONCURRENT, 20, None),
        Policy("failed_auth", 60, 60),
        Policy("anonymous", 600, 60),
    )
}

_OF_POST = {paths.CHECKOUT: "checkout", paths.QUOTE: "quote"}

_CHANGE = re.compile(r"([a-z_]+)\s*=\s*(off|[0-9]{1,7})(?:\s*/\s*([0-9]{1,5}))?", re.ASCII)


def parse(text: str) -> dict[str, Policy]:
    """Return the policies in force, by name, for a value of RATE_LIMITS. Raises ValueError with the invalid part."""
    text = text.strip()
    if text == "off":
        return {}
    policies = dict(DEFAULTS)
    if text in ("", "on"):
        return policies
    changed = set()
    for part in map(str.strip, text.split(",")):
        name, policy = _change(part)
        if name in changed:
            raise _invalid(part, "names a policy a second time")
        changed.add(name)
        if policy:
            policies[name] = policy
        else:
            del policies[name]
    return policies


def policy_of(method: str, path: str, *, is_csv: bool) -> str | None:
    """Return the name of the policy that a request belongs to, None for a request without one."""
    if method == "OPTIONS":
        return None
    if not path.startswith(paths.API):
        return "anonymous" if paths.needs_no_token(path) else None
    if method not in ("GET", "HEAD"):
        return _OF_POST.get(path, "write") if method == "POST" else "write"
    if is_csv or path.startswith(paths.EXPORT):
        return "export"
    return "analytics" if path == paths.ANALYTICS or path.startswith(f"{paths.ANALYTICS}/") else "read"


def _change(part: str) -> tuple[str, Policy | None]:
    """Return a policy's name and its changed definition, None for off."""
    match = _CHANGE.fullmatch(part)
    if match is None or match[1] not in DEFAULTS:
        raise _invalid(part, f"is not on, off, or NAME=QUOTA/WINDOW or NAME=off with a name of {', '.join(DEFAULTS)}")
    name, quota, window = match.groups()
    if (quota == "off" or name == CONCURRENT) != (window is None):
        raise _invalid(part, f"{'needs' if window is None else 'has'} a window, like {name}=60/60")
    if quota == "off":
        return name, None
    if not 1 <= int(quota) <= MAX_QUOTA or not 1 <= int(window or 1) <= MAX_WINDOW:
        limits = f"a quota from 1 to {MAX_QUOTA} and a window from 1 to {MAX_WINDOW} seconds"
        raise _invalid(part, f"does not have {limits}")
    return name, Policy(name, int(quota), int(window) if window else None)


def _invalid(part: str, why: str) -> ValueError:
    return ValueError(f"RATE_LIMITS: {part!r} {why}.")
