"""How long a caller is still willing to wait, handed down from call to call."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """The moment `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def left(self, at_most: float) -> float:
        """Seconds until then, no more than `at_most` and never negative."""
        return max(0.0, min(at_most, self.at - time.monotonic()))
