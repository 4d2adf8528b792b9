"""The stock holds of the sandbox's Product Service: examples from `product.proto`, and random calls against a simple model."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from compose.sandbox.hold import FailedPrecondition, InvalidArgument, State
from compose.sandbox.holds import Holds
from compose.sandbox.inventory import Inventory

STOCK = {"a": 5, "b": 3}


class Clock:
    """A clock that moves only by assignment."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def stocked(clock: Clock) -> tuple[Inventory, Holds]:
    inventory = Inventory()
    for product_id, stock in STOCK.items():
        inventory.put(product_id, {"stock": stock})
    return inventory, Holds(inventory, clock)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inventory_and_holds(clock: Clock) -> tuple[Inventory, Holds]:
    return stocked(clock)


@pytest.fixture
def inventory(inventory_and_holds: tuple[Inventory, Holds]) -> Inventory:
    return inventory_and_holds[0]


@pytest.fixture
def holds(inventory_and_holds: tuple[Inventory, Holds]) -> Holds:
    return inventory_and_holds[1]


def test_held_units_are_not_available_until_the_hold_expires(inventory: Inventory, holds: Holds, clock: Clock) -> None:
    done = holds.reserve("o", [("a", 2)], 60)
    assert (done.hold.state, done.hold.revision, done.hold.expires_at) == (State.HELD, 1, clock.now + 60)
    assert (inventory["a"].available, inventory["a"].held) == (3, 2)
    clock.now += 60
    assert holds.get("o").state is State.EXPIRED
    assert (inventory["a"].available, inventory["a"].held) == (5, 0)


def test_reserving_again_replaces_the_hold_and_its_own_units_count_as_available(
    inventory: Inventory, holds: Holds
) -> None:
    holds.reserve("o", [("a", 5), ("b", 1)], 60)
    done = holds.reserve("o", [("a", 4)], 60)
    assert (done.hold.state, done.hold.revision, done.available) == (State.HELD, 2, {"a": 5})
    assert (inventory["a"].held, inventory["b"].held) == (4, 0)


def test_reserving_again_renews_the_expiry(holds: Holds, clock: Clock) -> None:
    holds.reserve("o", [("a", 1)], 10)
    holds.reserve("o", [("a", 1)], 60)
    clock.now += 59
    assert holds.get("o").state is State.HELD


def test_a_shortage_rejects_all_lines_and_leaves_the_earlier_hold_as_it_was(inventory: Inventory, holds: Holds) -> None:
    holds.reserve("o", [("a", 2)], 60)
    done = holds.reserve("o", [("a", 6), ("b", 1)], 60)
    assert (done.hold.state, done.shortages) == (State.REJECTED, {"a": (6, 5)})
    assert (inventory["a"].held, inventory["b"].held) == (2, 0)
    assert (holds.get("o").state, holds.get("o").revision) == (State.HELD, 1)
    assert holds.release("o", 1).state is State.RELEASED
    assert inventory["a"].held == 0


def test_every_reserve_call_has_a_greater_revision_than_the_one_before_rejected_ones_too(holds: Holds) -> None:
    revisions = [holds.reserve("o", [("a", units)], 60).hold.revision for units in (1, 9, 1, 2)]
    assert revisions == [1, 2, 3, 4]


def test_an_unknown_product_is_a_shortage_with_nothing_available(holds: Holds) -> None:
    done = holds.reserve("o", [("a", 1), ("nope", 2)], 60)
    assert (done.shortages, done.available) == ({"nope": (2, 0)}, {"a": 5})


def test_the_same_product_on_two_lines_adds_up(inventory: Inventory, holds: Holds) -> None:
    assert holds.reserve("o", [("a", 3), ("a", 3)], 60).shortages == {"a": (6, 5)}
    holds.reserve("o", [("a", 2), ("a", 3)], 60)
    assert inventory["a"].held == 5


def test_committing_sells_the_hold_once(inventory: Inventory, holds: Holds, clock: Clock) -> None:
    holds.reserve("o", [("a", 2)], 60)
    assert holds.commit("o").state is State.COMMITTED
    clock.now += 1000
    assert holds.commit("o").state is State.COMMITTED
    assert (inventory["a"].sold, inventory["a"].held, holds.ledger_of("o")["commits"]) == (2, 0, 1)


def test_only_the_hold_of_the_named_revision_is_committed(inventory: Inventory, holds: Holds) -> None:
    first = holds.reserve("o", [("a", 1)], 60).hold.revision
    second = holds.reserve("o", [("a", 2)], 60).hold.revision
    with pytest.raises(FailedPrecondition):
        holds.commit("o", first)
    assert (inventory["a"].held, inventory["a"].sold) == (2, 0)
    assert holds.commit("o", second).lines == {"a": 2}
    assert (inventory["a"].held, inventory["a"].sold) == (0, 2)


