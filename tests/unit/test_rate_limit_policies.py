"""The setting RATE_LIMITS, the policy of each request, the keys and the fields (contract: rate limits and caching)."""

import re

import pytest

from orders.domain.callers import Caller
from orders.http.throttling.keys import address_key, caller_key, network
from orders.http.throttling.policies import DEFAULTS, Policy, parse, policy_of
from tests.support.settings import ENOUGH, refusal, start

CONTRACT = {
    "checkout": (30, 60),
    "quote": (120, 60),
    "write": (300, 60),
    "read": (1200, 60),
    "analytics": (120, 60),
    "export": (20, 60),
    "coupon_guess": (10, 600),
    "streams": (20, None),
    "failed_auth": (60, 60),
    "anonymous": (600, 60),
}


def limits(policies: dict[str, Policy]) -> dict[str, tuple[int, int | None]]:
    return {name: (policy.quota, policy.window) for name, policy in policies.items() if name == policy.name}


@pytest.mark.parametrize("text", ["on", " on ", "", " "])
def test_on_is_the_table_of_the_contract(text: str) -> None:
    assert limits(parse(text)) == CONTRACT


def test_the_limits_are_on_by_default() -> None:
    assert start({name: value for name, value in ENOUGH.items() if name != "RATE_LIMITS"})["RATE_LIMITS"] == parse("on")
    assert start(ENOUGH | {"RATE_LIMITS": ""})["RATE_LIMITS"] == parse("on")
    assert start(ENOUGH | {"RATE_LIMITS": "off"})["RATE_LIMITS"] == {}


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("checkout=60/60", {"checkout": (60, 60)}),
        ("checkout=60/60, coupon_guess=5/3600, streams=50, export=off",
         {"checkout": (60, 60), "coupon_guess": (5, 3600), "streams": (50, None), "export": None}),
        (" read = 1 / 1 ,write=1000000/86400", {"read": (1, 1), "write": (1_000_000, 86_400)}),
        ("streams=off", {"streams": None}),
        ("streams=1000000", {"streams": (1_000_000, None)}),
        ("failed_auth=off,anonymous=5/1", {"failed_auth": None, "anonymous": (5, 1)}),
    ],
)  # fmt: skip
def test_a_list_changes_what_it_names(text: str, changes: dict[str, tuple[int, int | None] | None]) -> None:
    expected = {name: limit for name, limit in (CONTRACT | changes).items() if limit is not None}
    assert limits(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("checkout=0/60", "checkout=0/60"),
        ("checkout=1000001/60", "checkout=1000001/60"),
        ("checkout=60/0", "checkout=60/0"),
        ("checkout=60/86401", "checkout=60/86401"),
        ("checkout=60", "checkout=60"),
        ("checkout", "checkout"),
        ("checkout=", "checkout="),
        ("checkout=on", "checkout=on"),
        ("checkout=-1/60", "checkout=-1/60"),
        ("checkout=1.5/60", "checkout=1.5/60"),
        ("checkout=1e3/60", "checkout=1e3/60"),
        ("checkout=60/1m", "checkout=60/1m"),
        ("checkout=60/60/60", "checkout=60/60/60"),
        ("checkout=٣/60", "checkout=٣/60"),
        ("checkout=off/60", "checkout=off/60"),
        ("quote=5/5, checkouts=60/60", "checkouts=60/60"),
        ("Checkout=60/60", "Checkout=60/60"),
        ("streams=20/60", "streams=20/60"),
        ("streams=0", "streams=0"),
        ("streams=1000001", "streams=1000001"),
        ("checkout=60/60,", ""),
        (",", ""),
        ("checkout=60/60;quote=1/1", "checkout=60/60;quote=1/1"),
        ("checkout=60/60, checkout=30/60", "checkout=30/60"),
        ("off, streams=5", "off"),
        ("streams=5, on", "on"),
        ("OFF", "OFF"),
        ("none", "none"),
        ("true", "true"),
        ("0", "0"),
    ],
)
def test_anything_else_stops_the_start_with_the_part_that_is_wrong(text: str, part: str) -> None:
    message = refusal(ENOUGH | {"RATE_LIMITS": text})
    assert message.startswith(f"RATE_LIMITS: {part!r} ")


