"""The health of the background loops of a process, for readiness."""

import time

PATIENCE_SECONDS = 5
"""Failures shorter than this, like a failover or a restart, do not affect readiness."""

MAX_ROUND_SECONDS = 30
"""A loop without a completed iteration for this long is stuck."""


class LoopHealth:
    """The health of one loop, which calls `succeeded`, `failed` or `idle` after each iteration."""

    def __init__(self) -> None:
        self._last_success = self._last_failure = time.monotonic()
        self._failing_since: float | None = None
        self._why = ""

    def succeeded(self) -> None:
        """Record a successful iteration."""
        self._last_success = time.monotonic()
        self._failing_since = None

    def failed(self, why: str) -> None:
        """Record a failed iteration; the loop will retry."""
        self._last_failure = time.monotonic()
        self._failing_since = self._failing_since or self._last_failure
        self._why = why

    def idle(self, forget_after: float) -> None:
        """Record an iteration without work, which clears a failure only after `forget_after` seconds."""
        if self._failing_since is None or time.monotonic() - self._last_failure > forget_after:
            self.succeeded()

    @property
    def problem(self) -> str:
        """Return why the loop counts as failing; empty when it does not."""
        now = time.monotonic()
        if self._failing_since is not None:
            return self._why if now - self._failing_since > PATIENCE_SECONDS else ""
        silent = now - self._last_success
        return f"no iteration for {silent:.0f} s" if silent > MAX_ROUND_SECONDS else ""