def test_a_hold_lists_the_held_or_sold_units(holds: Holds) -> None:
    assert holds.reserve("o", [("a", 2), ("b", 1)], 60).hold.lines == {"a": 2, "b": 1}
    assert holds.get("o").lines == {"a": 2, "b": 1}
    assert holds.release("o", 0).lines == {}
    holds.reserve("o", [("a", 3)], 60)
    holds.commit("o")
    holds.restock("r-1", "o", [("a", 1)])
    assert holds.get("o").lines == {"a": 3}


def test_a_committed_hold_cannot_be_reserved_again(holds: Holds) -> None:
    holds.reserve("o", [("a", 2)], 60)
    holds.commit("o")
    with pytest.raises(FailedPrecondition):
        holds.reserve("o", [("a", 1)], 60)


def test_only_an_active_hold_can_be_committed(holds: Holds, clock: Clock) -> None:
    with pytest.raises(FailedPrecondition):
        holds.commit("never-was")
    holds.reserve("expired", [("a", 1)], 1)
    holds.reserve("released", [("a", 1)], 60)
    holds.release("released", 0)
    clock.now += 1
    for order_id in ("expired", "released"):
        with pytest.raises(FailedPrecondition):
            holds.commit(order_id)


def test_a_late_release_of_an_older_revision_leaves_the_newer_hold(inventory: Inventory, holds: Holds) -> None:
    holds.reserve("o", [("a", 1)], 60)
    holds.reserve("o", [("a", 2)], 60)
    late = holds.release("o", 1)
    assert (late.state, late.revision, inventory["a"].held) == (State.RELEASED, 1, 2)
    assert holds.release("o", 2).state is State.RELEASED
    assert (inventory["a"].held, holds.ledger_of("o")["releases"]) == (0, 1)


def test_releasing_without_a_revision_releases_any_hold_or_none(holds: Holds) -> None:
    holds.reserve("o", [("a", 1)], 60)
    assert [holds.release(order_id, 0).state for order_id in ("o", "o", "never-was")] == [State.RELEASED] * 3
    assert holds.ledger_of("o")["releases"] == 1


def test_a_committed_hold_is_not_released(inventory: Inventory, holds: Holds) -> None:
    holds.reserve("o", [("a", 2)], 60)
    holds.commit("o")
    assert [holds.release("o", revision).state for revision in (0, 1, 7)] == [State.COMMITTED] * 3
    assert inventory["a"].sold == 2


def test_a_restock_makes_sold_units_available_once_for_each_id(inventory: Inventory, holds: Holds) -> None:
    holds.reserve("o", [("a", 3)], 60)
    holds.commit("o")
    for restock_id in ("r-1", "r-1", "r-2"):
        assert holds.restock(restock_id, "o", [("a", 1)]).state is State.COMMITTED
    assert (inventory["a"].sold, inventory["a"].available, inventory["a"].restocked) == (1, 4, 2)
    assert holds.ledger_of("o")["restocks"] == 2


@pytest.mark.parametrize("lines", [[("a", 2)], [("b", 1), ("a", 2)], [("unsold", 1)]])
def test_a_restock_beyond_the_committed_units_changes_nothing(
    inventory: Inventory, holds: Holds, lines: list[tuple[str, int]]
) -> None:
    holds.reserve("o", [("a", 2), ("b", 1)], 60)
    with pytest.raises(FailedPrecondition):
        holds.restock("too-early", "o", [("a", 1)])
    holds.commit("o")
    holds.restock("r-1", "o", [("a", 1)])
    with pytest.raises(FailedPrecondition):
        holds.restock("r-2", "o", lines)
    assert (inventory["a"].sold, inventory["b"].sold) == (1, 1)


def test_a_restock_id_with_other_lines_is_refused(holds: Holds) -> None:
    holds.reserve("o", [("a", 3)], 60)
    holds.commit("o")
    holds.restock("r-1", "o", [("a", 1)])
    with pytest.raises(InvalidArgument):
        holds.restock("r-1", "o", [("a", 2)])


def test_an_unknown_order_is_released_at_revision_0_and_not_stored(holds: Holds) -> None:
    holds.reserve("only-rejected", [("a", 99)], 60)
    for order_id in ("never-was", "only-rejected"):
        assert (holds.get(order_id).state, holds.get(order_id).revision) == (State.RELEASED, 0)
    assert "never-was" not in holds.ledger()


