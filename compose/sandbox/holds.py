"""The Product Service's stock holds, one for each order, as specified in `product.proto`, without gRPC.

Holds expire lazily: each call first releases the expired ones.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from compose.sandbox.hold import FailedPrecondition, Hold, HoldSnapshot, InvalidArgument, Reservation, State
from compose.sandbox.inventory import Inventory


class Holds:
    """All holds, and the inventory of their units."""

    def __init__(self, inventory: Inventory, clock: Callable[[], float]) -> None:
        self._inventory, self._clock = inventory, clock
        self._holds: dict[str, Hold] = {}
        self._restocks: dict[str, tuple[str, dict[str, int]]] = {}
        self._expiries: list[tuple[float, str]] = []

    def reserve(self, order_id: str, lines: Iterable[tuple[str, int]], ttl_seconds: int) -> Reservation:
        """Set the order's hold to exactly these lines, or reject them all without a change."""
        wanted = total(order_id, lines)
        if ttl_seconds < 1:
            raise InvalidArgument("ttl_seconds is at least 1")
        self.expire_due()
        hold = self._holds.setdefault(order_id, Hold(order_id))
        if hold.state is State.COMMITTED:
            raise FailedPrecondition("the order's hold is committed")
        hold.reserve_calls += 1
        own = hold.held()
        found = {product_id: product for product_id in wanted if (product := self._inventory.get(product_id))}
        free = {product_id: product.available + own.get(product_id, 0) for product_id, product in found.items()}
        short = {name: (units, free.get(name, 0)) for name, units in wanted.items() if units > free.get(name, 0)}
        if short:
            return Reservation(HoldSnapshot(order_id, State.REJECTED, hold.reserve_calls), free, short)
        self._release(hold)
        self._take(hold, wanted, self._clock() + ttl_seconds)
        return Reservation(hold.snapshot(), free, {})

    def commit(self, order_id: str, revision: int = 0) -> HoldSnapshot:
        """Commit the hold as a sale if it has that revision (0: any)."""
        hold = self._current(order_id)
        if hold.state is State.COMMITTED:
            return hold.snapshot()
        if hold.state is not State.HELD:
            raise FailedPrecondition(f"nothing is held: {hold.state}")
        if revision not in (0, hold.revision):
            raise FailedPrecondition(f"the hold was replaced: its revision is {hold.revision}")
        for product_id, units in hold.lines.items():
            self._inventory[product_id].sell(units)
        hold.state = State.COMMITTED
        hold.commits += 1
        return hold.snapshot()

    def release(self, order_id: str, revision: int) -> HoldSnapshot:
        """Release the hold if it has that revision (0: any); else keep it and return RELEASED for that revision."""
        hold = self._current(order_id)
        if hold.state is State.COMMITTED:
            return hold.snapshot()
        if revision not in (0, hold.revision):
            return HoldSnapshot(order_id, State.RELEASED, revision)
        if hold.state is State.HELD:
            self._release(hold)
            hold.releases += 1
        hold.state = State.RELEASED
        return hold.snapshot()

    def restock(self, restock_id: str, order_id: str, lines: Iterable[tuple[str, int]]) -> HoldSnapshot:
        """Make sold units available again, once for each `restock_id`."""
        if not restock_id:
            raise InvalidArgument("restock_id is missing")
        wanted = total(order_id, lines)
        hold = self._current(order_id)
        if self._restocks.get(restock_id, (order_id, wanted)) != (order_id, wanted):
            raise InvalidArgument("this restock_id was used for something else")
        if restock_id in self._restocks:
            return hold.snapshot()
        bought = hold.bought()
        if any(units > bought.get(name, 0) for name, units in wanted.items()):
            raise FailedPrecondition("beyond what was committed")
        for product_id, units in wanted.items():
            self._inventory[product_id].restock(units)
        hold.restocked.update(wanted)
        hold.restocks += 1
        self._restocks[restock_id] = (order_id, wanted)
        return hold.snapshot()

    def get(self, order_id: str) -> HoldSnapshot:
        """Return the order's hold."""
        return self._current(order_id).snapshot()

    def expire(self, order_id: str) -> HoldSnapshot:
        """Expire the hold now, regardless of its expiry time."""
        hold = self._current(order_id)
        if hold.state is State.HELD:
            hold.expires_at = self._clock()
            heapq.heappush(self._expiries, (hold.expires_at, order_id))
        return self.get(order_id)

    def expire_due(self) -> None:
        """Release the units of expired holds."""
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            hold = self._holds[heapq.heappop(self._expiries)[1]]
            if hold.state is State.HELD and hold.expires_at <= now:
                self._release(hold)
                hold.state = State.EXPIRED

    def adds_up(self) -> bool:
        """Return whether every unit is in one state, and the held and sold units match those of the orders."""
        held: Counter[str] = Counter()
        sold: Counter[str] = Counter()
        for hold in self._holds.values():
            held.update(hold.held())
            sold.update(hold.bought())
        return all(
            p.adds_up() and (p.held, p.sold) == (held[p.product_id], sold[p.product_id]) for p in self._inventory
        )

    def ledger(self) -> dict[str, Any]:
        """Return the record of each order."""
        self.expire_due()
        return {order_id: hold.ledger() for order_id, hold in self._holds.items()}

    def ledger_of(self, order_id: str) -> dict[str, Any]:
        """Return the record of one order."""
        return self._current(order_id).ledger()

    def _current(self, order_id: str) -> Hold:
        """Return the order's current hold; a look-up of an unknown order stores nothing."""
        if not order_id:
            raise InvalidArgument("order_id is missing")
        self.expire_due()
        return self._holds.get(order_id) or Hold(order_id)

    def _take(self, hold: Hold, lines: dict[str, int], expires_at: float) -> None:
        for product_id, units in lines.items():
            self._inventory[product_id].hold(units)
        hold.lines, hold.state, hold.revision, hold.expires_at = lines, State.HELD, hold.reserve_calls, expires_at
        heapq.heappush(self._expiries, (expires_at, hold.order_id))

    def _release(self, hold: Hold) -> None:
        for product_id, units in hold.held().items():
            self._inventory[product_id].hold(-units)


def total(order_id: str, lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the units of each product, which may have several lines. Raise `InvalidArgument` for invalid lines."""
    wanted: Counter[str] = Counter()
    for product_id, units in lines:
        if not product_id or not units:
            raise InvalidArgument("a line needs a product and a quantity")
        wanted[product_id] += units
    if not order_id or not wanted:
        raise InvalidArgument("order_id or lines are missing")
    return dict(wanted)
