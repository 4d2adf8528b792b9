"""The worked example beside a coupon's form: it computes what a checkout computes."""

import random
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import expect

from orders.coupons.rules import FundedBy, Kind, RedeemableCoupon, Terms
from orders.domain.errors import CouponUnavailable
from orders.domain.money import DECIMALS
from orders.domain.pricing import PricedLine, Product
from tests.support.dashboard import assets_root
from tests.support.dashboard_page import Dashboard
from tests.support.world import World

CARTS = 500
LARGEST = 2**53 - 1

OUTCOMES = """async ([address, cases]) => {
    const { outcome } = await import(address);
    const numbers = (object) => Object.fromEntries(Object.entries(object).map(
        ([name, value]) => [name, typeof value === "string" && /^\\d+$/.test(value) ? BigInt(value) : value]));
    return cases.map(([terms, lines]) => {
        const { shares, refusal } = outcome(numbers(terms), lines.map(numbers));
        return refusal ?? shares.map(String);
    });
}"""

DECIMALS_SHOWN = "async (address) => (await import(address)).DECIMALS"


def a_cart(chance: random.Random) -> list[PricedLine]:
    """Return one to five lines: small prices, where rounding shows, and very large ones."""
    lines = []
    for place in range(chance.randint(1, 5)):
        quantity = chance.choice([1, 2, 3, 7, 1000])
        price = chance.choice([1, 5, 333, 999, 1000, 1001, chance.randint(1, 5000), LARGEST // 5000])
        product = Product(f"p-{place}", f"v-{place % 2}", "Mug", "MUG", price, "EUR", quantity)
        lines.append(PricedLine(product, quantity, quantity * price))
    return lines


def a_coupon(chance: random.Random) -> RedeemableCoupon:
    kind = chance.choice(list(Kind))
    some = frozenset(chance.sample(["p-0", "p-1", "p-2", "p-3"], 2))
    has_got = kind is Kind.BUY_X_GET_Y and chance.random() < 0.5
    terms = Terms(
        code="A",
        kind=kind,
        funded_by=FundedBy.PLATFORM,
        percent=chance.choice([1, 50, 1250, 1500, 3333, 10_000]),
        amount=chance.choice([1, 100, 999, 10_000]),
        buy_quantity=chance.randint(1, 3),
        get_quantity=chance.randint(1, 3),
        vendor_id=chance.choice([None, None, "v-0"]),
        product_ids=some if has_got or chance.random() < 0.3 else None,
        get_product_ids=frozenset(["p-0", "p-1", "p-2", "p-3", "p-4"]) - some if has_got else None,
        maximum_discount=chance.choice([None, None, 500]) if kind is not Kind.FIXED_AMOUNT else None,
    )
    minimum, budget = chance.choice([None, None, 1500]), chance.choice([None, None, 700])
    return RedeemableCoupon(coupon_id=uuid4(), terms=terms, currency="EUR", minimum_spend=minimum, budget_left=budget)


def for_the_page(coupon: RedeemableCoupon, cart: list[PricedLine]) -> list[Any]:
    """Return the terms and the lines as the page has them; whole numbers are texts, which keep every digit."""
    terms = coupon.terms
    numbers = {
        "percent": terms.percent,
        "amount": terms.amount,
        "buyQuantity": terms.buy_quantity,
        "getQuantity": terms.get_quantity,
        "minimumSpend": coupon.minimum_spend,
        "maximumDiscount": terms.maximum_discount,
        "budget": coupon.budget_left,
    }
    lines = [
        {
            "price": str(line.product.unit_price),
            "quantity": str(line.quantity),
            "isEligible": terms.covers(line),
            "isGot": terms.gives(line),
        }
        for line in cart
    ]
    texts = {name: None if number is None else str(number) for name, number in numbers.items()}
    return [{"kind": str(terms.kind), "isGotApart": terms.get_product_ids is not None, **texts}, lines]


def of_the_service(coupon: RedeemableCoupon, cart: list[PricedLine]) -> str | list[str]:
    """Return the discount of each line, or the reason of the refusal."""
    try:
        return [str(share) for share in coupon.adjust(cart)]
    except CouponUnavailable as refusal:
        return refusal.reason


def asset(world: World, name: str) -> str:
    with httpx.Client(base_url=world.url, trust_env=False) as client:
        return f"{assets_root(client)}/{name}"


def test_every_example_is_what_a_checkout_takes_off(dashboard: Dashboard, world: World) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    cases = [(a_coupon(chance), a_cart(chance)) for _ in range(CARTS)]
    dashboard.open()
    arguments = [asset(world, "js/coupons/discount.js"), [for_the_page(*case) for case in cases]]
    shown = dashboard.page.evaluate(OUTCOMES, arguments)
    assert len({str(each) for each in shown if isinstance(each, str)}) == 3, "every refusal occurs"
    for case, outcome in zip(cases, shown, strict=True):
        assert outcome == of_the_service(*case), case


def test_the_decimals_of_currencies_are_those_of_the_service(dashboard: Dashboard, world: World) -> None:
    dashboard.open()
    assert dashboard.page.evaluate(DECIMALS_SHOWN, asset(world, "js/currencies.js")) == DECIMALS


@pytest.fixture
def form(dashboard: Dashboard, world: World) -> Dashboard:
    """Return the form of a new coupon, for an admin."""
    return dashboard.sign_in(world.admin(), "/dashboard/coupons/new")


def amounts(dashboard: Dashboard) -> list[str | None]:
    """Return the example's sum, discount and total."""
    hooks = ["example-subtotal", "example-discount", "example-total"]
    return [dashboard.hook(hook).get_attribute("data-value") for hook in hooks]


def outcome(dashboard: Dashboard) -> str | None:
    return dashboard.hook("coupon-example").get_attribute("data-outcome")


def test_the_example_follows_what_is_typed(form: Dashboard) -> None:
    assert outcome(form) == "incomplete"
    expect(form.hook("example-sentence")).to_contain_text("Percent off")
    form.hook("coupon-field-percent").fill("15")
    assert amounts(form) == ["45.97", "6.90", "39.07"]  # 6.8955
    expect(form.hook("example-discount")).to_have_attribute("data-currency", "EUR")
    form.hook("coupon-field-currency").select_option("JPY")
    assert amounts(form) == ["4597", "690", "3907"]  # 689.55
    form.hook("coupon-field-maximum_discount").fill("500")
    assert amounts(form) == ["4597", "500", "4097"]
    expect(form.hook("example-sentence")).to_contain_text("Without the maximum it would be ¥690.")
    form.hook("coupon-field-percent").fill("a lot")
    assert outcome(form) == "incomplete"
    expect(form.hook("example-discount")).not_to_be_visible()


def test_the_example_has_a_cart_that_reaches_the_minimum_spend_and_says_when_another_does_not(form: Dashboard) -> None:
    form.hook("coupon-field-kind").select_option("fixed_amount")
    form.hook("coupon-field-amount").fill("5.00")
    expect(form.hook("example-sentence")).to_contain_text("Currency")
    form.hook("coupon-field-currency").select_option("EUR")
    form.hook("coupon-field-minimum_spend").fill("50.00")
    assert amounts(form) == ["65.96", "5.00", "60.96"]
    form.hook("example-quantity").first.fill("2")
    assert outcome(form) == "minimum_spend"
    expect(form.hook("example-sentence")).to_contain_text("come to €45.97, and the minimum spend is €50.00")
    form.hook("example-price").first.fill("30")
    assert amounts(form) == ["65.99", "5.00", "60.99"]
    form.hook("example-price").first.fill("")
    assert outcome(form) == "incomplete"


def test_the_example_shows_which_items_are_eligible(form: Dashboard) -> None:
    form.hook("coupon-field-kind").select_option("buy_x_get_y")
    form.hook("coupon-field-buy_quantity").fill("2")
    form.hook("coupon-field-get_quantity").fill("1")
    assert amounts(form) == ["45.97", "5.99", "39.98"]  # the cheapest of three
    form.hook("coupon-field-product_ids").fill("p-1")
    assert amounts(form) == ["65.96", "19.99", "45.97"]
    expect(form.hook("example-line").nth(1)).to_contain_text("Not eligible")
    form.hook("coupon-field-get_product_ids").fill("p-9")
    form.hook("coupon-field-percent").fill("50.00")
    assert amounts(form) == ["45.97", "3.00", "42.97"]  # 2.995
    form.hook("coupon-field-vendor_id").fill("v-1")
    expect(form.hook("example-line").nth(2)).to_contain_text("another vendor")


def test_the_example_of_a_coupon_counts_what_is_left_of_its_budget(dashboard: Dashboard, world: World) -> None:
    code = world.coupon(kind="fixed_amount", amount="5.00", currency="EUR", budget="8.00")
    customer = world.shopper()
    customer.place({"coupon_code": code})
    dashboard.sign_in(world.admin(), f"/dashboard/coupons/{code}")
    assert outcome(dashboard) == "used_up"
    dashboard.hook("coupon-field-budget").fill("10.00")
    assert amounts(dashboard)[1] == "5.00"
