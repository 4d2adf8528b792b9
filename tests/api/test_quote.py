"""POST /api/v1/orders/quote: the price of a checkout now, without any reservation or write."""

import uuid
from collections.abc import Callable

import pytest

from tests.support.problem import problem, refused_input
from tests.support.world import Person, World


def test_a_quote_has_exactly_the_fields_of_the_contract(either_world: World) -> None:
    world = either_world
    mug = world.product(1000, "v-1", name="Mug", sku="MUG", stock=7)
    ada = world.customer()
    cart = world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 2}])
    answer = ada.post("/orders/quote")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "currency": "EUR",
        "items": [
            {
                "product_id": mug,
                "vendor_id": "v-1",
                "name": "Mug",
                "sku": "MUG",
                "quantity": 2,
                "unit_price": "10.00",
                "total": "20.00",
                "discount": "0.00",
                "available": 7,
            }
        ],
        "subtotal": "20.00",
        "discount": "0.00",
        "total": "20.00",
        "coupon_code": None,
        "coupons": [],
        "cart_version": cart["version"],
        "shortages": [],
    }


def test_a_quote_holds_nothing_and_stores_nothing(either_world: World) -> None:
    world, request_id = either_world, str(uuid.uuid4())
    mug = world.product(stock=5)
    ada = world.customer([(mug, 5)])
    assert ada.post("/orders/quote", X_Request_ID=request_id).status_code == 200
    calls = [call["call"] for call in world.sandbox.ledger("product")["recent"] if call["request_id"] == request_id]
    assert calls == ["GetProducts"]
    assert (world.stock(mug)["available"], world.stock(mug)["held"]) == (5, 0)
    assert world.sql("SELECT id FROM orders WHERE customer_id = %s", ada.id) == []
    assert world.sandbox.ledger("cart")["carts"][ada.id]["items"] == [{"product_id": mug, "quantity": 5}]


def test_an_order_placed_as_quoted_has_the_quoted_total(either_world: World) -> None:
    mug, book = either_world.product(1999, "v-1"), either_world.product(333, "v-2")
    ada = either_world.customer([(mug, 2), (book, 3)])
    quote = ada.post("/orders/quote").json()
    order = ada.place({"expected_total": quote["total"], "cart_version": quote["cart_version"]})
    assert order["total"] == quote["total"] == "49.97"


@pytest.mark.parametrize(("currency", "total"), [("JPY", "2468"), ("KWD", "2.468"), ("CLF", "0.2468")])
def test_a_quote_has_the_decimals_of_its_currency(either_world: World, currency: str, total: str) -> None:
    product = either_world.product(1234, currency=currency)
    quote = either_world.customer([(product, 2)], currency).post("/orders/quote").json()
    assert (quote["total"], quote["items"][0]["total"], quote["currency"]) == (total, total, currency)


def test_the_same_product_on_two_lines_is_quoted_as_one(either_world: World) -> None:
    mug = either_world.product(1000)
    [item] = either_world.customer([(mug, 2), (mug, 3)]).post("/orders/quote").json()["items"]
    assert (item["quantity"], item["total"]) == (5, "50.00")


def test_a_shortage_is_reported_in_a_quote(either_world: World) -> None:
    world = either_world
    plenty, few, unknown = world.product(1000, stock=9), world.product(500, stock=1), f"p-{uuid.uuid4()}"
    answer = world.customer([(plenty, 9), (few, 2), (unknown, 3)]).post("/orders/quote")
    quote = answer.json()
    assert answer.status_code == 200
    assert sorted(quote["shortages"], key=lambda shortage: int(shortage["requested"])) == [
        {"product_id": few, "requested": 2, "available": 1},
        {"product_id": unknown, "requested": 3, "available": 0},
    ]
    assert {item["product_id"]: item["available"] for item in quote["items"]} == {plenty: 9, few: 1}
    assert quote["total"] == "100.00"


def test_a_cart_of_unknown_products_is_quoted_at_zero_with_every_line_short(either_world: World) -> None:
    unknown = f"p-{uuid.uuid4()}"
    quote = either_world.customer([(unknown, 3)]).post("/orders/quote").json()
    assert (quote["items"], quote["total"]) == ([], "0.00")
    assert quote["shortages"] == [{"product_id": unknown, "requested": 3, "available": 0}]


def test_a_quote_needs_no_key_and_no_body(either_world: World) -> None:
    assert either_world.shopper().http.post("/api/v1/orders/quote").status_code == 200


def test_a_quote_needs_no_address(either_world: World) -> None:
    ada = either_world.customer([(either_world.product(), 1)], default_address=None)
    assert ada.post("/orders/quote").status_code == 200


def test_a_quote_may_be_repeated(either_world: World) -> None:
    mug = either_world.product(stock=2)
    ada = either_world.customer([(mug, 2)])
    assert ada.post("/orders/quote").json() == ada.post("/orders/quote").json()
    assert ada.checkout().status_code == 201


@pytest.mark.parametrize(
    ("arrange", "body", "status", "code", "carries"),
    [
        (lambda world: world.customer(), {}, 422, "empty_cart", ()),
        (lambda world: world.customer([]), {}, 422, "empty_cart", ()),
        (lambda world: world.customer([("p", 10_001)]), {}, 422, "cart_too_large", ()),
        (lambda world: world.customer([(f"p-{n}", 1) for n in range(101)]), {}, 422, "cart_too_large", ()),
        (lambda world: world.customer([("p", 1)], is_active=False), {}, 422, "customer_inactive", ()),
        (lambda world: world.person("customer", f"c-{uuid.uuid4()}"), {}, 422, "customer_inactive", ()),
        (lambda world: world.customer([(world.product(), 1)], "GBP"), {}, 422, "currency_mismatch", ()),
        (lambda world: world.shopper(), {"cart_version": 99}, 409, "cart_changed", ("current_version",)),
        (lambda world: world.shopper(price=7), {"expected_total": "1"}, 409, "total_changed", ("current_total",)),
        (
            lambda world: world.shopper(),
            {"coupon_code": "NO-SUCH-COUPON"},
            409,
            "coupon_unavailable",
            ("coupon_code", "reason"),
        ),
    ],
)
def test_a_refusal_of_the_checkout_is_a_refusal_of_its_quote(
    either_world: World,
    arrange: Callable[[World], Person],
    body: dict[str, object],
    status: int,
    code: str,
    carries: tuple[str, ...],
) -> None:
    customer = arrange(either_world)
    quoted = problem(customer.post("/orders/quote", body), status, code, *carries)
    ordered = problem(customer.checkout(body), status, code, *carries)
    itself = dict.fromkeys(("instance", "request_id"))
    assert quoted | itself == ordered | itself


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"note": 5}, "/note"),
        ({"shipping_address": {"name": "Ada"}}, "/shipping_address/line1"),
        ({"idempotency_key": "k"}, "/idempotency_key"),
    ],
)
def test_the_body_of_a_quote_is_validated_as_that_of_a_checkout(
    either_world: World, body: dict[str, object], pointer: str
) -> None:
    assert pointer in refused_input(either_world.shopper().post("/orders/quote", body))
