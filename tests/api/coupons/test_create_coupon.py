"""POST /api/v1/coupons: the fields of a coupon, their defaults, and each refusal with its pointer."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.coupons import TERMS, a_code, coupon, history, read, use
from tests.support.problem import problem, refused_input
from tests.support.world import Person, World

PAST, SOON = "2020-01-01T00:00:00Z", "2098-01-01T00:00:00Z"

DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(["percent", "amount", "buy_quantity", "get_quantity", "currency", "vendor_id", "product_ids"]),
    **dict.fromkeys(["get_product_ids", "minimum_spend", "maximum_discount", "usage_limit", "per_customer_limit"]),
    **dict.fromkeys(["budget", "ends_at", "amount_used", "batch_id"]),
    **{"first_order_only": False, "stackable": False, "is_active": True, "name": "", "funded_by": "platform"},
    **{"times_used": 0, "state": "active", "version": 1},
}


def refusals(person: Person, **fields: Any) -> list[str]:
    """Return the pointers of the refusal of these fields."""
    return refused_input(person.post("/coupons", {"code": a_code(), **fields}))


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("percentage", {"percent": "15.00"}),
        ("fixed_amount", {"amount": "5.00", "currency": "EUR", "amount_used": "0.00"}),
        ("buy_x_get_y", {"percent": "100.00", "buy_quantity": 2, "get_quantity": 1}),
    ],
)
def test_a_coupon_of_each_kind_has_the_defaults_of_the_contract(
    either_world: World, kind: str, shown: dict[str, Any]
) -> None:
    admin, code = either_world.admin(), a_code()
    before = datetime.now(UTC) - timedelta(seconds=5)
    answer = admin.post("/coupons", {"code": code, **TERMS[kind]})
    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert (answer.headers["location"], answer.headers["etag"]) == (f"/api/v1/coupons/{code}", '"1"')
    assert answer.headers["cache-control"] == "no-store"
    times = [made.pop(name) for name in ("starts_at", "created_at", "updated_at")]
    assert len(set(times)) == 1
    assert before < datetime.fromisoformat(times[0]) < datetime.now(UTC) + timedelta(seconds=5)
    assert uuid.UUID(made.pop("id"))
    assert made == {**DEFAULTS, "code": code, "kind": kind, **shown}
    assert read(admin, code)["starts_at"] == times[0]


def test_null_is_the_same_as_leaving_a_field_out(world: World) -> None:
    admin = world.admin()
    names = DEFAULTS.keys() - {"amount_used", "batch_id", "times_used", "state", "version", "percent"}
    given: dict[str, Any] = {**dict.fromkeys(names), "starts_at": None, "code": None}
    made = coupon(admin, **given)
    assert {name: made[name] for name in DEFAULTS} == {**DEFAULTS, "percent": "15.00"}
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{12}", made["code"])


def test_every_field_is_kept_as_given(world: World) -> None:
    fields: dict[str, Any] = {
        **{"kind": "buy_x_get_y", "percent": "50.5", "buy_quantity": 1000, "get_quantity": 1, "currency": "EUR"},
        **{"vendor_id": "v é", "product_ids": ["b", "a"], "get_product_ids": ["c"], "funded_by": "platform"},
        **{"minimum_spend": "30", "maximum_discount": "9.9", "budget": "1000.00", "first_order_only": True},
        **{"stackable": True, "usage_limit": 10**9, "per_customer_limit": 1, "is_active": False, "name": "=1+1 é"},
        **{"starts_at": "2026-11-22t10:00:00.123+01:00", "ends_at": "2026-11-22T09:00:00.123001Z"},
    }
    made = coupon(world.admin(), **fields)
    shown = {
        **{"percent": "50.50", "minimum_spend": "30.00", "maximum_discount": "9.90"},
        **{"starts_at": "2026-11-22T09:00:00.123000Z", "ends_at": "2026-11-22T09:00:00.123001Z", "amount_used": "0.00"},
    }
    assert made == {**made, **fields, **shown}


@pytest.mark.parametrize(
    ("currency", "given", "shown", "too_fine"),
    [
        ("JPY", "2000", "2000", "2000.0"),
        ("EUR", "0.01", "0.01", "0.011"),
        ("KWD", "1.5", "1.500", "0.0010"),
        ("CLF", "0.0001", "0.0001", None),
        ("JPY", "9007199254740991", "9007199254740991", None),
        ("EUR", "90071992547409.91", "90071992547409.91", None),
    ],
)
def test_amounts_have_at_most_the_decimals_of_their_currency(
    world: World, currency: str, given: str, shown: str, too_fine: str | None
) -> None:
    admin = world.admin()
    names = ["amount", "minimum_spend", "budget"]
    made = coupon(admin, "fixed_amount", currency=currency, **dict.fromkeys(names, given))
    assert [made[name] for name in names] == [shown] * 3
    assert coupon(admin, currency=currency, maximum_discount=given)["maximum_discount"] == shown
    if too_fine:
        for name in names:
            assert refusals(
                admin, **{**TERMS["fixed_amount"], "currency": currency, "amount": given, name: too_fine}
            ) == [f"/{name}"]


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({}, ["/kind"]),
        ({"kind": None}, ["/kind"]),
        ({"kind": "free_shipping"}, ["/kind"]),
        ({"kind": 1}, ["/kind"]),
        *[({"code": code}, ["/code"]) for code in ("", "AB", "A" * 51, "-AB", "_AB", "A B", " ABC", "ABC ", "ABÉ", "ABC\n", 123)],
        ({"kind": "percentage"}, ["/percent"]),
        *[({"percent": given}, ["/percent"]) for given in ("0", "0.00", "100.01", "1.001", "-1", "1e1", "", "١", 15, 15.5, "1000")],
        ({"kind": "fixed_amount"}, ["/amount"]),
        *[
            ({**TERMS["fixed_amount"], "amount": given}, ["/amount"])
            for given in ("0", "0.00", "-1", "1.", ".5", "1e2", "90071992547409.92", "", 5, 5.5, True, "٣")
        ],
        ({**TERMS["fixed_amount"], "currency": None}, ["/currency"]),
        ({**TERMS["fixed_amount"], "percent": "1"}, ["/percent"]),
        ({**TERMS["fixed_amount"], "maximum_discount": "1"}, ["/maximum_discount"]),
        ({"amount": "1", "currency": "EUR"}, ["/amount"]),
        ({"kind": "buy_x_get_y", "percent": None}, ["/buy_quantity", "/get_quantity"]),
        ({**TERMS["buy_x_get_y"], "amount": "1", "currency": "EUR"}, ["/amount"]),
        *[({**TERMS["buy_x_get_y"], "buy_quantity": n}, ["/buy_quantity"]) for n in (0, 1001, "2", 1.5, True)],
        *[({**TERMS["buy_x_get_y"], "get_quantity": n}, ["/get_quantity"]) for n in (0, 1001)],
        ({"buy_quantity": 1}, ["/buy_quantity"]),
        ({"get_quantity": 1}, ["/get_quantity"]),
        *[({name: "1"}, ["/currency"]) for name in ("minimum_spend", "maximum_discount", "budget")],
        *[({"currency": given}, ["/currency"]) for given in ("eur", "EURO", "XXX", "", 1)],
        *[({"vendor_id": given}, ["/vendor_id"]) for given in ("", " ", "v" * 65, "v\0", 1)],
        *[({"product_ids": ids}, ["/product_ids"]) for ids in ([], ["a", "a"], "a", {"a": 1}, [str(n) for n in range(501)])],
        ({"product_ids": ["a", 1, "", "p" * 65]}, ["/product_ids/1", "/product_ids/2", "/product_ids/3"]),
        ({"product_ids": ["a"], "get_product_ids": ["b"]}, ["/get_product_ids"]),
        ({**TERMS["buy_x_get_y"], "get_product_ids": ["b"]}, ["/get_product_ids"]),
        ({**TERMS["buy_x_get_y"], "product_ids": ["a", "b"], "get_product_ids": ["b"]}, ["/get_product_ids"]),
        ({"funded_by": "vendor"}, ["/funded_by"]),
        ({"funded_by": "customer"}, ["/funded_by"]),
        *[({name: n}, [f"/{name}"]) for name in ("usage_limit", "per_customer_limit") for n in (0, -1, 10**9 + 1, "1", 1.5)],
        *[({name: given}, [f"/{name}"]) for name in ("first_order_only", "stackable", "is_active") for given in ("true", 1, "")],
        *[({"starts_at": given}, ["/starts_at"]) for given in ("2026-11-22", "2026-11-22T10:00:00", "", 1)],
        ({"ends_at": PAST}, ["/ends_at"]),
        ({"starts_at": SOON, "ends_at": SOON}, ["/ends_at"]),
        *[({"name": given}, ["/name"]) for given in ("n" * 101, "a\0", 1)],
        *[({name: 1}, [f"/{name}"]) for name in ("id", "times_used", "amount_used", "state", "batch_id", "version", "nonsense")],
    ],
    ids=str,
)  # fmt: skip
def test_each_breach_is_refused_with_its_pointer(world: World, fields: dict[str, Any], pointers: list[str]) -> None:
    terms = {} if "kind" in fields or not fields else TERMS["percentage"]
    assert sorted(refusals(world.admin(), **{**terms, **fields})) == pointers


def test_a_body_that_is_no_object_is_refused(world: World) -> None:
    assert refused_input(world.admin().post("/coupons", ["percentage"])) == [""]


def test_a_code_is_kept_in_capitals_and_found_in_any_case(world: World) -> None:
    admin, code = world.admin(), a_code()
    made = coupon(admin, code=code.lower())
    assert made["code"] == code
    assert read(admin, code.lower()) == read(admin, code) == read(admin, code.title()) == made
    assert problem(admin.post("/coupons", {**TERMS["percentage"], "code": code.lower()}), 409, "code_taken")


def test_codes_have_3_to_50_characters(world: World) -> None:
    admin = world.admin()
    for code in ("9" + a_code()[-2:], "A_-" + uuid.uuid4().hex.upper() + "Z" * 15):
        made = admin.post("/coupons", {**TERMS["percentage"], "code": code})
        assert made.status_code in (201, 409), made.text
        assert read(admin, code)["code"] == code


def test_generated_codes_are_different_and_have_12_characters_of_crockfords_base_32(world: World) -> None:
    admin = world.admin()
    made = {coupon(admin, code=None)["code"] for _ in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{12}", code) for code in made)


def test_a_vendors_coupon_is_its_own_and_funded_by_it(world: World) -> None:
    own = f"v-{uuid.uuid4()}"
    vendor = world.vendor(own)
    for fields in ({}, {"vendor_id": own}, {"funded_by": "vendor"}, {"vendor_id": None, "funded_by": None}):
        made = coupon(vendor, **fields)
        assert (made["vendor_id"], made["funded_by"]) == (own, "vendor")
    assert refusals(vendor, **TERMS["percentage"], vendor_id="v-other") == ["/vendor_id"]
    assert refusals(vendor, **TERMS["percentage"], funded_by="platform") == ["/funded_by"]
    assert coupon(world.admin(), vendor_id=own)["funded_by"] == "vendor"
    assert coupon(world.admin(), vendor_id=own, funded_by="platform")["funded_by"] == "platform"


@pytest.mark.parametrize("who", ["vendor", "admin"])
def test_a_code_that_exists_is_taken_whoever_manages_it(world: World, who: str) -> None:
    code = a_code()
    coupon(world.admin() if who == "vendor" else world.vendor("v-1"), code=code)
    other = world.vendor("v-2") if who == "vendor" else world.admin()
    body = problem(other.post("/coupons", {**TERMS["fixed_amount"], "code": code}), 409, "code_taken")
    assert code in body["detail"]


def test_of_concurrent_requests_for_one_code_one_succeeds(world: World, second_world: World) -> None:
    code = a_code()
    persons = [each.vendor(f"v-{n}") for n in range(8) for each in (world, second_world)]
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(lambda person: person.post("/coupons", {**TERMS["percentage"], "code": code}), persons)
        )
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 15], [answer.text for answer in answers]
    [made] = [answer.json() for answer in answers if answer.status_code == 201]
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "code_taken")
    admin = world.admin()
    assert read(admin, code) == made
    assert [entry["type"] for entry in history(admin, code)] == ["coupon.created"]
    rows = world.sql("SELECT times_used FROM coupon_usage WHERE coupon_id = %s", made["id"])
    assert rows == [{"times_used": 0}]


def test_the_state_is_the_first_that_holds(world: World) -> None:
    admin = world.admin()
    made = coupon(admin, usage_limit=1, starts_at=PAST)
    states = [made["state"]]
    use(world, made)
    states.append(read(admin, made["code"])["state"])
    for change in (
        {"starts_at": SOON},
        {"starts_at": PAST, "ends_at": "2021-01-01T00:00:00Z"},
        {"is_active": False},
        {"ends_at": None, "is_active": True, "usage_limit": 2},
    ):
        states.append(admin.patch(f"/coupons/{made['code']}", change).json()["state"])
    assert states == ["active", "used_up", "scheduled", "expired", "disabled", "active"]


def test_a_coupon_whose_budget_is_spent_is_used_up(world: World) -> None:
    admin = world.admin()
    made = coupon(admin, "fixed_amount", budget="10.00")
    seen = []
    for _ in range(2):
        use(world, made)
        now = read(admin, made["code"])
        seen.append((now["times_used"], now["amount_used"], now["state"], now["version"]))
    assert seen == [(1, "5.00", "active", 1), (2, "10.00", "used_up", 1)]
