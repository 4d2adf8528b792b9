"""The address by which requests without a token are counted: that of the connection, or the one that a trusted proxy forwards."""

from collections.abc import Iterator

import httpx
import pytest

from compose.stack import Stack
from tests.support.rate_limits import left, refused
from tests.support.server import server

LIMITS = "anonymous=3/3600, failed_auth=2/3600"


def ask(url: str, *forwarded: str, path: str = "/api/doc") -> httpx.Response:
    """GET a page, with a line X-Forwarded-For for each of `forwarded`."""
    headers = [("X-Forwarded-For", line) for line in forwarded]
    return httpx.get(f"{url}{path}", headers=headers, trust_env=False, verify=False)


def units(url: str, *forwarded: str) -> int:
    return left(ask(url, *forwarded))["anonymous"][0]


@pytest.fixture(scope="module")
def untrusting(stack: Stack) -> Iterator[str]:
    """Yield a server to which this machine is no proxy."""
    with server(stack, "no proxy", RATE_LIMITS=LIMITS, FORWARDED_ALLOW_IPS="192.0.2.1") as url:
        yield url


@pytest.fixture(scope="module")
def trusting(stack: Stack) -> Iterator[str]:
    """Yield a server behind two proxies: this machine, and any of 192.0.2.0/24."""
    with server(stack, "two proxies", RATE_LIMITS=LIMITS, FORWARDED_ALLOW_IPS="127.0.0.1,192.0.2.0/24") as url:
        yield url


def test_an_address_that_an_untrusted_client_forwards_means_nothing(untrusting: str) -> None:
    assert [units(untrusting, f"198.51.100.{n}") for n in range(3)] == [2, 1, 0]
    refused(ask(untrusting, "203.0.113.9"), "anonymous")
    refused(ask(untrusting), "anonymous")
    statuses = [ask(untrusting, f"198.51.100.{n}", path="/api/v1/orders").status_code for n in range(3)]
    assert statuses == [401, 401, 429]


def test_the_last_address_that_is_not_a_proxys_counts(trusting: str) -> None:
    assert units(trusting, "198.51.100.1") == 2
    assert units(trusting, "6.6.6.6, 198.51.100.1") == 1  # the client's own lines come first
    assert units(trusting, "6.6.6.6", "198.51.100.1, 192.0.2.7") == 0
    refused(ask(trusting, "7.7.7.7, 198.51.100.1,192.0.2.8, 192.0.2.9"), "anonymous")
    assert units(trusting, "198.51.100.1, 6.6.6.6") == 2
    assert units(trusting, "6.6.6.6:4711") == 1


def test_ipv6_counts_by_its_first_64_bits(trusting: str) -> None:
    assert [units(trusting, f"2001:db8:1:2::{n}") for n in range(1, 4)] == [2, 1, 0]
    refused(ask(trusting, "[2001:db8:1:2:ffff::9]:4711"), "anonymous")
    assert units(trusting, "2001:db8:1:3::1") == 2
    assert units(trusting, "::ffff:203.0.113.5") == 2
    assert units(trusting, "203.0.113.5") == 1
    assert units(trusting, "::ffff:203.0.113.6") == 2


def test_the_units_of_one_address_are_not_those_of_another(trusting: str) -> None:
    attacker, neighbour = "198.51.100.66", "198.51.100.67"
    statuses = [ask(trusting, attacker, path="/api/v1/orders").status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert ask(trusting, neighbour, path="/api/v1/orders").status_code == 401
