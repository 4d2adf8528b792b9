"""The calculation of discounts: the worked amounts of the contract, and an independent model on random carts."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.coupons.rules import FundedBy, Kind, Terms, discounts, eligible_total
from orders.domain.money import to_decimal_string
from orders.domain.pricing import PricedLine, Product, price


def percentage(percent: int, **more: Any) -> Terms:
    return Terms(**{"code": "A", "kind": Kind.PERCENTAGE, "funded_by": FundedBy.PLATFORM, "percent": percent, **more})


def fixed(amount: int, **more: Any) -> Terms:
    return Terms(**{"code": "A", "kind": Kind.FIXED_AMOUNT, "funded_by": FundedBy.PLATFORM, "amount": amount, **more})


def buy_get(buy: int, get: int, **more: Any) -> Terms:
    terms = {"code": "A", "kind": Kind.BUY_X_GET_Y, "funded_by": FundedBy.PLATFORM}
    return Terms(**{**terms, "buy_quantity": buy, "get_quantity": get, **more})


def line(product_id: str, vendor_id: str, quantity: int, unit_price: int) -> PricedLine:
    product = Product(product_id, vendor_id, "Mug", "MUG", unit_price, "EUR", quantity)
    return PricedLine(product, quantity, quantity * unit_price)


def cart(*lines: tuple[str, int, int]) -> list[PricedLine]:
    return [line(f"p-{place}", vendor, quantity, price) for place, (vendor, quantity, price) in enumerate(lines, 1)]


def apply(coupons: Sequence[Terms], lines: Sequence[PricedLine]) -> dict[str, list[int]]:
    """Return what each coupon takes off each line, as `price` applies them one after the other."""
    taken: dict[str, list[int]] = {}

    def adjuster(terms: Terms, priced: Sequence[PricedLine]) -> list[int]:
        taken[terms.code] = discounts(terms, priced)
        return taken[terms.code]

    price(
        {each.product.product_id: each.quantity for each in lines},
        {each.product.product_id: each.product for each in lines},
        "EUR",
        [partial(adjuster, terms) for terms in sorted(coupons, key=lambda terms: terms.rank)],
    )
    return taken


@pytest.mark.parametrize(
    ("terms", "lines", "shares"),
    [
        (percentage(1500), cart(("v-1", 3, 333), ("v-2", 1, 1000), ("v-1", 2, 5)), [150, 150, 1]),
        (fixed(100), cart(("v-1", 1, 100), ("v-2", 1, 100), ("v-3", 1, 100)), [34, 33, 33]),
        (fixed(1000), cart(("v-1", 1, 300), ("v-2", 2, 200)), [300, 400]),
        (percentage(1250), cart(("v-1", 1, 1001), ("v-2", 2, 333)), [125, 83]),
        (buy_get(2, 1), cart(("v-1", 2, 1000), ("v-1", 3, 400), ("v-2", 1, 400)), [0, 800, 0]),
        (
            buy_get(2, 1, percent=5000, product_ids=frozenset({"p-1"}), get_product_ids=frozenset({"p-2"})),
            cart(("v-1", 5, 1999), ("v-1", 3, 599)),
            [0, 599],
        ),
        (percentage(1000, maximum_discount=500), cart(("v-1", 1, 8000), ("v-2", 1, 4999)), [308, 192]),
        (percentage(1000), cart(("v-1", 1, 4)), [0]),
    ],
    ids=["15 %", "100 JPY", "1000 JPY", "12.5 % KWD", "buy 2 get 1", "buy p-1 get p-9", "at most 5.00", "nothing"],
)
def test_the_worked_amounts_of_the_contract(terms: Terms, lines: list[PricedLine], shares: list[int]) -> None:
    assert discounts(terms, lines) == shares


def test_a_vendors_coupon_is_applied_before_the_platforms_whatever_order_they_are_named_in() -> None:
    lines = cart(("v-1", 3, 333), ("v-2", 1, 1000))
    five = fixed(500, code="FIVE")
    ten = percentage(1000, code="V1TEN", funded_by=FundedBy.VENDOR, vendor_id="v-1")

    for named in ([five, ten], [ten, five]):
        assert apply(named, lines) == {"V1TEN": [100, 0], "FIVE": [237, 263]}


def test_coupons_of_one_funder_are_applied_by_kind_then_by_code() -> None:
    coupons = [
        fixed(1, code="B"),
        fixed(1, code="A"),
        percentage(1, code="Z"),
        buy_get(1, 1, code="Z9"),
        fixed(1, code="V", funded_by=FundedBy.VENDOR, vendor_id="v"),
    ]

    assert [terms.code for terms in sorted(coupons, key=lambda terms: terms.rank)] == ["V", "Z9", "Z", "A", "B"]


def test_a_unit_of_the_got_products_is_free_once_and_only_as_many_as_are_in_the_cart() -> None:
    terms = buy_get(1, 3, product_ids=frozenset({"p-1"}), get_product_ids=frozenset({"p-2", "p-3"}))

    assert discounts(terms, cart(("v", 2, 100), ("v", 3, 20), ("v", 2, 10))) == [0, 60, 20]


def test_bought_units_count_for_the_minimum_spend_and_got_ones_do_not() -> None:
    terms = buy_get(1, 1, product_ids=frozenset({"p-1"}), get_product_ids=frozenset({"p-2"}))

    assert eligible_total(terms, cart(("v", 2, 100), ("v", 3, 20))) == 200


# --- an independent model: units one by one, fractions instead of whole numbers ---------------------------------------


def model(coupons: list[Terms], lines: list[PricedLine]) -> dict[str, list[int]]:
    """Return the shares by code."""
    kinds = ["buy_x_get_y", "percentage", "fixed_amount"]
    left = [each.total for each in lines]
    result = {}
    for coupon in sorted(coupons, key=lambda c: (c.funded_by == "platform", kinds.index(c.kind), c.code)):
        eligible = [
            (coupon.vendor_id in (None, line.product.vendor_id))
            and (coupon.product_ids is None or line.product.product_id in coupon.product_ids)
            for line in lines
        ]
        if coupon.kind == "buy_x_get_y":
            bases = model_bases(coupon, lines, left, eligible)
        else:
            bases = [amount if ok else 0 for amount, ok in zip(left, eligible, strict=True)]
        total = sum(bases)
        if coupon.kind == "fixed_amount":
            discount = coupon.amount
        else:
            exact = Fraction(total * coupon.percent, 10_000)
            discount = int(exact) + (exact - int(exact) >= Fraction(1, 2))
        discount = min([discount, total, *([] if coupon.maximum_discount is None else [coupon.maximum_discount])])
        shares = [0] * len(lines)
        if total:
            exacts = [Fraction(discount * base, total) for base in bases]
            shares = [int(exact) for exact in exacts]
            while sum(shares) < discount:  # give one unit to the line that is furthest below its exact share
                behind = [exact - share for exact, share in zip(exacts, shares, strict=True)]
                shares[behind.index(max(behind))] += 1
        left = [amount - share for amount, share in zip(left, shares, strict=True)]
        result[coupon.code] = shares
    return result


def model_bases(coupon: Terms, lines: list[PricedLine], left: list[int], eligible: list[bool]) -> list[int]:
    """Lay out every unit on a table and pick the free ones by hand."""
    units = [(line.product.unit_price, place) for place, line in enumerate(lines) for _ in range(line.quantity)]
    bought = [unit for unit in units if eligible[unit[1]]]
    if coupon.get_product_ids is None:
        count, pool = len(bought) // (coupon.buy_quantity + coupon.get_quantity), bought
    else:
        count = len(bought) // coupon.buy_quantity
        pool = [
            (price, place)
            for price, place in units
            if lines[place].product.product_id in coupon.get_product_ids
            and coupon.vendor_id in (None, lines[place].product.vendor_id)
        ]
    free = [place for _, place in sorted(pool)[: count * coupon.get_quantity]]
    return [left[place] * free.count(place) // line.quantity for place, line in enumerate(lines)]


PRODUCTS = [f"p-{number}" for number in range(6)]
VENDORS = ["v-1", "v-2", "v-3"]
some_products = st.none() | st.frozensets(st.sampled_from(PRODUCTS), min_size=1, max_size=4)


@st.composite
def carts(draw: st.DrawFn) -> list[PricedLine]:
    products = draw(st.lists(st.sampled_from(PRODUCTS), min_size=1, max_size=6, unique=True))
    prices = st.integers(0, 30) | st.integers(0, 9_999_999)
    return [line(p, draw(st.sampled_from(VENDORS)), draw(st.integers(1, 12)), draw(prices)) for p in products]


@st.composite
def coupons(draw: st.DrawFn, code: str) -> Terms:
    kind = draw(st.sampled_from(Kind))
    vendor_id = draw(st.none() | st.sampled_from(VENDORS))
    funders = list(FundedBy) if vendor_id else [FundedBy.PLATFORM]
    products = draw(some_products)
    got = draw(some_products) if kind is Kind.BUY_X_GET_Y and products else None
    if got and products:
        got = got - products or None
    return Terms(
        code=code,
        kind=kind,
        funded_by=draw(st.sampled_from(funders)),
        percent=draw(st.integers(1, 10_000)),
        amount=draw(st.integers(1, 5000)) if kind is Kind.FIXED_AMOUNT else 0,
        buy_quantity=draw(st.integers(1, 4)),
        get_quantity=draw(st.integers(1, 4)),
        vendor_id=vendor_id,
        product_ids=products,
        get_product_ids=got,
        maximum_discount=draw(st.none() | st.integers(1, 5000)) if kind is not Kind.FIXED_AMOUNT else None,
    )


several = st.integers(1, 5).flatmap(lambda count: st.tuples(*(coupons(f"C{number}") for number in range(count))))


@given(several, carts())
def test_discounts_are_those_of_an_independent_model(named: tuple[Terms, ...], lines: list[PricedLine]) -> None:
    assert apply(named, lines) == model(list(named), lines)


@given(several, carts())
def test_everything_adds_up_and_nothing_is_below_zero(named: tuple[Terms, ...], lines: list[PricedLine]) -> None:
    applied = apply(named, lines)

    for place, each in enumerate(lines):
        taken = [shares[place] for shares in applied.values()]
        assert min(taken) >= 0
        assert sum(taken) <= each.total
    for terms in named:
        assert terms.maximum_discount is None or sum(applied[terms.code]) <= terms.maximum_discount


@given(several, carts(), st.randoms())
def test_the_result_does_not_depend_on_the_order_in_which_codes_are_named(
    named: tuple[Terms, ...], lines: list[PricedLine], random: Any
) -> None:
    again = list(named)
    random.shuffle(again)

    assert apply(again, lines) == apply(named, lines)


@given(several, carts(), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_the_amounts_of_an_order_add_up_as_decimals_in_currencies_of_every_exponent(
    named: tuple[Terms, ...], lines: list[PricedLine], currency: str
) -> None:
    products = {each.product.product_id: replace(each.product, currency=currency) for each in lines}
    quantities = {each.product.product_id: each.quantity for each in lines}
    adjusters = [partial(discounts, terms) for terms in sorted(named, key=lambda terms: terms.rank)]
    pricing = price(quantities, products, currency, adjusters)

    def shown(minor: int) -> Decimal:
        return Decimal(to_decimal_string(minor, currency))

    assert shown(pricing.discount) == sum(map(shown, pricing.adjustments))
    assert shown(pricing.discount) == sum(shown(line.discount) for line in pricing.lines)
    assert shown(pricing.discount) == sum(shown(share.discount) for share in pricing.shares.values())
    assert shown(pricing.total) == sum(shown(line.left) for line in pricing.lines)
