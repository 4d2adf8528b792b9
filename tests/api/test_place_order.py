"""POST /api/v1/orders: a cart becomes an order, or a clear refusal."""

from tests.world import World


def test_a_cart_becomes_an_order(either_world: World) -> None:
    world = either_world
    mug, book = world.product(1000, "v-1"), world.product(333, "v-2", name="Book", sku="BOOK")
    ada = world.customer([(mug, 2), (book, 3)])
    answer = ada.checkout({"note": "ring twice"})
    order = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/orders/{order['id']}"
    assert answer.headers["etag"] == '"1"'
    assert (order["subtotal"], order["discount"], order["total"]) == ("29.99", "0.00", "29.99")
    assert [v["total"] for v in order["vendor_orders"]] == ["20.00", "9.99"]
    assert ada.order(order["id"]) == order
