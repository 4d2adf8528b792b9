"""Slow, silent, broken or wrong neighbours while many customers shop (P3, P4, P9, P10).

A customer retries under the same key or gives up; either way no order is lost, no stock stays held and no effect is
repeated.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest

from tests.support.checkout_load import Load, ensure_in_time, ensure_refusal
from tests.support.fleet import RECOVERY_SECONDS, Fleet
from tests.support.world import Person, World, eventually

CUSTOMERS = 24
LEAVING = 8
FAULT_SECONDS = 3

GIVEN_BACK_SECONDS = 5
"""Promise P3, from Product's recovery on."""

Fault = dict[str, Any]

HTTP_FAULTS: list[Fault] = [
    {"kind": "delay", "value": 0.8},
    {"kind": "delay", "value": 3},
    {"kind": "hang"},
    {"kind": "reset"},
    {"kind": "drip", "value": 0.05},
    {"kind": "garbage"},
    {"kind": "huge"},
    {"kind": "wrong_types"},
    {"kind": "status", "value": 500},
    {"kind": "status", "value": 429},
    {"kind": "body", "value": [{"id": None}]},
]

PRODUCT_FAULTS: list[Fault] = [
    {"kind": "delay", "value": 1.5},
    {"kind": "delay", "value": 6},
    {"kind": "hang"},
    {"kind": "hang", "after": True},
    {"kind": "unavailable_before"},
    {"kind": "unavailable_after"},
    {"kind": "status", "value": "INTERNAL"},
    {"kind": "status", "value": "RESOURCE_EXHAUSTED", "after": True},
    {"kind": "body", "value": "empty"},
    {"kind": "body", "value": "huge"},
    {"kind": "body", "value": "negative_price"},
]

QUICK = [("user", {"kind": "hang"}), ("cart", {"kind": "garbage"}), ("product", {"kind": "unavailable_after"})]
"""The cases of `make test`."""

BORNE: list[Fault] = [{"kind": "delay", "value": 0.8}, {"kind": "delay", "value": 1.5}]
"""Slow, but within the deadline: no checkout is refused."""

MANY: list[tuple[str, Fault]] = [
    *((neighbour, fault) for neighbour in ("user", "cart") for fault in HTTP_FAULTS),
    *(("product", fault) for fault in PRODUCT_FAULTS),
]


def case(neighbour: str, fault: Fault) -> Any:
    """Return a parameter set named after its fault; slow ones are for `make test-faults`."""
    name = " ".join([neighbour, *(str(part) for part in fault.values())])
    return pytest.param(neighbour, fault, id=name, marks=[] if (neighbour, fault) in QUICK else [pytest.mark.long])


@pytest.mark.parametrize(("neighbour", "fault"), [case(*one) for one in MANY])
def test_a_failing_neighbour_is_named_in_time_and_the_service_recovers_with_it(
    fleet: Fleet, world: World, rng: Random, neighbour: str, fault: Fault
) -> None:
    with Load(world, fleet.urls, rng, "refusals", CUSTOMERS) as load:
        load.run(0.5)
        wanted = world.product(stock=1000, vendor="v-north")
        with world.sandbox.fault(neighbour, **fault):
            refused = check_out_once(world, wanted)
            load.run(FAULT_SECONDS)
        well = time.monotonic()
        eventually(
            lambda: not held_without_an_order(world, wanted),
            "the holds of refused checkouts to end",
            GIVEN_BACK_SECONDS,
        )
    assert time.monotonic() - well < RECOVERY_SECONDS
    assert (fault in BORNE) or (refused and load.refused_by), (refused, load.refused_by)
    assert not load.refused_by or load.refused_by.most_common(1)[0][0] == neighbour, load.refused_by
    load.check()


def check_out_once(world: World, product: str) -> int:
    """Send one checkout of this product for each customer, all at once and without a retry; return the number of refusals."""
    customers = [world.customer([(product, 1)]) for _ in range(LEAVING)]
    with ThreadPoolExecutor(LEAVING) as pool:
        return sum(pool.map(is_refused, customers))


def held_without_an_order(world: World, product: str) -> set[str]:
    """Return the ids under which Product holds this product without an order."""
    orders = world.sandbox.ledger("product")["orders"].items()
    held = {order_id for order_id, hold in orders if hold["state"] == "HELD" and product in hold["lines"]}
    placed = world.sql("SELECT id::text FROM orders WHERE id = ANY(%s::uuid[])", list(held))
    return held - {order["id"] for order in placed}


def is_refused(customer: Person) -> bool:
    """Return whether a checkout is refused; in either case the response must be timely."""
    start = time.monotonic()
    answer = customer.checkout()
    ensure_in_time(answer, time.monotonic() - start)
    if answer.status_code == 201:
        return False
    ensure_refusal(answer)
    return True


def lost(after: bool) -> dict[str, list[Fault]]:
    """Return faults that make each of the worker's calls fail before and after its effect, too rarely to open a circuit."""
    product = [
        {"kind": kind, "call": call, **how}
        for call in ("CommitStock", "ReleaseStock", "RestockItems")
        for kind, how in (
            ("unavailable_after" if after else "unavailable_before", {"times": 2}),  # one is retried at once
            ("status", {"value": "INTERNAL", "times": 1, "after": after}),
            ("hang", {"times": 1, "after": after}),
        )
    ]
    cart = [
        {"kind": kind, "call": "clear", "times": 1, "after": after, **how}
        for kind, how in (("reset", {}), ("status", {"value": 503}), ("hang", {}))
    ]
    return {"product": product, "cart": cart}


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.long), True], ids=["before", "after"])
def test_the_workers_effects_take_place_once_though_its_calls_fail(
    fleet: Fleet, world: World, rng: Random, after: bool
) -> None:
    with ExitStack() as armed, Load(world, fleet.urls, rng, "nothing", customers=12) as load:
        for neighbour, faults in lost(after).items():
            armed.enter_context(world.sandbox.faults(neighbour, faults))
        eventually(lambda: not any(map(world.sandbox.armed, ("product", "cart"))), "every call to have failed")
    load.check()
    ids = [purchase.order["id"] for purchase in load.placed if purchase.order]
    assert not world.sql("SELECT reason FROM dead_letters WHERE order_id = ANY(%s::uuid[])", ids)
    orders = world.sandbox.ledger("product")["orders"]
    assert all(any(orders[order_id][what] for order_id in ids) for what in ("commits", "releases", "restocks"))
