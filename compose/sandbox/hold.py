"""One order's stock hold: its states, what the Product Service remembers of it and what a caller sees of it."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class InvalidArgument(Exception):
    """The call makes no sense in any state."""


class FailedPrecondition(Exception):
    """The order's hold is not in the state that the call needs."""


class State(StrEnum):
    """The states of a hold, named as on the wire."""

    HELD = "HELD"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


@dataclass(slots=True)
class Hold:
    """What one order holds or bought, and what was really done to it.

    `revision` is that of the ReserveStock that made the hold, `asked` the number of ReserveStock calls so far: a
    rejected one takes a number too, and leaves the hold its own.
    """

    order_id: str
    state: State = State.RELEASED
    revision: int = 0
    asked: int = 0
    lines: dict[str, int] = field(default_factory=dict)
    expires_at: float = 0.0
    returned: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    releases: int = 0
    restocks: int = 0

    def seen(self) -> "Answer":
        """The hold as the caller sees it."""
        expires = self.expires_at if self.state in (State.HELD, State.EXPIRED) else None
        lines = self.lines if self.state in (State.HELD, State.COMMITTED) else {}
        return Answer(self.order_id, self.state, self.revision, expires, lines)

    def bought(self) -> dict[str, int]:
        """The units of each product that were sold to the order and did not come back."""
        lines = self.lines if self.state is State.COMMITTED else {}
        return {product_id: units - self.returned[product_id] for product_id, units in lines.items()}

    def held(self) -> dict[str, int]:
        """The units of each product that the order holds now."""
        return self.lines if self.state is State.HELD else {}

    def ledger(self) -> dict[str, Any]:
        """State, revision and lines, and how often a commit, release or restock took effect."""
        return {
            "state": self.state,
            "revision": self.revision,
            "reserve_calls": self.asked,
            "lines": self.lines,
            "expires_at": self.expires_at,
            "commits": self.commits,
            "releases": self.releases,
            "restocks": self.restocks,
            "restocked": dict(self.returned),
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """A hold as the caller sees it.

    `expires_at` is in seconds since the epoch, None where no time runs or ran out; `lines` is what is held, or was sold.
    """

    order_id: str
    state: State
    revision: int
    expires_at: float | None = None
    lines: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reservation:
    """The answer to ReserveStock.

    `within_reach` is how many units of each existing product this order could have had, its own held ones counted;
    `shortages` maps what it could not have to (requested, within reach).
    """

    hold: Answer
    within_reach: dict[str, int]
    shortages: dict[str, tuple[int, int]]
