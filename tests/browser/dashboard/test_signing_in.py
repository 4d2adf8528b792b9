"""Signing in with a token, which is kept in the page alone, and the end of a session."""

import re
import time
from typing import Any

import jwt
import pytest
from playwright.sync_api import expect

from compose.connection_info import JWT_AUDIENCE, JWT_ISSUER
from tests.support.dashboard_page import Dashboard, token
from tests.support.market import Market
from tests.support.world import World

ADDRESSES = [
    "/dashboard",
    "/dashboard?tab=shipped",
    "/dashboard/orders",
    "/dashboard/nowhere",
    "/dashboard/coupons/new",
]


def token_until(world: World, expires_at: float, **claims: Any) -> str:
    """Return a vendor's token with this expiry."""
    whole = {"sub": "vera", "role": "vendor", "vendor_id": "v-1", "iat": int(time.time()) - 60, "exp": int(expires_at)}
    whole |= {"iss": JWT_ISSUER, "aud": JWT_AUDIENCE, **claims}
    return jwt.encode(whole, world.stack.connection_info.jwt_secret, algorithm="HS256")


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_shows_the_sign_in_first(dashboard: Dashboard, address: str) -> None:
    dashboard.expects("status of 404")
    dashboard.open(address)
    expect(dashboard.hook("sign-in")).to_be_visible()
    expect(dashboard.hook("token-input")).to_have_attribute("type", "password")
    expect(dashboard.hook("token-input")).to_have_attribute("autocomplete", "off")
    for hook in ("nav", "who", "sign-in-error", "sign-in-notice"):
        expect(dashboard.hook(hook)).to_be_hidden()
    assert dashboard.api_requests() == []


def test_a_vendor_signs_in_and_is_named(dashboard: Dashboard, world: World) -> None:
    vera = world.person("vendor", "vera", "v-atelier")
    dashboard.sign_in(vera)
    who = dashboard.hook("who")
    expect(who).to_have_text("vera")
    expect(who).to_have_attribute("data-role", "vendor")
    expect(who).to_have_attribute("data-vendor-id", "v-atelier")
    expect(dashboard.main).to_have_attribute("data-page", "board")


def test_an_admin_signs_in_and_sees_the_orders(dashboard: Dashboard, world: World) -> None:
    dashboard.sign_in(world.person("admin", "olga"))
    expect(dashboard.hook("who")).to_have_attribute("data-role", "admin")
    assert dashboard.hook("who").get_attribute("data-vendor-id") is None
    expect(dashboard.main).to_have_attribute("data-page", "orders")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda world: "no token", "not a token"),
        (lambda world: "abc.def.ghi", "Invalid token"),
        (lambda world: f"{token(world.vendor('v-1'))[:-4]}AAAA", "Invalid token"),
        (lambda world: token_until(world, time.time() - 600), "expired"),
        (lambda world: token_until(world, time.time() + 600, vendor_id=None), "vendor_id"),
        (lambda world: token(world.customer()), "for vendors and admins"),
        (lambda world: "", "Enter a token"),
    ],
)
def test_a_refused_token_is_explained_and_shows_nothing(
    dashboard: Dashboard, world: World, made: Any, words: str
) -> None:
    dashboard.expects("status of 401")
    dashboard.open()
    dashboard.give_token(made(world))
    expect(dashboard.hook("sign-in-error")).to_contain_text(words)
    expect(dashboard.hook("token-input")).to_have_value("")
    assert dashboard.focused() == "token-input"
    expect(dashboard.hook("nav")).to_have_count(0)


def test_the_token_is_in_no_place_but_a_variable(dashboard: Dashboard, world: World) -> None:
    vera = world.vendor("v-1")
    dashboard.sign_in(vera)
    secret = token(vera)
    assert secret not in dashboard.page.content()
    assert secret not in dashboard.page.url
    assert not dashboard.page.evaluate("secret => JSON.stringify(history.state ?? {}).includes(secret)", secret)
    assert all(secret not in str(value) for value in dashboard.page.evaluate("Object.values(window).map(String)"))
    for request in dashboard.requests:
        headers = request.all_headers()
        assert secret not in request.url + str(request.post_data)
        assert ("authorization" in headers) == ("/api/v1/" in request.url)


def test_reloading_means_signing_in_again_and_leads_to_the_address_asked_for(
    dashboard: Dashboard, world: World
) -> None:
    vera = world.vendor("v-1")
    dashboard.sign_in(vera, "/dashboard?tab=shipped&q=mug")
    dashboard.page.reload()
    dashboard.ready()
    expect(dashboard.hook("sign-in")).to_be_visible()
    dashboard.give_token(token(vera))
    expect(dashboard.main).to_have_attribute("data-tab", "shipped")
    expect(dashboard.hook("filter-q")).to_have_value("mug")


def test_signing_out_forgets_the_token_and_everything_shown(dashboard: Dashboard, world: World) -> None:
    market = Market(world, 1000, name="Stoneware mug")
    market.sell()
    dashboard.sign_in(market.vendors[0])
    expect(dashboard.rows).to_have_count(1)
    dashboard.click("tile-shipped")
    dashboard.click("sign-out")
    expect(dashboard.hook("sign-in")).to_be_visible()
    assert "Stoneware mug" not in dashboard.page.content()
    assert not dashboard.page.title().startswith("(")
    asked = len(dashboard.api_requests())
    dashboard.page.go_back()
    expect(dashboard.page).to_have_url(re.compile("tab=shipped"))
    dashboard.page.wait_for_timeout(4000)  # longer than the pause between two questions of the list
    expect(dashboard.hook("sign-in")).to_be_visible()
    assert len(dashboard.api_requests()) == asked


def test_the_session_ends_with_its_token_and_the_page_comes_back(dashboard: Dashboard, world: World) -> None:
    dashboard.open("/dashboard?tab=delivered")
    dashboard.give_token(token_until(world, time.time() + 4))
    expect(dashboard.main).to_have_attribute("data-tab", "delivered")
    expect(dashboard.hook("sign-in-notice")).to_contain_text("expired")
    expect(dashboard.hook("who")).to_have_count(0)
    dashboard.give_token(token(world.vendor("v-1")))
    expect(dashboard.main).to_have_attribute("data-tab", "delivered")


def test_a_token_that_the_api_refuses_later_leads_to_the_sign_in(dashboard: Dashboard, world: World) -> None:
    """As when the issuer withdraws its key."""
    dashboard.expects("status of 401")
    vera = world.vendor("v-1")
    dashboard.sign_in(vera, "/dashboard?tab=shipped")
    dashboard.page.route(
        "**/api/v1/**",
        lambda route: route.continue_(headers={**route.request.headers, "authorization": "Bearer withdrawn"}),
    )
    expect(dashboard.hook("sign-in-notice")).to_contain_text("Invalid token")
    expect(dashboard.rows).to_have_count(0)
    dashboard.page.unroute_all()
    dashboard.give_token(token(vera))
    expect(dashboard.main).to_have_attribute("data-tab", "shipped")
