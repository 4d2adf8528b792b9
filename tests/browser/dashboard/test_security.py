"""Texts of people are texts, the policy holds, and nothing leaves the origin."""

import pytest
from playwright.sync_api import expect

from tests.support.dashboard import HEADERS
from tests.support.dashboard_page import Dashboard, vendor_page
from tests.support.market import Market
from tests.support.world import World

HOSTILE = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"
ADDRESS = {
    "line1": HOSTILE[:90],
    "city": "<b>Paris</b>",
    "country": "FR",
    "postal_code": "<i>1</i>",
    "phone": "<u>1</u>",
}


@pytest.fixture
def market(world: World) -> Market:
    return Market(world, 1000, name=HOSTILE, sku="<b>SKU</b>")


def test_what_people_wrote_is_text_on_every_page(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell({"shipping_address": {"name": "<s>Ada</s>", **ADDRESS}, "note": HOSTILE})
    part = sale.do(0, "accept")
    shipped = sale.act(0, "ship", body={"carrier": "<b>DHL</b>", "tracking_number": "<img src=x>"})
    assert shipped.status_code == 200
    dashboard.sign_in(market.vendors[0], "/dashboard?tab=shipped&q=%3Cimg%20src%3Dx")
    expect(dashboard.row(part["id"]).get_by_test_id("cell-items")).to_contain_text(HOSTILE)
    dashboard.row(part["id"]).get_by_role("link").click()
    dashboard.ready()
    for text in (HOSTILE, "<b>SKU</b>", "<b>Paris</b>", "<s>Ada</s>", "<b>DHL</b>", "<img src=x>"):
        expect(dashboard.page.get_by_text(text).first).to_be_visible()
    assert "hacked" not in dashboard.page.title()
    assert dashboard.page.locator("img, script:not([type=module]), main b, main s, main i, main u").count() == 0


def test_a_refusals_words_and_a_persons_name_are_text(dashboard: Dashboard, world: World) -> None:
    dashboard.expects("status of 400")
    vera = world.person("vendor", "<b>vera</b>", "v-<i>1</i>")
    dashboard.sign_in(vera, "/dashboard?created_after=%3Cimg%20src%3Dx%3E")
    expect(dashboard.hook("who")).to_have_text("<b>vera</b>")
    expect(dashboard.hook("who")).to_have_attribute("data-vendor-id", "v-<i>1</i>")
    expect(dashboard.hook("error")).to_be_visible()
    assert dashboard.page.locator("main img, header b, header i").count() == 0


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://carrier.example/", "https://user@carrier.example/", None]
)
def test_only_an_https_link_leads_out(dashboard: Dashboard, market: Market, url: str | None) -> None:
    """The API refuses others; an older row may have one."""
    sale = market.sell()
    part = sale.do(0, "accept", "ship")
    market.world.sql("UPDATE vendor_orders SET tracking_url = %s WHERE id = %s", url, part["id"])
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, part["id"]))
    expect(dashboard.hook("field-carrier")).to_have_text("DHL")
    expect(dashboard.hook("field-tracking_url")).to_have_count(0)
    foreign = "a[href]:not([href^='/dashboard']):not([href='#main'])"
    assert dashboard.page.locator(foreign).count() == 0


def test_the_policy_of_the_contract_is_the_browsers(dashboard: Dashboard, world: World) -> None:
    """An inline script, a style attribute, `eval` and a foreign address are all refused."""
    dashboard.expects("policy:", "Content Security Policy", "violates the following")
    dashboard.sign_in(world.vendor("v-1"))
    refused = dashboard.page.evaluate(
        """async () => {
            const found = new Set();
            addEventListener("securitypolicyviolation", (event) => found.add(event.effectiveDirective));
            const script = Object.assign(document.createElement("script"), { textContent: "globalThis.ran = true" });
            document.body.append(script);
            document.body.setAttribute("style", "color: red");
            await fetch("http://127.0.0.1:9/").catch(() => {});
            const image = Object.assign(document.createElement("img"), { src: "http://127.0.0.1:9/x.png" });
            document.body.append(image);
            await new Promise((resolve) => setTimeout(resolve, 300));
            return [[...found].sort(), globalThis.ran ?? false];
        }"""
    )
    assert refused == [["connect-src", "img-src", "script-src-elem", "style-src-attr"], False]
    assert HEADERS["content-security-policy"].count("'self'") == 6
    dashboard.requests.clear()


def test_requests_send_no_cookie_and_no_referrer(dashboard: Dashboard, world: World) -> None:
    dashboard.sign_in(world.vendor("v-1"))
    for request in dashboard.requests:
        headers = request.all_headers()
        assert "cookie" not in headers
        assert "referer" not in headers or request.resource_type != "fetch"
