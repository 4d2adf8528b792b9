"""The Product Service's stock holds: one for each order, as `product.proto` describes them. No gRPC here.

Time is the clock's, looked at when somebody asks: what has expired by then is back on the shelf.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from compose.sandbox.hold import Answer, FailedPrecondition, Hold, InvalidArgument, Reservation, State
from compose.sandbox.inventory import Shelves


class Holds:
    """All holds, over the shelves they take from."""

    def __init__(self, shelves: Shelves, clock: Callable[[], float]) -> None:
        self._shelves, self._clock = shelves, clock
        self._holds: dict[str, Hold] = {}
        self._restocks: dict[str, tuple[str, dict[str, int]]] = {}
        self._expiries: list[tuple[float, str]] = []

    def reserve(self, order_id: str, lines: Iterable[tuple[str, int]], ttl_seconds: int) -> Reservation:
        """Make the order's hold exactly these lines, or reject them all and leave it as it was."""
        wanted = total(order_id, lines)
        if ttl_seconds < 1:
            raise InvalidArgument("ttl_seconds is at least 1")
        self.let_expire()
        hold = self._holds.setdefault(order_id, Hold(order_id))
        if hold.state is State.COMMITTED:
            raise FailedPrecondition("the order's hold is committed")
        hold.asked += 1
        own = hold.held()
        found = {product_id: product for product_id in wanted if (product := self._shelves.get(product_id))}
        reach = {product_id: product.available + own.get(product_id, 0) for product_id, product in found.items()}
        short = {name: (units, reach.get(name, 0)) for name, units in wanted.items() if units > reach.get(name, 0)}
        if short:
            return Reservation(Answer(order_id, State.REJECTED, hold.asked), reach, short)
        self._let_go(hold)
        self._take(hold, wanted, self._clock() + ttl_seconds)
        return Reservation(hold.seen(), reach, {})

    def commit(self, order_id: str, revision: int = 0) -> Answer:
        """Turn the hold into a sale if it has that revision (0: any)."""
        hold = self._current(order_id)
        if hold.state is State.COMMITTED:
            return hold.seen()
        if hold.state is not State.HELD:
            raise FailedPrecondition(f"nothing is held: {hold.state}")
        if revision not in (0, hold.revision):
            raise FailedPrecondition(f"the hold was replaced: its revision is {hold.revision}")
        for product_id, units in hold.lines.items():
            self._shelves[product_id].sell(units)
        hold.state = State.COMMITTED
        hold.commits += 1
        return hold.seen()

    def release(self, order_id: str, revision: int) -> Answer:
        """Give the hold back if it has that revision (0: any); else it stays, and the one named is RELEASED."""
        hold = self._current(order_id)
        if hold.state is State.COMMITTED:
            return hold.seen()
        if revision not in (0, hold.revision):
            return Answer(order_id, State.RELEASED, revision)
        if hold.state is State.HELD:
            self._let_go(hold)
            hold.releases += 1
        hold.state = State.RELEASED
        return hold.seen()

    def restock(self, restock_id: str, order_id: str, lines: Iterable[tuple[str, int]]) -> Answer:
        """Put units of a sale back on the shelf, once for each `restock_id`."""
        if not restock_id:
            raise InvalidArgument("restock_id is missing")
        wanted = total(order_id, lines)
        hold = self._current(order_id)
        if self._restocks.get(restock_id, (order_id, wanted)) != (order_id, wanted):
            raise InvalidArgument("this restock_id was used for something else")
        if restock_id in self._restocks:
            return hold.seen()
        bought = hold.bought()
        if any(units > bought.get(name, 0) for name, units in wanted.items()):
            raise FailedPrecondition("beyond what was committed")
        for product_id, units in wanted.items():
            self._shelves[product_id].take_back(units)
        hold.returned.update(wanted)
        hold.restocks += 1
        self._restocks[restock_id] = (order_id, wanted)
        return hold.seen()

    def get(self, order_id: str) -> Answer:
        """What became of the order's hold."""
        return self._current(order_id).seen()

    def expire(self, order_id: str) -> Answer:
        """End the hold's time now, whatever it had left."""
        hold = self._current(order_id)
        if hold.state is State.HELD:
            hold.expires_at = self._clock()
            heapq.heappush(self._expiries, (hold.expires_at, order_id))
        return self.get(order_id)

    def let_expire(self) -> None:
        """Put back on the shelf what has expired by now."""
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            hold = self._holds[heapq.heappop(self._expiries)[1]]
            if hold.state is State.HELD and hold.expires_at <= now:
                self._let_go(hold)
                hold.state = State.EXPIRED

    def adds_up(self) -> bool:
        """Whether every unit is in one place, and the shelves' held and sold units are those of the orders."""
        held: Counter[str] = Counter()
        sold: Counter[str] = Counter()
        for hold in self._holds.values():
            held.update(hold.held())
            sold.update(hold.bought())
        return all(p.adds_up() and (p.held, p.sold) == (held[p.product_id], sold[p.product_id]) for p in self._shelves)

    def ledger(self) -> dict[str, Any]:
        """What became of each order."""
        self.let_expire()
        return {order_id: hold.ledger() for order_id, hold in self._holds.items()}

    def ledger_of(self, order_id: str) -> dict[str, Any]:
        """What became of one order."""
        return self._current(order_id).ledger()

    def _current(self, order_id: str) -> Hold:
        """The order's hold as of now; an order never heard of is not remembered for having been asked about."""
        if not order_id:
            raise InvalidArgument("order_id is missing")
        self.let_expire()
        return self._holds.get(order_id) or Hold(order_id)

    def _take(self, hold: Hold, lines: dict[str, int], expires_at: float) -> None:
        for product_id, units in lines.items():
            self._shelves[product_id].hold(units)
        hold.lines, hold.state, hold.revision, hold.expires_at = lines, State.HELD, hold.asked, expires_at
        heapq.heappush(self._expiries, (expires_at, hold.order_id))

    def _let_go(self, hold: Hold) -> None:
        for product_id, units in hold.held().items():
            self._shelves[product_id].let_go(units)


def total(order_id: str, lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The units wanted of each product, which may stand on several lines. Raises `InvalidArgument` for nonsense."""
    wanted: Counter[str] = Counter()
    for product_id, units in lines:
        if not product_id or not units:
            raise InvalidArgument("a line needs a product and a quantity")
        wanted[product_id] += units
    if not order_id or not wanted:
        raise InvalidArgument("order_id or lines are missing")
    return dict(wanted)
