"""Token buckets in whole numbers, so that they are exact; `buckets.lua` has the same for Redis.

A bucket's credit is counted in units × window in µs: one unit costs `window` µs, and each µs that passes adds `quota`.
A unit may be held, for a request whose answer decides whether it is taken: it counts as taken meanwhile.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from orders.http.throttling.policies import Policy

MAX_BUCKETS = 100_000

HOLD_SECONDS = 15
"""The time after which a unit that was held by a terminated process is free again; longer than any request."""

SECOND = 1_000_000


class Draw(NamedTuple):
    """The change of one bucket by a request: units `taken` for good, and `held`, negative to end a hold.

    A draw that lowers the units available needs as many of them. One of neither returns the bucket's level only.
    """

    policy: Policy
    key: bytes
    taken: int = 1
    held: int = 0


class Level(NamedTuple):
    """The level of a policy for one caller or address."""

    policy: Policy
    remaining: int
    """The units left, rounded down; held ones do not count."""
    seconds: int | None = None
    """The seconds until the next unit comes back, rounded up and at least 1; None for a full bucket and without a window."""
    is_held: bool = False
    """True when the only reason that none is left is the units held by requests in progress."""


class Look(NamedTuple):
    """The result of a look: all draws were made, or none."""

    is_allowed: bool
    levels: Sequence[Level]


def level(policy: Policy, credit: int, held: int) -> Level:
    """Return the level of a bucket with this credit, of which the units held are taken off already."""
    unit = policy.cost
    remaining = max(0, credit // unit)
    if credit >= policy.quota * unit:
        return Level(policy, remaining)
    missing = (remaining + 1) * unit - credit
    seconds = max(1, -(-missing // (policy.quota * SECOND)))
    return Level(policy, remaining, seconds, is_held=not remaining and credit + held * unit >= unit)


class _Bucket(NamedTuple):
    credit: int
    at: int
    held: int
    held_until: int


class Buckets:
    """The buckets of one process. The number is limited: the longest unused go first."""

    def __init__(self, limit: int = MAX_BUCKETS) -> None:
        self._limit = limit
        self._buckets: OrderedDict[bytes, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def clear(self) -> None:
        """Forget every bucket."""
        self._buckets.clear()

    def look(self, draws: Sequence[Draw], now: int) -> Look:
        """Make all draws or, when a bucket does not have enough units, none. `now` is in µs."""
        found = [self._find(draw, now) for draw in draws]
        is_allowed = all(
            draw.taken + draw.held <= max(0, bucket.credit // draw.policy.cost - bucket.held)
            for draw, bucket in zip(draws, found, strict=True)
            if draw.taken + draw.held > 0
        )
        if is_allowed:
            found = [
                self._change(draw, bucket) if draw.taken or draw.held else bucket
                for draw, bucket in zip(draws, found, strict=True)
            ]
        return Look(
            is_allowed,
            [
                level(draw.policy, bucket.credit - bucket.held * draw.policy.cost, bucket.held)
                for draw, bucket in zip(draws, found, strict=True)
            ],
        )

    def _find(self, draw: Draw, now: int) -> _Bucket:
        """Return the bucket as it is now."""
        full = draw.policy.quota * draw.policy.cost
        if draw.key not in self._buckets:
            return _Bucket(full, now, 0, 0)
        self._buckets.move_to_end(draw.key)
        credit, at, held, held_until = self._buckets[draw.key]
        credit = min(full, credit + max(0, now - at) * draw.policy.quota)
        return _Bucket(credit, now, held if now < held_until else 0, held_until)

    def _change(self, draw: Draw, bucket: _Bucket) -> _Bucket:
        credit = max(0, bucket.credit - draw.taken * draw.policy.cost)
        held_until = bucket.at + HOLD_SECONDS * SECOND if draw.held > 0 else bucket.held_until
        changed = _Bucket(credit, bucket.at, max(0, bucket.held + draw.held), held_until)
        self._buckets[draw.key] = changed
        if len(self._buckets) > self._limit:
            self._buckets.popitem(last=False)
        return changed
