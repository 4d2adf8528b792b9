"""The time budget of a request, passed from call to call."""

import asyncio
import time
from dataclasses import dataclass

LATE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def left(self, at_most: float) -> float:
        """Return the seconds until the deadline, at most `at_most` and never negative."""
        return max(0.0, min(at_most, self.at - time.monotonic()))


def was_late(limit: asyncio.Timeout) -> bool:
    """Return whether a timeout was processed so late that this process must have been busy."""
    return asyncio.get_running_loop().time() - (limit.when() or 0.0) > LATE_SECONDS