@pytest.mark.parametrize(
    ("request_line", "policy"),
    [
        ("POST /api/v1/orders", "checkout"),
        ("POST /api/v1/orders/quote", "quote"),
        ("POST /api/v1/orders/1/cancel", "write"),
        ("POST /api/v1/coupons", "write"),
        ("PUT /api/v1/orders", "write"),
        ("PATCH /api/v1/coupons/TEN", "write"),
        ("DELETE /api/v1/coupons/TEN", "write"),
        ("POST /api/v1/nowhere", "write"),
        ("POST /api/v1/analytics/sales", "write"),
        ("GET /api/v1/orders", "read"),
        ("HEAD /api/v1/orders", "read"),
        ("GET /api/v1/orders/quote", "read"),
        ("GET /api/v1/orders/1/stream", "read"),
        ("GET /api/v1/nowhere", "read"),
        ("GET /api/v1/analyticsx", "read"),
        ("GET /api/v1/coupons?format=json", "read"),
        ("GET /api/v1/coupons?format=csv", "export"),
        ("HEAD /api/v1/coupons?format=csv", "export"),
        ("GET /api/v1/analytics/sales?format=csv", "export"),
        ("GET /api/v1/export/orders", "export"),
        ("GET /api/v1/analytics/sales", "analytics"),
        ("HEAD /api/v1/analytics/sales", "analytics"),
        ("GET /api/v1/analytics", "analytics"),
        ("GET /api/doc", "anonymous"),
        ("GET /api/doc/start.js", "anonymous"),
        ("HEAD /api/schema", "anonymous"),
        ("POST /api/schema", "anonymous"),
        ("GET /dashboard", "anonymous"),
        ("GET /dashboard/assets/app.js", "anonymous"),
        ("GET /healthz", None),
        ("GET /readyz", None),
        ("GET /metrics", None),
        ("GET /", None),
        ("GET /api/docs", None),
        ("GET /api/v1", None),
        ("GET /dashboards", None),
        ("OPTIONS /api/v1/orders", None),
        ("OPTIONS /api/doc", None),
    ],
)
def test_each_request_belongs_to_one_policy(request_line: str, policy: str | None) -> None:
    method, url = request_line.split()
    path, _, query = url.partition("?")
    assert policy_of(method, path, is_csv=query == "format=csv") == policy


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "other", "are_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:0DB8:0001:0002:0000:0000:0000:0009", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
        ("client", "192.0.2.1", False),
    ],
)
def test_an_ipv6_client_is_counted_by_its_network(address: str, other: str, are_one: bool) -> None:
    assert (network(address) == network(other)) is are_one
    assert (address_key("anonymous", address) == address_key("anonymous", other)) is are_one


def test_two_tokens_of_one_person_share_a_bucket_and_nothing_else_does() -> None:
    ada, again = Caller("ada", "customer", None, 1), Caller("ada", "customer", None, 2)
    others = [Caller("ada", "admin", None, 1), Caller("ada", "vendor", "v-1", 1), Caller("adä", "customer", None, 1)]
    assert caller_key("read", ada) == caller_key("read", again)
    assert len({caller_key("read", each) for each in (ada, *others)} | {caller_key("write", ada)}) == 5


def test_nothing_of_a_caller_is_readable_in_a_key() -> None:
    keys = (caller_key("read", Caller("ada@example.com", "customer", None, 1)), address_key("anonymous", "192.0.2.1"))
    assert all(re.fullmatch(rb"rate-limits:[0-9a-f]{32}", key) for key in keys)


# --- fields -----------------------------------------------------------------------------------------------------------


def test_a_policy_is_written_as_a_structured_field() -> None:
    assert DEFAULTS["checkout"].member == '"checkout";q=30;w=60'
    assert DEFAULTS["streams"].member == '"streams";q=20;qu="concurrent-requests"'
