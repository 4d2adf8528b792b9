"""Pricing of an order: every minor unit is accounted for, to exactly one vendor."""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.domain.errors import CartTooLarge, CurrencyMismatch
from orders.domain.money import DECIMALS, MAX_MINOR, to_decimal
from orders.domain.pricing import MAX_LINES, MAX_QUANTITY, Adjuster, PricedLine, Product, check_size, price


def product(product_id: str, unit_price: int = 1000, vendor_id: str = "v-1", currency: str = "EUR") -> Product:
    return Product(product_id, vendor_id, "Mug", "MUG", unit_price, currency, available=10)


@st.composite
def carts(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, Product]]:
    """Generate cart lines and their products: up to a full order, from a few vendors."""
    ids = draw(st.lists(st.text("abcé-/", min_size=1, max_size=6), min_size=1, max_size=MAX_LINES, unique=True))
    rows = st.tuples(
        st.integers(1, MAX_QUANTITY), st.integers(0, 10**9), st.sampled_from(["v-1", "v-2", "v-10", "a", "Z"])
    )
    drawn = {product_id: draw(rows) for product_id in ids}
    lines = {product_id: quantity for product_id, (quantity, _, _) in drawn.items()}
    return lines, {product_id: product(product_id, cost, vendor) for product_id, (_, cost, vendor) in drawn.items()}


@given(carts())
def test_lines_shares_and_totals_add_up_to_the_last_minor_unit(cart: tuple[dict[str, int], dict[str, Product]]) -> None:
    lines, products = cart
    pricing = price(lines, products, "EUR")
    assert pricing.subtotal == sum(products[id_].unit_price * quantity for id_, quantity in lines.items())
    assert (pricing.total, pricing.currency) == (pricing.subtotal - pricing.discount, "EUR")
    assert sum(line.total for line in pricing.lines) == pricing.subtotal
    assert sum(share.subtotal for share in pricing.shares.values()) == pricing.subtotal
    assert sum(share.discount for share in pricing.shares.values()) == pricing.discount
    assert sum(share.total for share in pricing.shares.values()) == pricing.total


@given(carts())
def test_each_vendors_share_is_the_cost_of_its_own_lines(cart: tuple[dict[str, int], dict[str, Product]]) -> None:
    pricing = price(*cart, "EUR")
    own: dict[str, int] = defaultdict(int)
    for line in pricing.lines:
        own[line.product.vendor_id] += line.total
    assert {vendor_id: share.subtotal for vendor_id, share in pricing.shares.items()} == own
    assert list(pricing.shares) == sorted(own)


@given(carts())
def test_the_lines_keep_the_carts_order_and_quantities(cart: tuple[dict[str, int], dict[str, Product]]) -> None:
    lines, products = cart
    priced = price(lines, products, "EUR").lines
    assert [(line.product, line.quantity) for line in priced] == [(products[id_], n) for id_, n in lines.items()]
    assert all(line.total == line.product.unit_price * line.quantity for line in priced)


def taking(shares: Sequence[Fraction]) -> Adjuster:
    """Return an adjuster that takes these shares of what is left of each line; the last share counts for all following lines."""

    def adjust(lines: Sequence[PricedLine]) -> list[int]:
        return [int(line.left * shares[min(place, len(shares) - 1)]) for place, line in enumerate(lines)]

    return adjust


SHARES = st.lists(st.fractions(0, 1, max_denominator=1000), min_size=1, max_size=10)


@given(carts(), st.lists(SHARES, max_size=5), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_discounts_of_items_vendors_and_the_order_add_up_in_every_currency(
    cart: tuple[dict[str, int], dict[str, Product]], adjusters: list[list[Fraction]], currency: str
) -> None:
    lines, euros = cart
    products = {
        id_: product(id_, each.unit_price // 10**2 * 10 ** DECIMALS[currency], each.vendor_id, currency)
        for id_, each in euros.items()
    }
    plain = price(lines, products, currency)
    pricing = price(lines, products, currency, [taking(shares) for shares in adjusters])

    assert [(line.product, line.quantity, line.total) for line in pricing.lines] == [
        (line.product, line.quantity, line.total) for line in plain.lines
    ]
    assert pricing.subtotal == plain.subtotal
    assert all(0 <= line.discount <= line.total for line in pricing.lines)
    assert pricing.discount == sum(line.discount for line in pricing.lines)
    assert (
        pricing.total
        == sum(line.left for line in pricing.lines)
        == sum(share.total for share in pricing.shares.values())
    )
    for vendor_id, share in pricing.shares.items():
        own = [line for line in pricing.lines if line.product.vendor_id == vendor_id]
        assert (share.subtotal, share.discount) == (sum(line.total for line in own), sum(line.discount for line in own))
    whole_units = [to_decimal(line.discount, currency) for line in pricing.lines]
    assert sum(whole_units) == to_decimal(pricing.discount, currency)


def test_an_adjuster_sees_what_those_before_it_have_left() -> None:
    half = taking([Fraction(1, 2)])
    pricing = price({"p": 1}, {"p": product("p", 1001)}, "EUR", [half, half])
    assert (pricing.discount, pricing.total) == (500 + 250, 251)
    assert pricing.adjustments == (500, 250)


def test_an_order_may_be_discounted_to_nothing() -> None:
    pricing = price({"p": 3}, {"p": product("p")}, "EUR", [taking([Fraction(1)])])
    assert (pricing.subtotal, pricing.discount, pricing.total) == (3000, 3000, 0)


@pytest.mark.parametrize("discounts", [[-1], [1001], [], [1, 1]])
def test_an_adjuster_that_takes_more_than_is_left_is_an_error(discounts: list[int]) -> None:
    with pytest.raises(ValueError):
        price({"p": 1}, {"p": product("p", 1000)}, "EUR", [lambda _: discounts])


def test_the_sum_of_discounts_is_limited_to_the_cost_of_a_line() -> None:
    with pytest.raises(ValueError, match="600"):
        price({"p": 1}, {"p": product("p", 1000)}, "EUR", [lambda _: [600]] * 2)


def test_a_free_product_costs_nothing_and_still_has_a_share() -> None:
    pricing = price({"p": 3}, {"p": product("p", 0)}, "EUR")
    assert (pricing.total, pricing.shares["v-1"].total) == (0, 0)


def test_a_product_in_another_currency_is_refused_by_name() -> None:
    products = {"p": product("p"), "sake": product("sake", currency="JPY")}
    with pytest.raises(CurrencyMismatch, match=r"(?=.*EUR)(?=.*JPY)(?=.*sake)"):
        price({"p": 1, "sake": 1}, products, "EUR")


def test_an_order_may_cost_the_largest_amount_and_no_unit_more() -> None:
    products = {"a": product("a", MAX_MINOR), "b": product("b", 1), "free": product("free", 0)}
    assert price({"a": 1, "free": 1}, products, "EUR").total == MAX_MINOR
    with pytest.raises(CartTooLarge):
        price({"a": 1, "b": 1}, products, "EUR")
    with pytest.raises(CartTooLarge):
        price({"a": 2}, products, "EUR")


def test_an_order_holds_100_products_and_10_000_of_each() -> None:
    full = {f"p-{number}": 10_000 for number in range(100)}
    check_size(full)
    with pytest.raises(CartTooLarge, match="101"):
        check_size({**full, "p-100": 1})
    with pytest.raises(CartTooLarge, match=r"(?=.*10001)(?=.*p-7)"):
        check_size({**full, "p-7": 10_001})
