"""GET /api/v1/vendor-orders: a vendor's own parts of orders, filtered as orders are, and nothing of another vendor's part."""

import uuid
from typing import Any

import pytest

from tests.support.lists import confirm, ids, name, order_of, refused
from tests.support.world import Person, World

PATH = "/vendor-orders"


def listed(person: Person, **query: Any) -> list[str]:
    return ids(person, PATH, **query)


def part_of(order: dict[str, Any], vendor_id: str) -> str:
    return str(next(part["id"] for part in order["vendor_orders"] if part["vendor_id"] == vendor_id))


def confirmed(world: World, customer: Person, *items: tuple[str, int]) -> dict[str, Any]:
    return confirm(world, customer, order_of(world, customer, *items))


def test_a_vendor_lists_own_parts_only_newest_first(either_world: World) -> None:
    world, north, south = either_world, name("v"), name("v")
    ada, mug, book = world.customer(), world.product(vendor=north), world.product(vendor=south)
    orders = [order_of(world, ada, *items) for items in ([(mug, 1)], [(mug, 2), (book, 1)], [(book, 2)])]
    answer = world.vendor(north).get(PATH).json()
    assert [row["id"] for row in answer["results"]] == [part_of(orders[1], north), part_of(orders[0], north)]
    assert (answer["next"], answer["previous"]) == (None, None)
    assert answer["results"][0] == world.vendor(north).get(f"{PATH}/{part_of(orders[1], north)}").json()
    for foreign in (south, book, orders[1]["total"], ada.id):
        assert foreign not in str(answer)


def test_vendor_orders_by_status(world: World) -> None:
    vendor_id = name("v")
    vendor, admin, ada, mug = world.vendor(vendor_id), world.admin(), world.customer(), world.product(vendor=vendor_id)
    accepted, waiting, cancelled = (part_of(confirmed(world, ada, (mug, n)), vendor_id) for n in (1, 2, 3))
    assert vendor.post(f"{PATH}/{accepted}/accept").status_code == 200
    assert vendor.post(f"{PATH}/{cancelled}/cancel").status_code == 200
    for person, whose in ((vendor, {}), (admin, {"vendor_id": vendor_id})):
        assert listed(person, status="pending", **whose) == [waiting]
        assert listed(person, status="pending,processing,pending", **whose) == [waiting, accepted]
        assert listed(person, status="cancelled,pending", ordering="created_at", **whose) == [waiting, cancelled]
        assert listed(person, status="cancelled,processing", ordering="total", **whose) == [accepted, cancelled]
        assert listed(person, status="shipped", **whose) == []


def test_statuses_of_orders_alone_are_refused_for_vendor_orders(world: World) -> None:
    for word in ("confirmed", "expired"):
        assert refused(world.vendor("v-1"), PATH, status=word) == ["/status"]


def test_bounds_of_time_are_a_vendor_orders_own(world: World) -> None:
    vendor_id = name("v")
    vendor, admin, ada, mug = world.vendor(vendor_id), world.admin(), world.customer(), world.product(vendor=vendor_id)
    early, mid, late = parts = [part_of(order_of(world, ada, (mug, 1)), vendor_id) for _ in range(3)]
    moments = [f"2026-03-01T12:00:00.00000{n}Z" for n in (1, 2, 3)]
    for part, moment in zip(parts, moments, strict=True):
        update = "UPDATE vendor_orders SET created_at = %s::timestamptz, updated_at = %s WHERE id = %s"
        world.sql(update, moment, moment, part)
    for person, whose in ((vendor, {}), (admin, {"vendor_id": vendor_id})):
        assert listed(person, created_after=moments[1], **whose) == [late, mid]
        assert listed(person, created_before=moments[1], **whose) == [early]
        assert listed(person, created_after=moments[1], created_before=moments[2], ordering="total", **whose) == [mid]
        assert listed(person, updated_since=moments[1], ordering="updated_at", **whose) == [mid, late]
        assert listed(person, updated_since=moments[2], **whose) == [late]


