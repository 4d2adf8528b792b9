"""The state of a coupon: whether it is good now, and if not, why. Pure."""

from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """The state of a coupon; the first that holds, in this order."""

    DISABLED = "disabled"
    EXPIRED = "expired"
    SCHEDULED = "scheduled"
    USED_UP = "used_up"
    ACTIVE = "active"


def state_at(
    now: datetime,
    *,
    is_active: bool,
    starts_at: datetime,
    ends_at: datetime | None,
    usage_limit: int | None,
    times_used: int,
    budget: int | None,
    amount_used: int,
) -> State:
    """Return the state at `now`. A coupon is good from `starts_at` (inclusive) to `ends_at` (exclusive)."""
    if not is_active:
        return State.DISABLED
    if ends_at is not None and ends_at <= now:
        return State.EXPIRED
    if now < starts_at:
        return State.SCHEDULED
    if is_used_up(usage_limit, times_used, budget, amount_used):
        return State.USED_UP
    return State.ACTIVE


def is_used_up(usage_limit: int | None, times_used: int, budget: int | None, amount_used: int) -> bool:
    """Return whether the usage limit is reached or the budget spent."""
    return (usage_limit is not None and times_used >= usage_limit) or (budget is not None and amount_used >= budget)
