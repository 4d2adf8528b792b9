"""PATCH and DELETE /api/v1/coupons/{code}, and the history that both append to."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.support.coupons import LATE, TERMS, a_code, codes, coupon, history, read, use
from tests.support.problem import problem, refused_input
from tests.support.world import World

EVERYTHING: dict[str, Any] = {
    **{"name": "Spring", "product_ids": ["a"], "get_product_ids": ["b"], "minimum_spend": "10.00"},
    **{"maximum_discount": "5.00", "first_order_only": True, "stackable": True, "usage_limit": 9},
    **{"per_customer_limit": 2, "budget": "100.00", "starts_at": "2026-01-01T00:00:00Z", "ends_at": LATE},
    "is_active": False,
}
"""Another value of every field that can be changed."""

IMMUTABLE = [
    *("code", "kind", "percent", "amount", "buy_quantity", "get_quantity", "currency", "vendor_id", "funded_by", "id"),
    *("times_used", "amount_used", "state", "batch_id", "version", "created_at", "updated_at", "nonsense"),
]


def test_each_field_that_can_be_changed_is_changed_alone(either_world: World) -> None:
    admin = either_world.admin()
    made = coupon(admin, "buy_x_get_y", currency="EUR", product_ids=["x"])
    for version, (name, value) in enumerate(EVERYTHING.items(), start=2):
        before = read(admin, made["code"])
        answer = admin.patch(f"/coupons/{made['code'].lower()}", {name: value})
        assert answer.status_code == 200, answer.text
        changed = {name: value, "version": version, "updated_at": answer.json()["updated_at"]}
        changed |= {"state": "disabled"} if name == "is_active" else {}
        assert answer.json() == {**before, **changed} == read(admin, made["code"])
        assert answer.json()["updated_at"] > before["updated_at"]
        assert answer.headers["etag"] == f'"{version}"'
        entry = history(admin, made["code"])[-1]
        assert (entry["type"], entry["sequence"]) == ("coupon.changed", version)
        assert (entry["changes"], entry["at"]) == ({name: [before[name], value]}, answer.json()["updated_at"])


def test_null_removes_a_term_that_may_be_null_and_elsewhere_is_as_left_out(world: World) -> None:
    admin = world.admin()
    made = coupon(admin, "buy_x_get_y", currency="EUR", **EVERYTHING)
    nullable = [name for name, value in made.items() if value is not None and name in EVERYTHING]
    changed = admin.patch(f"/coupons/{made['code']}", dict.fromkeys(EVERYTHING)).json()
    kept = {"name", "first_order_only", "stackable", "starts_at", "is_active"}
    assert {name: changed[name] for name in nullable} == {
        name: made[name] if name in kept else None for name in nullable
    }
    assert set(history(admin, made["code"])[-1]["changes"]) == EVERYTHING.keys() - kept


def test_a_change_that_changes_nothing_leaves_version_and_history(world: World) -> None:
    admin = world.admin()
    made = coupon(admin, "buy_x_get_y", currency="EUR", **EVERYTHING)
    for body in ({}, EVERYTHING, {"minimum_spend": "10"}, {"ends_at": "2099-01-01t01:00:00+01:00"}, {"name": None}):
        answer = admin.patch(f"/coupons/{made['code']}", body)
        assert (answer.status_code, answer.headers["etag"], answer.json()) == (200, '"1"', made)
    assert len(history(admin, made["code"])) == 1
    both = admin.patch(f"/coupons/{made['code']}", {"minimum_spend": "10.0", "usage_limit": 10}).json()
    assert both["version"] == 2
    assert history(admin, made["code"])[-1]["changes"] == {"usage_limit": [9, 10]}


@pytest.mark.parametrize("value", ["x", None], ids=str)
def test_any_other_field_is_immutable(world: World, value: Any) -> None:
    admin = world.admin()
    made = coupon(admin)
    for name in IMMUTABLE:
        body = problem(
            admin.patch(f"/coupons/{made['code']}", {name: value, "usage_limit": 1}), 400, "invalid", "errors"
        )
        assert [(error["pointer"], error["code"]) for error in body["errors"]] == [(f"/{name}", "immutable")]
    assert read(admin, made["code"]) == made


@pytest.mark.parametrize(
    ("kind", "terms", "change", "pointers"),
    [
        ("percentage", {}, {"minimum_spend": "1"}, ["/minimum_spend"]),
        ("percentage", {}, {"budget": "1", "maximum_discount": "1"}, ["/maximum_discount"]),
        ("percentage", {"currency": "JPY"}, {"minimum_spend": "1.0", "budget": "0"}, ["/budget", "/minimum_spend"]),
        ("fixed_amount", {}, {"maximum_discount": "1"}, ["/maximum_discount"]),
        ("percentage", {}, {"get_product_ids": ["a"]}, ["/get_product_ids"]),
        ("buy_x_get_y", {}, {"get_product_ids": ["a"]}, ["/get_product_ids"]),
        ("buy_x_get_y", {"product_ids": ["a"]}, {"get_product_ids": ["a"]}, ["/get_product_ids"]),
        ("buy_x_get_y", {"product_ids": ["a"], "get_product_ids": ["b"]}, {"product_ids": ["b"]}, ["/product_ids"]),
        ("buy_x_get_y", {"product_ids": ["a"], "get_product_ids": ["b"]}, {"product_ids": None}, ["/product_ids"]),
        ("percentage", {}, {"ends_at": "2020-01-01T00:00:00Z"}, ["/ends_at"]),
        ("percentage", {"ends_at": LATE}, {"starts_at": LATE}, ["/starts_at"]),
        ("percentage", {}, {"starts_at": LATE, "ends_at": LATE}, ["/ends_at"]),
        ("percentage", {}, {"usage_limit": 0, "name": 1}, ["/name", "/usage_limit"]),
        ("percentage", {}, {"product_ids": []}, ["/product_ids"]),
    ],
    ids=str,
)
def test_a_change_is_refused_that_contradicts_the_other_terms(
    world: World, kind: str, terms: dict[str, Any], change: dict[str, Any], pointers: list[str]
) -> None:
    admin = world.admin()
    made = coupon(admin, kind, **terms)
    assert sorted(refused_input(admin.patch(f"/coupons/{made['code']}", change))) == pointers
    assert read(admin, made["code"]) == made


@pytest.mark.parametrize("body", [[], "name", 1])
def test_a_change_that_is_no_object_is_refused(world: World, body: Any) -> None:
    admin = world.admin()
    assert refused_input(admin.patch(f"/coupons/{coupon(admin)['code']}", body)) == [""]


def test_if_match_guards_a_change_and_a_deletion(world: World) -> None:
    admin = world.admin()
    code = coupon(admin)["code"]
    for tag in ('"2"', 'W/"1"', "1", "", '"1'):
        problem(admin.patch(f"/coupons/{code}", {"name": "x"}, If_Match=tag), 412, "precondition_failed")
        problem(admin.delete(f"/coupons/{code}", If_Match=tag), 412, "precondition_failed")
    assert admin.patch(f"/coupons/{code}", {"name": "x"}, If_Match='"7", "1"').headers["etag"] == '"2"'
    problem(admin.patch(f"/coupons/{code}", {"name": "x"}, If_Match='"1"'), 412, "precondition_failed")
    assert admin.patch(f"/coupons/{code}", {"name": "y"}, If_Match="*").headers["etag"] == '"3"'
    assert refused_input(admin.patch(f"/coupons/{code}", {"name": "z"}, If_Match='*, "3"')) == ["/If-Match"]
    assert admin.delete(f"/coupons/{code}", If_Match='"3"').status_code == 204


def test_of_concurrent_changes_none_is_lost(world: World, second_world: World) -> None:
    code = coupon(world.admin())["code"]
    admins = [each.admin() for _ in range(8) for each in (world, second_world)]
    with ThreadPoolExecutor(16) as threads:
        limits = range(1, len(admins) + 1)
        answers = list(
            threads.map(lambda admin, n: admin.patch(f"/coupons/{code}", {"usage_limit": n}), admins, limits)
        )
    assert [answer.status_code for answer in answers] == [200] * 16, [answer.text for answer in answers]
    entries = history(world.admin(), code)[1:]
    assert [entry["sequence"] for entry in entries] == list(range(2, 18))
    assert [entry["changes"]["usage_limit"][0] for entry in entries] == [
        None,
        *(entry["changes"]["usage_limit"][1] for entry in entries[:-1]),
    ]
    assert sorted(entry["changes"]["usage_limit"][1] for entry in entries) == list(limits)


def test_of_concurrent_changes_of_one_version_one_succeeds(world: World) -> None:
    code = coupon(world.admin())["code"]
    admins = [world.admin() for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda admin: admin.patch(f"/coupons/{code}", {"name": str(uuid.uuid4())}, If_Match='"1"'), admins
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]


def test_a_use_does_not_change_the_version(world: World) -> None:
    admin = world.admin()
    made = coupon(admin, "fixed_amount")
    use(world, made)
    answer = admin.get(f"/coupons/{made['code']}")
    assert answer.json() == {**made, "times_used": 1, "amount_used": "5.00"}
    assert answer.headers["etag"] == '"1"'
    assert admin.get(f"/coupons/{made['code']}", headers={"If-None-Match": '"1"'}).status_code == 200
    below = admin.patch(f"/coupons/{made['code']}", {"budget": "1.00"}, If_Match='"1"').json()
    assert (below["budget"], below["state"]) == ("1.00", "used_up")


def test_a_deleted_coupon_is_gone_and_its_code_is_free(either_world: World) -> None:
    admin = either_world.admin()
    made = coupon(admin)
    use(either_world, made)
    answer = admin.delete(f"/coupons/{made['code'].lower()}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers
    for path in ("", "/redemptions", "/history"):
        problem(admin.get(f"/coupons/{made['code']}{path}"), 404, "not_found")
    problem(admin.delete(f"/coupons/{made['code']}"), 404, "not_found")
    problem(admin.patch(f"/coupons/{made['code']}", {"nonsense": 1}), 404, "not_found")
    assert codes(admin, q=made["code"]) == []
    again = coupon(admin, "fixed_amount", code=made["code"])
    assert (again["id"] != made["id"], again["times_used"], again["version"]) == (True, 0, 1)
    assert codes(admin, q=made["code"]) == [made["code"]]
    assert [entry["type"] for entry in history(admin, made["code"])] == ["coupon.created"]
    assert admin.get(f"/coupons/{made['code']}/redemptions").json()["results"] == []
    kept = either_world.sql("SELECT type FROM coupon_events WHERE coupon_id = %s ORDER BY sequence", made["id"])
    assert [row["type"] for row in kept] == ["coupon.created", "coupon.deleted"]
    assert either_world.sql("SELECT 1 AS found FROM coupon_redemptions WHERE coupon_id = %s", made["id"])


def test_of_concurrent_deletions_one_succeeds(world: World) -> None:
    code = coupon(world.admin())["code"]
    admins = [world.admin() for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda admin: admin.delete(f"/coupons/{code}"), admins))
    assert sorted(answer.status_code for answer in answers) == [204, *[404] * 7]


def test_the_history_names_the_actor_to_admins_only(world: World) -> None:
    vendor, admin = world.vendor("v-1"), world.admin()
    code = coupon(vendor)["code"]
    admin.patch(f"/coupons/{code}", {"name": "x"})
    seen = history(admin, code)
    assert [(entry["actor_role"], entry["actor_id"]) for entry in seen] == [("vendor", vendor.id), ("admin", admin.id)]
    assert [entry["changes"] for entry in seen] == [{}, {"name": ["", "x"]}]
    assert history(vendor, code) == [
        {name: value for name, value in entry.items() if name != "actor_id"} for entry in seen
    ]


def test_the_history_is_append_only(world: World) -> None:
    code = coupon(world.admin())["code"]
    where = "WHERE coupon_id = (SELECT id FROM coupons WHERE code = %s)"
    for statement in (f"UPDATE coupon_events SET actor_id = 'x' {where}", f"DELETE FROM coupon_events {where}"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            world.sql(statement, code)


def test_a_code_is_found_before_the_body_is_looked_at(world: World) -> None:
    admin, vendor, foreign = world.admin(), world.vendor("v-1"), coupon(world.admin())["code"]
    for person, code in ((admin, a_code()), (vendor, foreign), (admin, "AB"), (admin, "-ABC"), (admin, "AB%00C")):
        problem(person.patch(f"/coupons/{code}", {"nonsense": 1}), 404, "not_found")
        problem(person.get(f"/coupons/{code}", params={"nonsense": 1}), 404, "not_found")
    customer = world.customer()
    problem(customer.patch(f"/coupons/{foreign}", {"nonsense": 1}), 403, "permission_denied")
    problem(customer.post("/coupons", TERMS["percentage"]), 403, "permission_denied")