def test_a_change_of_another_vendors_part_is_invisible(world: World) -> None:
    north, south = name("v"), name("v")
    ada, mug, book = world.customer(), world.product(vendor=north), world.product(vendor=south)
    order = confirmed(world, ada, (mug, 1), (book, 1))
    assert world.vendor(south).post(f"{PATH}/{part_of(order, south)}/accept").status_code == 200
    accepted_at = world.vendor(south).get(f"{PATH}/{part_of(order, south)}").json()["updated_at"]
    assert listed(world.vendor(south), updated_since=accepted_at) == [part_of(order, south)]
    assert listed(world.vendor(north), updated_since=accepted_at) == []
    assert listed(world.vendor(north), status="processing") == []


@pytest.mark.parametrize("ordering", ["-created_at", "created_at", "updated_at", "-total"])
def test_a_search_never_looks_into_another_vendors_items(world: World, ordering: str) -> None:
    north, south, word = name("v"), name("v"), uuid.uuid4().hex
    mug = world.product(vendor=north, name=f"Mug {word}", sku="NORTH")
    book = world.product(vendor=south, name=f"Book {word}", sku=f"{word}SOUTH")
    ada, admin = world.customer(), world.admin()
    order = order_of(world, ada, (mug, 1), (book, 1))
    of_north, of_south = part_of(order, north), part_of(order, south)
    for person, whose in ((world.vendor(north), {}), (admin, {"vendor_id": north})):
        assert listed(person, q=f"MUG {word}", ordering=ordering, **whose) == [of_north]
        assert listed(person, q=f"book {word}", ordering=ordering, **whose) == []
        assert listed(person, q=f"{word}south", ordering=ordering, **whose) == []
        assert listed(person, q=order["number"].lower(), ordering=ordering, **whose) == [of_north]
        assert listed(person, q=order["number"][2:], ordering=ordering, **whose) == [of_north]
        assert listed(person, product_id=mug, ordering=ordering, **whose) == [of_north]
        assert listed(person, product_id=book, ordering=ordering, **whose) == []
    assert set(listed(admin, q=word, ordering=ordering)) == {of_north, of_south}
    assert listed(admin, product_id=book, ordering=ordering) == [of_south]
    assert listed(world.vendor(name("v")), q=order["number"]) == []


@pytest.mark.parametrize(("ordering", "turned"), [("-created_at", 1), ("total", 1), ("updated_at", -1)])
def test_filters_of_vendor_orders_are_combined(world: World, ordering: str, turned: int) -> None:
    vendor_id = name("v")
    vendor, admin, ada = world.vendor(vendor_id), world.admin(), world.customer()
    mug, book = (world.product(vendor=vendor_id, name=word, sku=word) for word in ("Mug", "Book"))
    orders = [order_of(world, ada, *items) for items in ([(mug, 1)], [(mug, 3), (book, 1)], [(book, 2)])]
    _, both, books = (part_of(order, vendor_id) for order in orders)
    for person, whose in ((vendor, {}), (admin, {"vendor_id": vendor_id})):
        query = {"ordering": ordering, "created_after": orders[1]["created_at"], **whose}
        assert listed(person, product_id=book, **query) == [books, both][::turned]
        assert listed(person, q="book", status="pending", **query) == [books, both][::turned]
        assert listed(person, product_id=mug, q="book", **query) == [both]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("payment_status", "paid"), ("min_total", "1"), ("max_total", "1"), ("customer_id", "c-1"), ("vendor_id", "v-1"),
        ("status", ""), ("status", "lost"), ("q", ""), ("product_id", ""), ("created_after", "now"), ("updated_since", ""),
        ("ordering", "vendor_id"), ("ordering", ""), ("limit", "0"), ("cursor", "x"), ("order_id", "1"),
    ],
)  # fmt: skip
def test_an_invalid_parameter_of_vendor_orders_is_refused(world: World, parameter: str, value: str) -> None:
    assert refused(world.vendor("v-1"), PATH, **{parameter: value}) == [f"/{parameter}"]


def test_a_parameter_of_vendor_orders_given_twice_is_refused(world: World) -> None:
    assert refused(world.vendor("v-1"), PATH, q=["mug", "mug"]) == ["/q"]


def test_customers_have_no_list_of_vendor_orders(world: World) -> None:
    assert world.customer().get(PATH).status_code == 403
