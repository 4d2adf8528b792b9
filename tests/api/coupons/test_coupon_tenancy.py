"""Tenancy (promise P7): no vendor learns of another's coupons, or the platform's, by any route, filter or cursor."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.coupons import TERMS, a_code, batch, codes, coupon, read, use
from tests.support.lists import pages
from tests.support.problem import problem
from tests.support.world import Person, World

ROUTES = [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/redemptions"), ("GET", "/history")]
MISSING = str(uuid.UUID(int=7))


@dataclass
class Fair:
    """Two vendors with coupons; all that is not the first one's own contains the canary."""

    world: World
    first: Person
    first_id: str
    own: dict[str, Any]
    foreign: list[dict[str, Any]]
    foreign_batches: list[dict[str, Any]]
    canary: str


@pytest.fixture
def fair(world: World) -> Iterator[Fair]:
    """Yield a fair: the first vendor's coupon; another vendor's, and the platform's for any vendor and for the first one."""
    canary = uuid.uuid4().hex[:8].upper()
    first_id, second_id = f"v-{uuid.uuid4()}", f"v-{uuid.uuid4()}"
    first, second, admin = world.vendor(first_id), world.vendor(second_id), world.admin()
    own = coupon(first, name="Mine")

    def hidden(person: Person, **fields: Any) -> dict[str, Any]:
        made = coupon(person, code=a_code(canary), name=canary, **fields)
        use(world, made, customer_id=f"c-{canary}")
        return made

    foreign = [
        hidden(second),
        hidden(admin),
        hidden(admin, vendor_id=first_id, funded_by="platform"),
        hidden(admin, vendor_id=second_id),
    ]
    batches = [
        batch(second, prefix=canary, name=canary),
        batch(admin, prefix=canary, name=canary),
        batch(admin, prefix=canary, name=canary, vendor_id=first_id, funded_by="platform"),
    ]
    yield Fair(world, first, first_id, own, foreign, batches, canary)


def ask(person: Person, method: str, path: str, **headers: str) -> httpx.Response:
    """Send a request that would have an effect if it were allowed."""
    if method == "PATCH":
        return person.patch(path, {"name": "taken over"}, **headers)
    return person.delete(path, **headers) if method == "DELETE" else person.get(path, headers=headers)


def same_but_for_the_request(answer: httpx.Response) -> tuple[int, dict[str, Any], set[str]]:
    """Return the response without the parts that belong to this one request, and the names of its headers."""
    body = {name: value for name, value in answer.json().items() if name not in ("instance", "request_id")}
    return answer.status_code, body, set(answer.headers)


def test_a_foreign_coupon_is_404_on_every_route_like_a_missing_one(fair: Fair) -> None:
    for foreign in fair.foreign:
        for method, tail in ROUTES:
            for headers in ({}, {"If-Match": '"1"'}, {"If-Match": '"9"'}, {"If-None-Match": '"1"'}):
                answer = ask(fair.first, method, f"/coupons/{foreign['code']}{tail}", **headers)
                missing = ask(fair.first, method, f"/coupons/{a_code()}{tail}", **headers)
                assert answer.status_code == 404, f"{method} {tail}"
                assert same_but_for_the_request(answer) == same_but_for_the_request(missing)
        answer = fair.first.patch(f"/coupons/{foreign['code']}", {"code": 1})
        assert same_but_for_the_request(answer) == same_but_for_the_request(missing)
    admin = fair.world.admin()
    assert [read(admin, row["code"])["name"] for row in fair.foreign] == [fair.canary] * 4


def test_a_foreign_batch_is_404_on_every_route_like_a_missing_one(fair: Fair) -> None:
    for foreign in fair.foreign_batches:
        for method in ("GET", "PATCH"):
            answer = ask(fair.first, method, f"/coupon-batches/{foreign['id']}")
            missing = ask(fair.first, method, f"/coupon-batches/{MISSING}")
            assert answer.status_code == 404
            assert same_but_for_the_request(answer) == same_but_for_the_request(missing)
        assert fair.world.admin().get(f"/coupon-batches/{foreign['id']}").json() == foreign


