"""How the background loops of a process fare: each keeps a record that readiness looks at."""

import time

PATIENCE_SECONDS = 5
"""A failure that passes within this time, like a failover or a restart, is nobody's business."""

MAX_ROUND_SECONDS = 30
"""A loop that has not come round for so long is stuck."""


class LoopHealth:
    """What one loop last went through. It says `succeeded` or `failed` after each of its rounds."""

    def __init__(self) -> None:
        self._last_success = self._last_failure = time.monotonic()
        self._failing_since: float | None = None
        self._why = ""

    def succeeded(self) -> None:
        """The loop has done what it is there for."""
        self._last_success = time.monotonic()
        self._failing_since = None

    def failed(self, why: str) -> None:
        """The loop could not do what it is there for, and will try again."""
        self._last_failure = time.monotonic()
        self._failing_since = self._failing_since or self._last_failure
        self._why = why

    def idle(self, forget_after: float) -> None:
        """The loop has come round, which proves nothing; a failure `forget_after` seconds ago is over all the same."""
        if self._failing_since is None or time.monotonic() - self._last_failure > forget_after:
            self.succeeded()

    @property
    def problem(self) -> str:
        """Why the loop counts as failing; empty when it does not."""
        now = time.monotonic()
        if self._failing_since is not None:
            return self._why if now - self._failing_since > PATIENCE_SECONDS else ""
        silent = now - self._last_success
        return f"it has not come round for {silent:.0f} s" if silent > MAX_ROUND_SECONDS else ""
