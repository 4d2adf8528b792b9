"""The setting RATE_LIMITS (contract: rate limits and caching), of which only the policy `streams` is implemented."""

import re

STREAMS = 20
"""The default maximum of concurrent streams for each caller."""


def streams_per_caller(text: str) -> int | None:
    """Return the policy `streams` of RATE_LIMITS, None for no limit. Raises ValueError with the invalid part."""
    limits = [part.strip() for part in text.split(",")]
    if limits == ["off"]:
        return None
    for part in limits:
        name, _, quota = part.partition("=")
        if name.strip() == "streams":
            return None if quota.strip() == "off" else _quota(part, quota.strip())
    return STREAMS


def _quota(part: str, quota: str) -> int:
    if not re.fullmatch("[0-9]{1,7}", quota) or not 1 <= int(quota) <= 1_000_000:
        raise ValueError(f"RATE_LIMITS: {part} is not streams=off or streams= a whole number from 1 to 1000000.")
    return int(quota)