@pytest.mark.parametrize(
    ("order_id", "lines", "ttl"),
    [("", [("a", 1)], 60), ("o", [], 60), ("o", [("a", 0)], 60), ("o", [("", 1)], 60), ("o", [("a", 1)], 0)],
)
def test_invalid_arguments_are_refused(holds: Holds, order_id: str, lines: list[tuple[str, int]], ttl: int) -> None:
    with pytest.raises(InvalidArgument):
        holds.reserve(order_id, lines, ttl)


@pytest.mark.parametrize(
    "call",
    [
        lambda holds: holds.commit(""),
        lambda holds: holds.release("", 0),
        lambda holds: holds.get(""),
        lambda holds: holds.restock("", "o", [("a", 1)]),
    ],
    ids=["commit", "release", "get", "restock"],
)
def test_calls_without_an_order_or_restock_id_are_refused(holds: Holds, call: Callable[[Holds], object]) -> None:
    with pytest.raises(InvalidArgument):
        call(holds)


def test_new_stock_leaves_held_and_sold_units(inventory: Inventory, holds: Holds) -> None:
    holds.reserve("o", [("a", 2)], 60)
    product = inventory.put("a", {"stock": 0})
    assert (product.available, product.held, product.stock) == (0, 2, 2)
    holds.release("o", 0)
    assert inventory["a"].available == 2


ORDERS = st.sampled_from(["o-1", "o-2", "o-3"])
LINES = st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 4), min_size=1)


class StockMachine(RuleBasedStateMachine):
    """Random calls, each answer compared with a model that keeps one entry for each order and no counters."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.inventory, self.holds = stocked(self.clock)
        self.held: dict[str, tuple[Counter[str], float, int]] = {}
        self.sold: dict[str, Counter[str]] = {}
        self.calls: Counter[str] = Counter()
        self.restocks: dict[str, tuple[str, dict[str, int]]] = {}

    def taken(self) -> Counter[str]:
        lines = [hold[0] for hold in self.held.values()] + list(self.sold.values())
        return sum(lines, Counter[str]())

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds
        self.held = {order_id: hold for order_id, hold in self.held.items() if hold[1] > self.clock.now}

    @rule(order_id=ORDERS, lines=LINES, ttl=st.integers(1, 10))
    def reserve(self, order_id: str, lines: dict[str, int], ttl: int) -> None:
        if order_id in self.sold:
            with pytest.raises(FailedPrecondition):
                self.holds.reserve(order_id, lines.items(), ttl)
            return
        self.calls[order_id] += 1
        own = self.held.get(order_id, (Counter[str](),))[0]
        free = Counter(STOCK) - (self.taken() - own)
        done = self.holds.reserve(order_id, lines.items(), ttl)
        fits = all(units <= free[name] for name, units in lines.items())
        assert done.hold.state is (State.HELD if fits else State.REJECTED)
        assert done.hold.revision == self.calls[order_id]
        assert done.shortages == {n: (units, free[n]) for n, units in lines.items() if units > free[n]}
        if fits:
            self.held[order_id] = (Counter(lines), self.clock.now + ttl, self.calls[order_id])

    @rule(order_id=ORDERS)
    def commit(self, order_id: str) -> None:
        if order_id not in self.held and order_id not in self.sold:
            with pytest.raises(FailedPrecondition):
                self.holds.commit(order_id)
            return
        assert self.holds.commit(order_id).state is State.COMMITTED
        if order_id in self.held:
            self.sold[order_id] = self.held.pop(order_id)[0]

    @rule(order_id=ORDERS, revision=st.integers(0, 3))
    def release(self, order_id: str, revision: int) -> None:
        answer = self.holds.release(order_id, revision)
        assert answer.state is (State.COMMITTED if order_id in self.sold else State.RELEASED)
        if order_id in self.held and revision in (0, self.held[order_id][2]):
            del self.held[order_id]

    @rule(order_id=ORDERS, lines=LINES, restock_id=st.sampled_from(["r-1", "r-2", "r-3"]))
    def restock(self, order_id: str, lines: dict[str, int], restock_id: str) -> None:
        if restock_id in self.restocks:
            order_id, lines = self.restocks[restock_id]
        elif not Counter(lines) <= self.sold.get(order_id, Counter()):
            with pytest.raises(FailedPrecondition):
                self.holds.restock(restock_id, order_id, lines.items())
            return
        else:
            self.sold[order_id] -= Counter(lines)
            self.restocks[restock_id] = (order_id, lines)
        assert self.holds.restock(restock_id, order_id, lines.items()).state is State.COMMITTED

    @invariant()
    def every_unit_is_in_one_place(self) -> None:
        self.holds.expire_due()
        assert self.holds.adds_up()
        taken = self.taken()
        for product in self.inventory:
            assert product.stock == STOCK[product.product_id] == product.available + product.held + product.sold
            assert product.available == product.stock - taken[product.product_id]


StockMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestStockAgainstAModel = StockMachine.TestCase
