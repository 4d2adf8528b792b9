"""One order's stock hold: its states, the Product Service's record, and the snapshot that is returned to a caller."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec


class InvalidArgument(Exception):
    """The call is invalid in any state."""


class FailedPrecondition(Exception):
    """The state of the order's hold does not allow the call."""


class State(StrEnum):
    """The states of a hold, named as on the wire."""

    HELD = "HELD"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class Hold(msgspec.Struct):
    """The units that one order holds or bought, and the number of times that each operation took effect.

    `revision` is that of the hold's ReserveStock call, `reserve_calls` the number of ReserveStock calls so far: a rejected
    call increments it too, without changing the hold's revision.
    """

    order_id: str
    state: State = State.RELEASED
    revision: int = 0
    reserve_calls: int = 0
    lines: dict[str, int] = {}
    expires_at: float = 0.0
    commits: int = 0
    releases: int = 0
    restocks: int = 0
    restocked: Counter[str] = msgspec.field(default_factory=Counter)

    def snapshot(self) -> "HoldSnapshot":
        """Return the hold as returned to a caller."""
        expires = self.expires_at if self.state in (State.HELD, State.EXPIRED) else None
        lines = self.lines if self.state in (State.HELD, State.COMMITTED) else {}
        return HoldSnapshot(self.order_id, self.state, self.revision, expires, lines)

    def bought(self) -> dict[str, int]:
        """Return the units of each product that were sold to the order and not restocked."""
        lines = self.lines if self.state is State.COMMITTED else {}
        return {product_id: units - self.restocked[product_id] for product_id, units in lines.items()}

    def held(self) -> dict[str, int]:
        """Return the units of each product that the order holds now."""
        return self.lines if self.state is State.HELD else {}

    def ledger(self) -> dict[str, Any]:
        """Return state, revision and lines, and the number of commits, releases and restocks that took effect."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if name != "order_id"}


@dataclass(frozen=True, slots=True)
class HoldSnapshot:
    """A hold as returned to a caller.

    `expires_at` is in seconds since the epoch, None unless the hold expires or expired; `lines` are the held or sold units.
    """

    order_id: str
    state: State
    revision: int
    expires_at: float | None = None
    lines: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reservation:
    """The result of ReserveStock.

    `available` has the units of each existing product that the order could have, including its own hold; `shortages` maps
    each product with insufficient stock to (requested, available).
    """

    hold: HoldSnapshot
    available: dict[str, int]
    shortages: dict[str, tuple[int, int]]
