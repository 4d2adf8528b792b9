"""POST, GET and PATCH /api/v1/coupon-batches: coupons of the same terms, all or none."""

import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.coupons import LATE, TERMS, a_code, batch, codes, coupon, history, read, use
from tests.support.lists import ids_of, pages, refused
from tests.support.problem import problem, refused_input
from tests.support.world import Person, World

CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{12}")


def coupons_of(person: Person, made: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the coupons of a batch, by code."""
    found = pages(person, "/coupons", limit=100, batch_id=made["id"], ordering="code")
    return [row for page in found for row in page["results"]]


def test_a_batch_has_coupons_of_the_same_terms_with_its_prefix_and_12_random_characters(either_world: World) -> None:
    admin, prefix = either_world.admin(), f"x_{uuid.uuid4().hex[:17]}-"
    terms = {**TERMS["fixed_amount"], "name": "Spring", "ends_at": LATE, "product_ids": ["a", "b"], "stackable": True}
    answer = admin.post("/coupon-batches", {"count": 25, "prefix": prefix, "coupon": terms}, Idempotency_Key=prefix)
    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert "idempotent-replayed" not in answer.headers
    assert answer.headers["location"] == f"/api/v1/coupon-batches/{made['id']}"
    assert made == {**made, "count": 25, "prefix": prefix.upper(), "name": "Spring", "times_used": 0}
    assert made.keys() == {"id", "count", "prefix", "name", "times_used", "created_at"}
    assert admin.get(f"/coupon-batches/{made['id'].upper()}").json() == made
    found = coupons_of(admin, made)
    assert len({row["code"] for row in found}) == len({row["id"] for row in found}) == 25
    for row in found:
        assert row["code"].startswith(prefix.upper())
        assert CODE.fullmatch(row["code"].removeprefix(prefix.upper()))
        assert {name: row[name] for name in terms} == terms
        assert (row["usage_limit"], row["batch_id"], row["version"]) == (1, made["id"], 1)
        assert row["created_at"] == row["updated_at"] == row["starts_at"] == made["created_at"]
    single = read(admin, found[0]["code"])
    assert single == found[0]
    assert single.keys() == coupon(admin).keys()
    assert [entry["type"] for entry in history(admin, single["code"])] == ["coupon.created"]


def test_a_batch_without_a_prefix_has_codes_of_12_characters(world: World) -> None:
    admin = world.admin()
    body: dict[str, Any] = {"count": 2, "coupon": {**TERMS["percentage"], "usage_limit": 5, "name": None}}
    prefixes: list[dict[str, Any]] = [{}, {"prefix": ""}, {"prefix": None}]
    for prefix in prefixes:
        key = str(uuid.uuid4())
        made = admin.post("/coupon-batches", {**body, **prefix}, Idempotency_Key=key).json()
        assert (made["prefix"], made["name"]) == ("", "")
        assert all(CODE.fullmatch(row["code"]) and row["usage_limit"] == 5 for row in coupons_of(admin, made))


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/count", "/coupon"]),
        *[({"count": n, "coupon": TERMS["percentage"]}, ["/count"]) for n in (0, 10_001, "1", 1.5, None)],
        *[
            ({"count": 1, "prefix": prefix, "coupon": TERMS["percentage"]}, ["/prefix"])
            for prefix in ("-A", "_", " ", "é", "A" * 21, "A\n", 1)
        ],
        ({"count": 1, "coupon": None}, ["/coupon"]),
        ({"count": 1, "coupon": []}, ["/coupon"]),
        ({"count": 1, "coupon": {}}, ["/coupon/kind"]),
        ({"count": 1, "coupon": {**TERMS["percentage"], "code": "ABC"}}, ["/coupon/code"]),
        ({"count": 1, "coupon": {**TERMS["percentage"], "amount": "1", "currency": "EUR"}}, ["/coupon/amount"]),
        ({"count": 1, "coupon": {**TERMS["fixed_amount"], "amount": "1.001"}}, ["/coupon/amount"]),
        ({"count": 1, "coupon": {**TERMS["percentage"], "ends_at": "2020-01-01T00:00:00Z"}}, ["/coupon/ends_at"]),
        ({"count": 1, "coupon": {**TERMS["percentage"], "product_ids": ["a", 1]}}, ["/coupon/product_ids/1"]),
        ({"count": 1, "coupon": TERMS["percentage"], "name": "x"}, ["/name"]),
    ],
    ids=str,
)
def test_each_breach_is_refused_with_its_pointer(world: World, body: dict[str, Any], pointers: list[str]) -> None:
    answer = world.admin().post("/coupon-batches", body, Idempotency_Key=str(uuid.uuid4()))
    assert sorted(refused_input(answer)) == pointers


def test_a_batch_of_a_vendor_is_its_own(world: World) -> None:
    vendor = world.vendor(f"v-{uuid.uuid4()}")
    made = batch(vendor)
    assert {(row["vendor_id"], row["funded_by"]) for row in coupons_of(vendor, made)} == {
        (coupons_of(world.admin(), made)[0]["vendor_id"], "vendor")
    }
    for name, value in (("vendor_id", "v-other"), ("funded_by", "platform")):
        body = {"count": 1, "coupon": {**TERMS["percentage"], name: value}}
        answer = vendor.post("/coupon-batches", body, Idempotency_Key=str(uuid.uuid4()))
        assert refused_input(answer) == [f"/coupon/{name}"]


def test_a_key_is_required(world: World) -> None:
    body = {"count": 1, "coupon": TERMS["percentage"]}
    problem(world.admin().post("/coupon-batches", body), 400, "idempotency_key_required")
    assert refused_input(world.admin().post("/coupon-batches", body, Idempotency_Key="a b")) == ["/Idempotency-Key"]


def test_a_repeated_request_is_answered_as_the_first_one(world: World, second_world: World) -> None:
    admin, key = world.admin(), str(uuid.uuid4())
    body: dict[str, Any] = {"count": 2, "prefix": "AB-", "coupon": {**TERMS["percentage"], "name": "First"}}
    first = admin.post("/coupon-batches", body, Idempotency_Key=key)
    made = first.json()
    use(world, coupons_of(admin, made)[0])
    assert admin.patch(f"/coupon-batches/{made['id']}", {"name": "Second"}).json()["times_used"] == 1
    elsewhere = second_world.person("admin", admin.id)
    defaults = {**body["coupon"], "usage_limit": 1, "is_active": True, "budget": None, "funded_by": "platform"}
    for person, again in ((admin, body), (elsewhere, {**body, "prefix": "ab-", "coupon": defaults})):
        answer = person.post("/coupon-batches", again, Idempotency_Key=key)
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (201, "true")
        assert (answer.json(), answer.headers["location"]) == (made, first.headers["location"])
    assert len(coupons_of(admin, made)) == 2


def test_another_body_under_the_same_key_is_refused(world: World) -> None:
    admin, key = world.admin(), str(uuid.uuid4())
    body: dict[str, Any] = {"count": 2, "prefix": "AB-", "coupon": TERMS["percentage"]}
    batch(admin, key=key, prefix="AB-")
    for other in (
        {"count": 3},
        {"prefix": "AC-"},
        {"coupon": {**TERMS["percentage"], "usage_limit": 2}},
        {"coupon": {**TERMS["percentage"], "percent": "15.01"}},
    ):
        answer = admin.post("/coupon-batches", {**body, **other}, Idempotency_Key=key)
        problem(answer, 422, "idempotency_key_reused")


def test_a_key_belongs_to_one_caller(world: World) -> None:
    key, same = str(uuid.uuid4()), f"u-{uuid.uuid4()}"
    persons = [world.person("admin", same), world.person("vendor", same, "v-1"), world.person("admin", f"{same}x")]
    assert len({batch(person, key=key)["id"] for person in persons}) == 3
    moved = world.person("vendor", same, "v-2")
    body = {"count": 2, "prefix": "", "coupon": TERMS["percentage"]}
    problem(moved.post("/coupon-batches", body, Idempotency_Key=key), 422, "idempotency_key_reused")


def test_copies_of_one_request_create_one_batch(world: World, second_world: World) -> None:
    subject, key = f"a-{uuid.uuid4()}", str(uuid.uuid4())
    persons = [each.person("admin", subject) for _ in range(10) for each in (world, second_world)]
    body = {"count": 2000, "prefix": "AB-", "coupon": TERMS["percentage"]}
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda person: person.post("/coupon-batches", body, Idempotency_Key=key), persons))
    assert [answer.status_code for answer in answers] == [201] * 20, [answer.text for answer in answers]
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    [row] = world.sql("SELECT count(*) FROM coupons WHERE batch_id = %s", answers[0].json()["id"])
    assert row["count"] == 2000


def test_ten_thousand_coupons_are_created_changed_and_listed(world: World) -> None:
    admin = world.admin()
    start = time.monotonic()
    made = batch(admin, 10_000, prefix="MANY-")
    created = time.monotonic()
    answer = admin.patch(f"/coupon-batches/{made['id']}", {"ends_at": LATE, "name": "Many"})
    changed = time.monotonic()
    assert answer.json() == {**made, "name": "Many", "changed": 10_000}, answer.text
    print(f"created in {created - start:.2f} s, changed in {changed - created:.2f} s")
    counts = """
        SELECT count(*) AS coupons, count(DISTINCT code) AS codes, min(version) AS version, count(ends_at) AS ending,
            (SELECT count(*) FROM coupon_usage u JOIN coupons c ON c.id = u.coupon_id WHERE c.batch_id = %s) AS uses,
            (SELECT count(*) FROM coupon_events e JOIN coupons c ON c.id = e.coupon_id WHERE c.batch_id = %s) AS entries
        FROM coupons WHERE batch_id = %s"""
    [row] = world.sql(counts, *[made["id"]] * 3)
    whole = {"coupons": 10_000, "codes": 10_000, "version": 2, "ending": 10_000, "uses": 10_000, "entries": 20_000}
    assert row == whole
    first = admin.get("/coupons", params={"batch_id": made["id"], "ordering": "code", "limit": 2}).json()
    assert len(first["results"]) == 2
    assert [entry["changes"] for entry in history(admin, first["results"][0]["code"])] == [
        {},
        {"ends_at": [None, LATE], "name": ["", "Many"]},
    ]


def test_a_change_of_a_batch_changes_those_of_its_coupons_that_had_other_terms(world: World) -> None:
    vendor = world.vendor(f"v-{uuid.uuid4()}")
    made = batch(vendor, 4, currency="EUR")
    one, two, three, _ = coupons_of(vendor, made)
    vendor.patch(f"/coupons/{one['code']}", {"minimum_spend": "10.00"})
    vendor.patch(f"/coupons/{two['code']}", {"minimum_spend": "7.00", "usage_limit": 3})
    vendor.delete(f"/coupons/{three['code']}")
    answer = vendor.patch(f"/coupon-batches/{made['id']}", {"minimum_spend": "10"})
    assert answer.json() == {**made, "changed": 2}
    after = {row["code"]: row for row in coupons_of(vendor, made)}
    assert {row["minimum_spend"] for row in after.values()} == {"10.00"}
    assert (after[one["code"]]["version"], after[two["code"]]["version"]) == (2, 3)
    assert after[two["code"]]["usage_limit"] == 3
    assert history(vendor, two["code"])[-1]["changes"] == {"minimum_spend": ["7.00", "10.00"]}
    assert len(history(vendor, one["code"])) == 2
    [gone] = world.sql("SELECT minimum_spend, version FROM coupons WHERE id = %s", three["id"])
    assert gone == {"minimum_spend": None, "version": 2}
    assert vendor.patch(f"/coupon-batches/{made['id']}", {"minimum_spend": "10.00"}).json()["changed"] == 0
    assert vendor.patch(f"/coupon-batches/{made['id']}", {}).json() == {**made, "changed": 0}
    assert vendor.patch(f"/coupon-batches/{made['id']}", {"minimum_spend": None}).json()["changed"] == 3


def test_a_change_that_contradicts_the_terms_of_any_coupon_changes_none(world: World) -> None:
    admin = world.admin()
    made = batch(admin, 3, name="Before")
    single = coupons_of(admin, made)[1]
    admin.patch(f"/coupons/{single['code']}", {"starts_at": "2098-01-01T00:00:00Z"})
    before = coupons_of(admin, made)
    answer = admin.patch(f"/coupon-batches/{made['id']}", {"ends_at": "2097-01-01T00:00:00Z", "name": "After"})
    assert refused_input(answer) == ["/ends_at"]
    assert coupons_of(admin, made) == before
    assert admin.get(f"/coupon-batches/{made['id']}").json() == made
    assert len(history(admin, single["code"])) == 2
    assert admin.patch(f"/coupon-batches/{made['id']}", {"ends_at": LATE, "name": "After"}).json()["changed"] == 3


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"percent": "1"}, "/percent", "immutable"),
        ({"prefix": "A"}, "/prefix", "immutable"),
        ({"count": 1}, "/count", "immutable"),
        ({"usage_limit": 0}, "/usage_limit", "invalid"),
        ({"budget": "1"}, "/budget", "invalid"),
    ],
)
def test_a_change_of_a_batch_is_validated_as_that_of_a_coupon(
    world: World, body: dict[str, Any], pointer: str, code: str
) -> None:
    admin = world.admin()
    answer = admin.patch(f"/coupon-batches/{batch(admin)['id']}", body)
    errors = problem(answer, 400, "invalid", "errors")["errors"]
    assert [(error["pointer"], error["code"]) for error in errors] == [(pointer, code)]


def test_concurrent_changes_of_a_batch_and_of_its_coupons_lose_nothing(world: World) -> None:
    admin = world.admin()
    made = batch(admin, 20)
    rows = coupons_of(admin, made)
    with ThreadPoolExecutor(8) as threads:
        names = threads.map(lambda n: admin.patch(f"/coupon-batches/{made['id']}", {"name": str(n)}), range(4))
        limits = threads.map(lambda row: admin.patch(f"/coupons/{row['code']}", {"usage_limit": 7}), rows)
        assert {answer.status_code for answer in [*names, *limits]} == {200}
    after = coupons_of(admin, made)
    assert {row["usage_limit"] for row in after} == {7}
    assert {row["version"] for row in after} == {6}
    assert {row["name"] for row in after} == {admin.get(f"/coupon-batches/{made['id']}").json()["name"]}


def test_batches_are_listed_newest_first_with_the_uses_of_their_coupons(world: World) -> None:
    vendor = world.vendor(f"v-{uuid.uuid4()}")
    made = [batch(vendor, 2) for _ in range(5)]
    first, second = coupons_of(vendor, made[3])
    use(world, first)
    use(world, second, "released")
    use(world, second)
    vendor.delete(f"/coupons/{first['code']}")
    made[3]["times_used"] = 2
    forward = list(pages(vendor, "/coupon-batches", limit=2))
    assert [row for page in forward for row in page["results"]] == made[::-1]
    assert ids_of(vendor.http.get(forward[-1]["previous"]).json()) == [made[2]["id"], made[1]["id"]]
    assert refused(vendor, "/coupon-batches", q="x") == ["/q"]
    assert refused(vendor, "/coupon-batches", ordering="-created_at") == ["/ordering"]
    assert len(codes(vendor, batch_id=made[3]["id"].upper())) == 1


def test_a_batch_is_found_before_the_body_is_looked_at(world: World) -> None:
    foreign = batch(world.admin())["id"]
    vendor, missing = world.vendor("v-1"), str(uuid.uuid4())
    for person, id_ in ((vendor, foreign), (vendor, missing), (world.admin(), missing), (vendor, a_code())):
        problem(person.get(f"/coupon-batches/{id_}"), 404, "not_found")
        problem(person.patch(f"/coupon-batches/{id_}", {"nonsense": 1}), 404, "not_found")
    problem(world.customer().patch(f"/coupon-batches/{foreign}", {"nonsense": 1}), 403, "permission_denied")
