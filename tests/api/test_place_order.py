"""POST /api/v1/orders: a cart becomes an order, or a clear refusal without any effect."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.problem import problem, refused_input
from tests.support.world import Person, World, eventually

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
"""RFC 3339, UTC."""

LONDON = {"name": "Ada", "line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4LB", "country": "GB"}


# --- the response -----------------------------------------------------------------------------------------------------


def test_a_placed_order_has_exactly_the_fields_of_the_contract(either_world: World) -> None:
    world = either_world
    mug = world.product(1000, "v-1", name="Mug", sku="MUG")
    ada = world.customer([(mug, 2)], default_address={"name": "Ada"})

    answer = ada.checkout({"note": "ring twice"})

    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["etag"] == '"1"'
    assert "idempotent-replayed" not in answer.headers
    order = answer.json()
    [item], [part] = order["items"], order["vendor_orders"]
    assert order == {
        "id": order["id"],
        "number": order["number"],
        "customer_id": ada.id,
        "status": "pending",
        "payment_status": "unpaid",
        "currency": "EUR",
        "subtotal": "20.00",
        "discount": "0.00",
        "total": "20.00",
        "coupon_code": None,
        "coupons": [],
        "note": "ring twice",
        "items": [
            {
                "id": item["id"],
                "product_id": mug,
                "vendor_id": "v-1",
                "name": "Mug",
                "sku": "MUG",
                "quantity": 2,
                "unit_price": "10.00",
                "total": "20.00",
                "discount": "0.00",
            }
        ],
        "vendor_orders": [
            {
                "id": part["id"],
                "vendor_id": "v-1",
                "status": "pending",
                "subtotal": "20.00",
                "discount": "0.00",
                "total": "20.00",
                "carrier": None,
                "tracking_number": None,
                "tracking_url": None,
                "shipped_at": None,
                "delivered_at": None,
            }
        ],
        "shipping_address": {
            "name": "Ada",
            "line1": "1 Main St",
            "line2": "",
            "city": "Paris",
            "state": "",
            "postal_code": "75001",
            "country": "FR",
            "phone": "",
        },
        "available_actions": ["cancel"],
        "created_at": order["created_at"],
        "updated_at": order["created_at"],
        "expires_at": order["expires_at"],
        "version": 1,
    }


def test_an_order_its_items_and_its_parts_have_uuids_and_the_order_a_short_number_of_its_own(
    either_world: World,
) -> None:
    orders = [either_world.shopper().place() for _ in range(3)]
    ids = [each["id"] for order in orders for each in (order, *order["items"], *order["vendor_orders"])]
    assert [str(uuid.UUID(each)) for each in ids] == ids
    numbers = [order["number"] for order in orders]
    assert len(set(ids)) == 9
    assert len(set(numbers)) == 3
    assert all(8 <= len(number) <= 14 and number.isascii() for number in numbers)


def test_an_order_expires_900_seconds_after_it_was_placed(either_world: World) -> None:
    order = either_world.shopper().place()
    assert all(TIME.fullmatch(order[name]) for name in ("created_at", "updated_at", "expires_at"))
    created, expires = datetime.fromisoformat(order["created_at"]), datetime.fromisoformat(order["expires_at"])
    assert expires - created == timedelta(seconds=900)
    assert abs(datetime.now(created.tzinfo) - created) < timedelta(seconds=10)


def test_the_location_leads_to_the_order(either_world: World) -> None:
    ada = either_world.shopper()
    answer = ada.checkout()
    assert answer.headers["location"] == f"/api/v1/orders/{answer.json()['id']}"
    assert ada.http.get(answer.headers["location"]).json() == answer.json()


def test_the_response_carries_the_callers_request_id(either_world: World) -> None:
    answer = either_world.shopper().post("/orders", Idempotency_Key="k", X_Request_ID="shop 7/a")
    assert (answer.status_code, answer.headers["x-request-id"]) == (201, "shop 7/a")


def test_a_checkout_without_any_body_has_the_default_of_every_field(either_world: World) -> None:
    ada = either_world.shopper()
    answer = ada.http.post("/api/v1/orders", headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201
    assert ada.checkout({}, key="k").json() == answer.json()


# --- items and prices -------------------------------------------------------------------------------------------------


def test_every_vendor_of_a_cart_gets_a_part_of_the_order(either_world: World) -> None:
    world = either_world
    mug, cup = world.product(1000, "v-1"), world.product(250, "v-1")
    book = world.product(333, "v-2", name="Book", sku="BOOK")
    order = world.customer([(mug, 2), (book, 3), (cup, 1)]).place()
    assert [(item["product_id"], item["total"]) for item in order["items"]] == [
        (mug, "20.00"),
        (book, "9.99"),
        (cup, "2.50"),
    ]
    parts = {part["vendor_id"]: (part["subtotal"], part["total"], part["status"]) for part in order["vendor_orders"]}
    assert parts == {"v-1": ("22.50", "22.50", "pending"), "v-2": ("9.99", "9.99", "pending")}
    assert (order["subtotal"], order["total"]) == ("32.49", "32.49")


@pytest.mark.parametrize(
    ("currency", "price", "unit_price", "total"),
    [
        ("EUR", 5, "0.05", "0.10"),
        ("JPY", 1000, "1000", "2000"),
        ("KWD", 1234, "1.234", "2.468"),
        ("CLF", 12345, "1.2345", "2.4690"),
        ("USD", 4_503_599_627_370_495, "45035996273704.95", "90071992547409.90"),
    ],
)
def test_money_has_the_decimals_of_its_currency(
    either_world: World, currency: str, price: int, unit_price: str, total: str
) -> None:
    product = either_world.product(price, currency=currency)
    order = either_world.customer([(product, 2)], currency).place()
    assert order["currency"] == currency
    assert order["items"][0]["unit_price"] == unit_price
    assert {order["total"], order["subtotal"], order["items"][0]["total"], order["vendor_orders"][0]["total"]} == {
        total
    }


def test_the_same_product_on_two_lines_of_a_cart_is_one_item_of_both_quantities(either_world: World) -> None:
    mug = either_world.product(1000)
    [item] = either_world.customer([(mug, 2), (mug, 3)]).place()["items"]
    assert (item["product_id"], item["quantity"], item["total"]) == (mug, 5, "50.00")
    assert either_world.stock(mug)["held"] == 5


def test_the_current_price_counts_not_the_price_at_the_filling_of_the_cart(either_world: World) -> None:
    mug = either_world.product(1000)
    ada = either_world.customer([(mug, 2)])
    either_world.sandbox.put_product(mug, unit_price_minor=1500)
    assert ada.place()["total"] == "30.00"


def test_an_order_keeps_the_names_and_prices_of_its_checkout(either_world: World) -> None:
    mug = either_world.product(1000, name="Mug")
    ada = either_world.customer([(mug, 2)])
    order = ada.place()
    either_world.sandbox.put_product(mug, unit_price_minor=1, name="Cup")
    assert ada.order(order["id"])["items"] == order["items"]


def test_text_of_any_language_is_returned_unchanged(either_world: World) -> None:
    name, note = "Gâteau 蛋糕 🎂", 'ring "2×"\n\t<b>& wait</b>\\ %s {x} \x7f\u2028'
    ada = either_world.shopper(name=name)
    order = ada.place({"note": note})
    assert (order["items"][0]["name"], order["note"]) == (name, note)
    assert ada.order(order["id"]) == order


def test_a_customer_id_may_hold_characters_with_a_meaning_in_urls(either_world: World) -> None:
    mug = either_world.product()
    odd = f"c/{uuid.uuid4()}/../?x=1&y=%2e#é "
    ada = either_world.person("customer", odd)
    either_world.sandbox.put_user(quote(odd, safe=""))
    either_world.sandbox.put_cart(quote(odd, safe=""), [{"product_id": mug, "quantity": 1}])
    order = ada.place()
    assert order["customer_id"] == odd
    assert ada.order(order["id"]) == order


# --- the shipping address ---------------------------------------------------------------------------------------------


def test_an_address_in_the_body_takes_precedence_over_the_default_address(either_world: World) -> None:
    whole = {**LONDON, "line2": "2nd floor", "state": "Greater London", "phone": "+44 20 7930 7705"}
    assert either_world.shopper().place({"shipping_address": whole})["shipping_address"] == whole


def test_line2_state_and_phone_of_an_address_may_be_left_out(either_world: World) -> None:
    ada = either_world.customer([(either_world.product(), 1)], default_address=None)
    order = ada.place({"shipping_address": LONDON})
    assert order["shipping_address"] == {**LONDON, "line2": "", "state": "", "phone": ""}


def test_an_address_lacks_nothing_but_line2_state_and_phone(either_world: World) -> None:
    answer = either_world.shopper().checkout({"shipping_address": {}})
    needed = {f"/shipping_address/{name}" for name in ("name", "line1", "city", "postal_code", "country")}
    assert set(refused_input(answer)) == needed


@pytest.mark.parametrize("country", ["XX", "UK", "fr", "FRA", "F", "", " FR", "F\n", "ＦＲ", 33, None, ["FR"]])
def test_a_country_is_one_of_iso_3166_in_two_capital_letters(world: World, country: object) -> None:
    mug = world.product()
    answer = world.customer([(mug, 1)]).checkout({"shipping_address": {**LONDON, "country": country}})
    assert refused_input(answer) == ["/shipping_address/country"]
    assert world.stock(mug)["held"] == 0


def test_a_checkout_without_any_address_is_refused(either_world: World) -> None:
    mug = either_world.product()
    ada = either_world.customer([(mug, 1)], default_address=None)
    problem(ada.checkout(), 422, "address_required", "errors")
    assert either_world.stock(mug)["held"] == 0


# --- the customer's expectations --------------------------------------------------------------------------------------


def test_a_cart_of_the_expected_version_is_ordered(either_world: World) -> None:
    world = either_world
    ada = world.customer()
    cart = world.sandbox.put_cart(ada.id, [{"product_id": world.product(), "quantity": 1}])
    ada.place({"cart_version": cart["version"]})


def test_a_cart_of_another_version_is_not_ordered(either_world: World) -> None:
    mug = either_world.product()
    ada = either_world.customer()
    cart = either_world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 1}])
    either_world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 9}])
    body = problem(ada.checkout({"cart_version": cart["version"]}), 409, "cart_changed", "current_version")
    assert body["current_version"] == cart["version"] + 1
    assert either_world.stock(mug)["held"] == 0


@pytest.mark.parametrize("total", ["20.00", "20", "20.0"])
def test_an_expected_total_is_accepted_however_it_is_written(either_world: World, total: str) -> None:
    assert either_world.shopper(price=1000).place({"expected_total": total})["total"] == "20.00"


@pytest.mark.parametrize("total", ["19.99", "20.01", "2000", "0"])
def test_an_unexpected_total_is_refused_with_the_actual_one_and_the_stock_is_released(
    either_world: World, total: str
) -> None:
    mug = either_world.product(1000)
    ada = either_world.customer([(mug, 2)])
    body = problem(ada.checkout({"expected_total": total}), 409, "total_changed", "current_total")
    assert body["current_total"] == "20.00"
    assert either_world.stock(mug)["held"] == 0
    assert ada.get("/orders").json()["results"] == []


def test_the_actual_total_can_be_accepted_under_the_same_key(either_world: World) -> None:
    mug = either_world.product(1000)
    ada = either_world.customer([(mug, 2)])
    current = ada.checkout({"expected_total": "19.99"}, key="k").json()["current_total"]
    assert ada.checkout({"expected_total": current}, key="k").status_code == 201
    assert either_world.stock(mug)["held"] == 2


def test_an_unknown_coupon_is_refused_and_nothing_is_held(either_world: World) -> None:
    mug = either_world.product()
    ada = either_world.customer([(mug, 2)])
    problem(ada.checkout({"coupon_code": "NO-SUCH-COUPON"}), 409, "coupon_unavailable", "coupon_code", "reason")
    assert either_world.stock(mug)["held"] == 0


def test_a_note_has_up_to_500_characters(either_world: World) -> None:
    assert either_world.shopper().place({"note": "é" * 500})["note"] == "é" * 500
    assert refused_input(either_world.shopper().checkout({"note": "é" * 501})) == ["/note"]


def test_null_in_an_optional_field_is_the_same_as_leaving_it_out(either_world: World) -> None:
    ada = either_world.shopper()
    nothing: dict[str, Any] = dict.fromkeys(
        ("shipping_address", "cart_version", "expected_total", "coupon_code", "coupon_codes", "note")
    )
    order = ada.checkout(nothing, key="k")
    assert (order.status_code, order.json()["note"]) == (201, "")
    assert ada.checkout({}, key="k").json() == order.json()
    address = {**LONDON, "line2": None, "phone": None}
    placed = either_world.shopper().place({"shipping_address": address})
    assert placed["shipping_address"] == {**placed["shipping_address"], **LONDON, "line2": "", "phone": ""}
    assert ada.post(f"/orders/{order.json()['id']}/cancel", {"reason": None}).status_code == 200


def test_null_in_a_required_field_is_refused(world: World) -> None:
    refused = world.shopper().checkout({"shipping_address": {**LONDON, "city": None}})
    assert refused_input(refused) == ["/shipping_address/city"]


def test_a_price_above_the_largest_amount_breaks_products_contract(either_world: World) -> None:
    dear = either_world.product(2**53)
    ada = either_world.customer([(dear, 1)])
    refusal = problem(ada.checkout(), 503, "dependency_unavailable", "dependency")
    assert refusal["dependency"] == "product"
    refusal = problem(ada.post("/orders/quote"), 503, "dependency_unavailable", "dependency")
    assert refusal["dependency"] == "product"


def test_an_order_that_comes_to_more_than_the_largest_amount_is_too_large(either_world: World) -> None:
    dear, mug = either_world.product(2**53 - 1), either_world.product(1)
    problem(either_world.customer([(dear, 1), (mug, 1)]).checkout(), 422, "cart_too_large")
    assert either_world.stock(dear)["held"] == either_world.stock(mug)["held"] == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"shipping_address": "Paris"}, "/shipping_address"),
        ({"shipping_address": []}, "/shipping_address"),
        ({"shipping_address": {**LONDON, "line1": ""}}, "/shipping_address/line1"),
        ({"shipping_address": {**LONDON, "name": "x" * 201}}, "/shipping_address/name"),
        ({"shipping_address": {**LONDON, "city": 1}}, "/shipping_address/city"),
        ({"shipping_address": {**LONDON, "street": "x"}}, "/shipping_address/street"),
        ({"shipping_address": {**LONDON, "a/b~c": "x"}}, "/shipping_address/a~1b~0c"),
        ({"cart_version": "7"}, "/cart_version"),
        ({"cart_version": 7.5}, "/cart_version"),
        ({"cart_version": True}, "/cart_version"),
        ({"cart_version": -1}, "/cart_version"),
        ({"cart_version": 2**63}, "/cart_version"),
        ({"expected_total": 20}, "/expected_total"),
        ({"expected_total": "20,00"}, "/expected_total"),
        ({"expected_total": "-20.00"}, "/expected_total"),
        ({"expected_total": "2e1"}, "/expected_total"),
        ({"expected_total": "NaN"}, "/expected_total"),
        ({"expected_total": "٢٠"}, "/expected_total"),
        ({"expected_total": "20.00\n"}, "/expected_total"),
        ({"expected_total": ""}, "/expected_total"),
        ({"expected_total": "9007199254740992"}, "/expected_total"),
        ({"expected_total": "9007199254740991.01"}, "/expected_total"),
        ({"coupon_code": 5}, "/coupon_code"),
        ({"coupon_code": "x" * 5000}, "/coupon_code"),
        ({"note": 5}, "/note"),
        ({"note": ["x"]}, "/note"),
        ({"total": "0.01"}, "/total"),
        ({"items": []}, "/items"),
        ({"customer_id": "somebody-else"}, "/customer_id"),
        ({"": 1}, "/"),
    ],
)
def test_an_invalid_field_is_pointed_at(world: World, body: dict[str, object], pointer: str) -> None:
    assert refused_input(world.shopper().checkout(body)) == [pointer]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_checkout_without_a_cart_is_refused(either_world: World) -> None:
    problem(either_world.customer().checkout(), 422, "empty_cart")


def test_a_checkout_of_an_empty_cart_is_refused(either_world: World) -> None:
    problem(either_world.customer([]).checkout(), 422, "empty_cart")


def test_100_products_and_10_000_of_one_are_accepted(either_world: World) -> None:
    products = [either_world.product(1, stock=10_000) for _ in range(100)]
    order = either_world.customer([(products[0], 10_000), *((product, 1) for product in products[1:])]).place()
    assert (len(order["items"]), order["total"]) == (100, "100.99")


@pytest.mark.parametrize(
    "lines",
    [
        [(f"p-{number}", 1) for number in range(101)],
        [("p-1", 10_001)],
        [("p-1", 6_000), ("p-1", 4_001)],
        [("p-1", 2**31)],
    ],
    ids=["101 products", "10 001 of one", "10 001 of one on two lines", "2^31 of one"],
)
def test_a_cart_beyond_the_limits_of_an_order_is_refused(either_world: World, lines: list[tuple[str, int]]) -> None:
    problem(either_world.customer(lines).checkout(), 422, "cart_too_large")


def test_an_inactive_customer_places_no_order(either_world: World) -> None:
    mug = either_world.product()
    problem(either_world.customer([(mug, 1)], is_active=False).checkout(), 422, "customer_inactive")
    assert either_world.stock(mug)["held"] == 0


def test_a_customer_unknown_to_user_places_no_order(either_world: World) -> None:
    stranger = either_world.person("customer", f"c-{uuid.uuid4()}")
    either_world.sandbox.put_cart(stranger.id, [{"product_id": either_world.product(), "quantity": 1}])
    problem(stranger.checkout(), 422, "customer_inactive")


def test_a_product_in_another_currency_than_the_cart_is_refused_and_the_stock_released(
    either_world: World,
) -> None:
    mug, tea = either_world.product(currency="EUR"), either_world.product(currency="GBP")
    problem(either_world.customer([(mug, 1), (tea, 1)], "EUR").checkout(), 422, "currency_mismatch")
    assert (either_world.stock(mug)["held"], either_world.stock(tea)["held"]) == (0, 0)


def test_a_shortage_is_reported_line_by_line_and_nothing_is_held(either_world: World) -> None:
    world = either_world
    plenty, few, none = world.product(stock=100), world.product(stock=3), world.product(stock=0)
    unknown = f"p-{uuid.uuid4()}"
    ada = world.customer([(plenty, 1), (few, 2), (few, 2), (none, 1), (unknown, 7)])
    shortages = problem(ada.checkout(), 409, "out_of_stock", "shortages")["shortages"]
    assert sorted(shortages, key=lambda shortage: int(shortage["requested"])) == [
        {"product_id": none, "requested": 1, "available": 0},
        {"product_id": few, "requested": 4, "available": 3},
        {"product_id": unknown, "requested": 7, "available": 0},
    ]
    assert [world.stock(product)["held"] for product in (plenty, few, none)] == [0, 0, 0]
    assert ada.get("/orders").json()["results"] == []


def test_the_last_one_in_stock_is_sold_to_one_customer(either_world: World) -> None:
    mug = either_world.product(stock=1)
    ada, bob = either_world.customer([(mug, 1)]), either_world.customer([(mug, 1)])
    ada.place()
    shortages = problem(bob.checkout(), 409, "out_of_stock", "shortages")["shortages"]
    assert shortages == [{"product_id": mug, "requested": 1, "available": 0}]


# --- effects of an order ----------------------------------------------------------------------------------------------


def test_the_stock_of_a_placed_order_is_held_until_after_its_expiry(either_world: World) -> None:
    mug = either_world.product(stock=10)
    order = either_world.customer([(mug, 3)]).place()
    hold = either_world.sandbox.ledger("product", order["id"])
    assert (hold["state"], hold["lines"]) == ("HELD", {mug: 3})
    assert hold["expires_at"] > datetime.fromisoformat(order["expires_at"]).timestamp()
    assert {name: either_world.stock(mug)[name] for name in ("available", "held", "sold")} == {
        "available": 7,
        "held": 3,
        "sold": 0,
    }


def test_payment_is_requested_once_for_the_total(either_world: World) -> None:
    world = either_world
    order = world.shopper(price=1000).place()
    payment = eventually(lambda: requested_payment(world, order["id"]), "the payment request")
    assert payment["heard"] == {"payment.requested": 1}
    assert (payment["amount_minor"], payment["currency"], payment["state"]) == (2000, "EUR", "requested")


def test_an_order_that_costs_nothing_is_confirmed_at_once_without_a_payment_request(either_world: World) -> None:
    world = either_world
    gift = world.product(0, stock=10)
    ada = world.customer([(gift, 2)])
    order = ada.place()
    assert (order["status"], order["payment_status"], order["total"]) == ("confirmed", "paid", "0.00")
    assert (order["version"], order["available_actions"]) == (1, ["cancel"])
    assert ada.order(order["id"]) == order
    eventually(lambda: is_in_effect(world, order["id"]), "all effects of the order")
    assert world.sandbox.ledger("payment", order["id"])["heard"] == {}
    assert world.sandbox.ledger("product", order["id"])["state"] == "COMMITTED"
    assert world.stock(gift)["sold"] == 2
    assert cart_of(ada)["items"] == []
    trail = world.sql(
        "SELECT type, from_status, to_status FROM order_events WHERE order_id = %s ORDER BY sequence", order["id"]
    )
    assert [tuple(entry.values()) for entry in trail] == [
        ("order.placed", None, "pending"),
        ("payment.paid", "unpaid", "paid"),
        ("order.confirmed", "pending", "confirmed"),
    ]


def test_the_audit_trail_begins_with_the_actor_and_the_request_of_the_checkout(either_world: World) -> None:
    ada = either_world.shopper()
    order = ada.post("/orders", Idempotency_Key="k", X_Request_ID="the-request").json()
    [entry] = either_world.sql("SELECT * FROM order_events WHERE order_id = %s", order["id"])
    assert (entry["sequence"], entry["type"]) == (1, "order.placed")
    assert (entry["from_status"], entry["to_status"], entry["vendor_order_id"]) == (None, "pending", None)
    assert (entry["actor_role"], entry["actor_id"], entry["request_id"]) == ("customer", ada.id, "the-request")
    assert entry["at"] == datetime.fromisoformat(order["created_at"])


def test_every_call_to_a_neighbour_names_the_request_and_its_trace(either_world: World) -> None:
    world = either_world
    request, trace = str(uuid.uuid4()), uuid.uuid4().hex
    ada = world.shopper()
    sent = {"X_Request_ID": request, "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    order = ada.post("/orders", Idempotency_Key="k", **sent).json()
    eventually(lambda: is_in_effect(world, order["id"]), "the cart to be cleared")
    ledgers = [world.sandbox.ledger(neighbour) for neighbour in ("user", "cart", "product")]
    calls = [call for ledger in ledgers for call in ledger["recent"] if call["request_id"] == request]
    assert sorted(call["call"] for call in calls) == ["ReserveStock", "clear", "get", "get"]
    assert {call["traceparent"].split("-")[1] for call in calls if call["call"] != "clear"} == {trace}
    assert [(ledger["missing_headers"], ledger["unauthorized"]) for ledger in ledgers] == [(0, 0)] * 3


def test_the_ordered_cart_is_cleared(either_world: World) -> None:
    world = either_world
    ada = world.shopper()
    order = ada.place()
    eventually(lambda: is_in_effect(world, order["id"]), "the cart to be cleared")
    assert cart_of(ada)["items"] == []
    assert world.sandbox.ledger("cart", order["id"]) == {"heard": 1, "in_effect": 1}


def test_a_cart_of_a_newer_version_is_not_cleared(either_world: World) -> None:
    world = either_world
    ada, mug = world.shopper(), world.product()
    with world.sandbox.fault("cart", kind="delay", value=0.5, call="clear"):
        order = ada.place()
        world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 1}])
        eventually(lambda: is_in_effect(world, order["id"]), "the cart's clearing to be requested")
    assert cart_of(ada)["items"] == [{"product_id": mug, "quantity": 1}]
    assert world.sandbox.ledger("cart", order["id"])["in_effect"] == 0


def is_in_effect(world: World, order_id: str) -> bool:
    """Return whether every effect of the order so far is done."""
    return not world.sql("SELECT id FROM outbox WHERE order_id = %s", order_id)


def requested_payment(world: World, order_id: str) -> dict[str, object]:
    """Return the request that Payment received for the order, if it has."""
    payment = world.sandbox.ledger("payment", order_id)
    return payment if payment["heard"] else {}


def cart_of(customer: Person) -> dict[str, object]:
    """Return the customer's current cart."""
    return dict(customer.world.sandbox.ledger("cart")["carts"][customer.id])