@pytest.mark.parametrize("ordering", ["-created_at", "created_at", "-code", "code"])
def test_no_filter_search_or_ordering_lists_a_foreign_coupon(fair: Fair, ordering: str) -> None:
    batch_ids = [row["id"] for row in fair.foreign_batches]
    queries: list[dict[str, Any]] = [
        {},
        {"is_active": "true"},
        {"kind": "percentage"},
        {"q": "T"},
        *({"q": row["code"]} for row in fair.foreign),
        *({"batch_id": id_} for id_ in batch_ids),
        {"q": fair.canary, "is_active": "true"},
    ]
    for query in queries:
        for form in ({"limit": 100}, {"format": "csv"}):
            answer = fair.first.get("/coupons", params={**query, **form, "ordering": ordering})
            assert answer.status_code == 200, answer.text
            assert fair.canary not in answer.text
            assert all(row["id"] not in answer.text for row in fair.foreign)
        own = [fair.own["code"]] if "T".startswith(query.get("q", "T")) and "batch_id" not in query else []
        assert codes(fair.first, ordering=ordering, **query) == own


def test_lists_of_batches_hold_the_vendors_own_only(fair: Fair) -> None:
    assert fair.first.get("/coupon-batches").json() == {"next": None, "previous": None, "results": []}
    own = batch(fair.first)
    answer = fair.first.get("/coupon-batches")
    assert answer.json()["results"] == [own]
    assert fair.canary not in answer.text


def test_pages_reveal_no_position_of_a_foreign_coupon(fair: Fair) -> None:
    """A cursor is readable, so between the vendor's own coupons there is no page that ends elsewhere."""
    for _ in range(3):
        coupon(fair.first, code=a_code("T"))
        coupon(fair.world.admin(), vendor_id=fair.first_id, funded_by="platform")
    for query in ({}, {"kind": "fixed_amount"}, {"q": fair.canary}):
        walk = list(pages(fair.first, "/coupons", limit=1, **query))
        assert all(page["results"] for page in walk[1:])
        assert len(walk) == (4 if not query else 1)


def test_a_code_that_is_taken_tells_nothing_of_its_coupon(fair: Fair) -> None:
    bodies = []
    for foreign in [*fair.foreign, fair.own]:
        answer = fair.first.post("/coupons", {**TERMS["percentage"], "code": foreign["code"]})
        problem(answer, 409, "code_taken")
        bodies.append(answer.text.replace(foreign["code"], "CODE").replace(answer.headers["x-request-id"], "ID"))
    assert len(set(bodies)) == 1


def test_customers_are_refused_everywhere(fair: Fair) -> None:
    customer = fair.world.customer()
    code, batch_id = fair.own["code"], fair.foreign_batches[0]["id"]
    answers = [ask(customer, method, f"/coupons/{code}{tail}") for method, tail in ROUTES]
    answers += [ask(customer, method, f"/coupon-batches/{batch_id}") for method in ("GET", "PATCH")]
    answers += [customer.get(path) for path in ("/coupons", "/coupon-batches")]
    answers += [customer.post(path, TERMS["percentage"]) for path in ("/coupons", "/coupon-batches")]
    for answer in answers:
        problem(answer, 403, "permission_denied")
        assert fair.canary not in answer.text


def test_a_vendor_reads_the_redemptions_of_its_coupon_without_the_customers(fair: Fair) -> None:
    use(fair.world, fair.own, customer_id=f"c-{fair.canary}")
    for query in ({}, {"status": "reserved"}, {"format": "csv"}):
        answer = fair.first.get(f"/coupons/{fair.own['code']}/redemptions", params=query)
        assert answer.status_code == 200
        assert fair.canary not in answer.text
        assert "customer" not in answer.text
