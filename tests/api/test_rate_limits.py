"""Rate limits: the policy of each request, its fields and its 429, the order of the checks (contract: rate limits and caching)."""

import re
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import httpx
import jwt
import pytest
import redis

from compose.stack import Stack
from tests.support.issuer import claims
from tests.support.problem import problem
from tests.support.rate_limits import left, refused
from tests.support.server import server
from tests.support.streams import open_stream
from tests.support.world import Person, Sandbox, World, eventually

FEW = ", ".join(
    [
        f"{name}=3/3600"
        for name in ("checkout", "quote", "write", "read", "analytics", "export", "failed_auth", "anonymous")
    ]
    + ["coupon_guess=2/7200", "streams=2"]
)
UNIT: Any = pytest.approx(1200, abs=100)
"""The seconds until the next unit of those policies, in tests that may take a while."""

GUESS: Any = pytest.approx(3600, abs=100)


@pytest.fixture(scope="module")
def few_url(stack: Stack) -> Iterator[str]:
    with server(stack, "few units", RATE_LIMITS=FEW, JWT_SECRET_FALLBACK=secrets.token_hex(32)) as url:
        yield url


@pytest.fixture
def few(stack: Stack, sandbox: Sandbox, few_url: str) -> Iterator[World]:
    """Yield a server with small quotas."""
    with closing(World(stack, few_url, sandbox)) as world:
        yield world


@pytest.fixture(scope="module")
def defaults_url(stack: Stack) -> Iterator[str]:
    with server(stack, "default limits", RATE_LIMITS="") as url:
        yield url


@pytest.fixture
def defaults(stack: Stack, sandbox: Sandbox, defaults_url: str) -> Iterator[World]:
    """Yield a server with the default limits."""
    with closing(World(stack, defaults_url, sandbox)) as world:
        yield world


def visitor(world: World, address: str = "") -> httpx.Client:
    """Return a client without a token; the server trusts this machine to forward its address, a new one unless given."""
    number = uuid.uuid4().int
    address = address or f"2001:db8:{number >> 112 & 0xFFFF:x}:{number >> 96 & 0xFFFF:x}::1"
    return httpx.Client(base_url=world.url, headers={"X-Forwarded-For": address}, trust_env=False, verify=False)


Ask = Callable[[Person], httpx.Response]

BY_POLICY: dict[str, list[Ask]] = {
    "checkout": [lambda person: person.checkout(), lambda person: person.post("/orders", {"x": 1})],
    "quote": [lambda person: person.post("/orders/quote")],
    "write": [
        lambda person: person.post(f"/orders/{uuid.uuid4()}/cancel"),
        lambda person: person.post("/nowhere"),
        lambda person: person.http.put("/api/v1/orders"),
        lambda person: person.patch("/coupons/NONE", {}),
        lambda person: person.delete("/coupons/NONE"),
        lambda person: person.post("/coupon-batches"),
    ],
    "read": [
        lambda person: person.get("/orders"),
        lambda person: person.http.head("/api/v1/orders"),
        lambda person: person.get(f"/orders/{uuid.uuid4()}"),
        lambda person: person.get("/orders?limit=none"),
        lambda person: person.get("/nowhere"),
        lambda person: person.get("/vendor-orders"),
        lambda person: person.http.get("/api/v1/orders", headers={"Host": "elsewhere.example"}),
    ],
    "analytics": [
        lambda person: person.get("/analytics/sales"),
        lambda person: person.get("/analytics/sales?format=json"),
    ],
    "export": [
        lambda person: person.get("/coupons?format=csv"),
        lambda person: person.get("/coupons?form%61t=csv"),
        lambda person: person.get("/analytics/sales?format=csv"),
        lambda person: person.get("/orders?limit=1&format=csv"),
    ],
}


@pytest.mark.parametrize("policy", BY_POLICY)
def test_each_request_takes_one_unit_of_its_policy_whatever_its_answer(few: World, policy: str) -> None:
    for ask in BY_POLICY[policy]:
        person = few.customer()
        for units in (2, 1, 0):
            answer = ask(person)
            assert answer.status_code != 429
            assert answer.headers["ratelimit-policy"] == f'"{policy}";q=3;w=3600'
            assert left(answer) == {policy: (units, UNIT)}
        answer = ask(person)
        if answer.request.method == "HEAD":
            assert (answer.status_code, left(answer)) == (429, {policy: (0, UNIT)})
        else:
            refused(answer, policy)


def test_the_default_quotas_are_those_of_the_contract(defaults: World) -> None:
    shopper, vendor = defaults.shopper(), defaults.vendor("v-1")
    first, second = shopper.checkout(), shopper.checkout()
    assert first.status_code == 201
    assert first.headers["ratelimit-policy"] == second.headers["ratelimit-policy"] == '"checkout";q=30;w=60'
    assert first.headers["ratelimit"] == '"checkout";r=29;t=2'
    assert re.fullmatch('"checkout";r=2[89];t=[12]', second.headers["ratelimit"])
    found = [
        shopper.post("/orders/quote"),
        shopper.post("/nowhere"),
        shopper.get("/orders"),
        shopper.get("/analytics/sales"),
        vendor.get("/coupons?format=csv"),
        shopper.post("/orders/quote", {"coupon_code": "a"}),
        shopper.http.head(f"/api/v1/orders/{first.json()['id']}/stream"),
    ]
    with visitor(defaults) as anyone:
        found.append(anyone.get("/api/schema"))
    assert [answer.headers["ratelimit-policy"] for answer in found] == [
        '"quote";q=120;w=60',
        '"write";q=300;w=60',
        '"read";q=1200;w=60',
        '"analytics";q=120;w=60',
        '"export";q=20;w=60',
        '"quote";q=120;w=60, "coupon_guess";q=10;w=600',
        '"read";q=1200;w=60, "streams";q=20;qu="concurrent-requests"',
        '"anonymous";q=600;w=60',
    ]


def test_a_refused_checkout_is_not_carried_out(few: World) -> None:
    shopper = few.shopper()
    for _ in range(3):
        shopper.post("/orders")  # without a key: counts, and is refused
    refused(shopper.checkout(), "checkout")
    assert shopper.get("/orders").json()["results"] == []


def test_replays_count(few: World) -> None:
    shopper, key = few.shopper(), str(uuid.uuid4())
    assert [shopper.checkout(key=key).status_code for _ in range(4)] == [201, 201, 201, 429]


def test_callers_do_not_share_a_bucket_and_tokens_of_one_caller_do(few: World) -> None:
    ada = few.customer()
    for _ in range(3):
        ada.get("/orders")
    refused(ada.get("/orders"), "read")
    refused(few.person("customer", ada.id).get("/orders"), "read")
    assert few.person("admin", ada.id).get("/orders").status_code == 200
    assert few.customer().get("/orders").status_code == 200
    assert ada.post("/nowhere").status_code == 404


def test_waiting_as_long_as_told_and_asking_once_is_enough(stack: Stack, sandbox: Sandbox) -> None:
    with server(stack, "quick units", RATE_LIMITS="read=2/2") as url, closing(World(stack, url, sandbox)) as world:
        ada = world.customer()
        while (answer := ada.get("/orders")).status_code == 200:
            pass
        refused(answer, "read")
        time.sleep(int(answer.headers["retry-after"]))
        assert left(again := ada.get("/orders"))["read"][0] == 0
        assert again.status_code == 200
        assert ada.get("/orders").status_code == 429


def test_a_limit_is_checked_after_the_token_and_before_the_role_and_the_object(few: World) -> None:
    vendor, path = few.vendor("v-1"), f"/orders/{uuid.uuid4()}"
    assert [vendor.get(path).status_code for _ in range(4)] == [403, 403, 403, 429]
    customer = few.customer()
    assert [customer.get(path).status_code for _ in range(4)] == [404, 404, 404, 429]
    with visitor(few) as anyone:
        assert anyone.get(f"/api/v1{path}").status_code == 401


def test_a_full_server_counts_nothing(stack: Stack, sandbox: Sandbox) -> None:
    with (
        server(stack, "full", RATE_LIMITS="read=1/60, failed_auth=1/60", REQUESTS_IN_FLIGHT="0") as url,
        closing(World(stack, url, sandbox)) as world,
    ):
        ada = world.customer()
        answers = [ada.get("/orders") for _ in range(3)] + [httpx.get(f"{url}/api/v1/orders", trust_env=False)] * 3
        for answer in answers:
            problem(answer, 503, "overloaded")
            assert "ratelimit" not in answer.headers


def test_every_answer_has_the_fields(few: World) -> None:
    shopper = few.shopper()
    order = shopper.checkout()
    tag = order.headers["etag"]
    path = f"/orders/{order.json()['id']}"
    for answer, status in (
        (order, 201),
        (shopper.get(path), 200),
        (shopper.get(path, headers={"If-None-Match": tag}), 304),
        (shopper.http.post("/api/v1/orders", content=b"x" * 300_000), 400),
        (shopper.http.post("/api/v1/nowhere", content=b"x" * 300_000), 404),
    ):
        assert answer.status_code == status
        assert left(answer)
        assert "retry-after" not in answer.headers


# --- coupon_guess -----------------------------------------------------------------------------------------------------

UNKNOWN = {"coupon_code": "NO-SUCH-CODE"}


def test_an_unknown_coupon_takes_a_unit_and_a_valid_one_none(few: World, world: World) -> None:
    shopper, code = few.shopper(), world.coupon()
    quoted = shopper.post("/orders/quote", {"coupon_code": code})
    assert (quoted.status_code, left(quoted)) == (200, {"quote": (2, UNIT), "coupon_guess": (2, None)})
    guessed = shopper.checkout(UNKNOWN)
    problem(guessed, 409, "coupon_unavailable", "coupon_code", "reason")
    assert left(guessed) == {"checkout": (2, UNIT), "coupon_guess": (1, GUESS)}
    ended = world.coupon(ends_at="2020-01-01T00:00:00Z", starts_at="2019-01-01T00:00:00Z")
    assert left(shopper.post("/orders/quote", {"coupon_code": ended}))["coupon_guess"][0] == 1
    assert left(shopper.post("/orders/quote", {"coupon_codes": ["NOPE", code]}))["coupon_guess"][0] == 0


def test_without_a_guess_left_no_code_is_looked_at(few: World, world: World) -> None:
    shopper, code = few.shopper(), world.coupon()
    for _ in range(2):
        assert shopper.post("/orders/quote", UNKNOWN).status_code == 409
    bodies: list[Any] = [{"coupon_code": code}, {"coupon_codes": [code]}, {"coupon_code": "x" * 99}]
    for body in bodies:
        refused(shopper.post("/orders/quote", body), "coupon_guess")
        refused(shopper.checkout(body), "coupon_guess")
    assert shopper.get("/orders").json()["results"] == []
    plain = shopper.post("/orders/quote", {"coupon_code": " ", "coupon_codes": None})
    assert (plain.status_code, left(plain)) == (200, {"quote": (0, UNIT)})  # the refusals took none of these
    bodies = [{}, {"coupon_codes": []}]
    for body in bodies:
        answer = shopper.checkout(body)
        assert (answer.status_code in (201, 409), list(left(answer))) == (True, ["checkout"])


def test_two_policies_without_a_unit_are_both_named_with_the_longer_wait(few: World) -> None:
    shopper = few.shopper()
    for body in (UNKNOWN, UNKNOWN, {}):
        shopper.post("/orders/quote", body)
    answer = shopper.post("/orders/quote", UNKNOWN)
    refused(answer, "quote", "coupon_guess")
    assert int(answer.headers["retry-after"]) == GUESS
    refused(shopper.post("/orders/quote"), "quote")


def test_a_malformed_body_names_no_code(few: World) -> None:
    shopper = few.shopper()
    for content in (b'{"coupon_code": ', b'["coupon_code"]', b'"coupon_code"'):
        answer = shopper.http.post(
            "/api/v1/orders/quote", content=content, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, list(left(answer))) == (400, ["quote"])


def test_a_vendors_taken_code_takes_a_unit_and_an_admins_none(few: World, world: World) -> None:
    taken, vendor, admin = world.coupon(), few.vendor("v-1"), few.admin()
    terms = {"kind": "percentage", "percent": "5.00"}
    assert list(left(admin.post("/coupons", {**terms, "code": taken}))) == ["write"]
    created = vendor.post("/coupons", {**terms, "code": f"NEW-{uuid.uuid4().hex[:10]}"})
    assert (created.status_code, left(created)["coupon_guess"]) == (201, (2, None))
    answer = vendor.post("/coupons", {**terms, "code": taken})
    problem(answer, 409, "code_taken")
    assert left(answer) == {"write": (1, UNIT), "coupon_guess": (1, GUESS)}
    other = few.person("vendor", vendor.id, "v-2")  # the same caller
    assert other.post("/coupons", {**terms, "code": taken}).status_code == 409
    third = few.vendor("v-3")
    for _ in range(2):
        third.post("/coupons", {**terms, "code": taken})
    refused(third.post("/coupons", {**terms, "code": f"NEW-{uuid.uuid4().hex[:10]}"}), "coupon_guess")
    without = third.post("/coupons", terms)
    assert (without.status_code, list(left(without))) == (201, ["write"])


def test_concurrent_guesses_are_no_more_than_the_quota(defaults: World) -> None:
    shopper = defaults.shopper()
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda n: shopper.post("/orders/quote", {"coupon_code": f"GUESS-{n}"}), range(40)))
    codes = [answer.json()["code"] for answer in answers]
    assert (codes.count("coupon_unavailable"), codes.count("rate_limited")) == (10, 30)


@pytest.mark.serial
def test_concurrent_requests_with_a_valid_code_are_all_served(defaults: World) -> None:
    """They hold a unit each while they run, and there are fewer units than requests."""
    shopper, code, key = defaults.shopper(), defaults.coupon(), str(uuid.uuid4())
    with ThreadPoolExecutor(16) as threads:
        quotes = list(threads.map(lambda _: shopper.post("/orders/quote", {"coupon_code": code}), range(32)))
        orders = list(threads.map(lambda _: shopper.checkout({"coupon_code": code}, key), range(16)))
    assert {answer.status_code for answer in quotes} == {200}
    assert {answer.status_code for answer in orders} == {201}
    assert left(shopper.post("/orders/quote", {"coupon_code": code}))["coupon_guess"] == (10, None)


# --- streams ----------------------------------------------------------------------------------------------------------


def test_a_stream_has_a_unit_until_it_closes_and_opening_takes_one_of_read(few: World) -> None:
    shopper = few.shopper()
    path = f"/orders/{shopper.place()['id']}/stream"
    with ExitStack() as streams:
        for units in (1, 0):
            stream = streams.enter_context(open_stream(shopper, path))
            assert stream.answer.getheader("RateLimit-Policy") == (
                '"read";q=3;w=3600, "streams";q=2;qu="concurrent-requests"'
            )
            assert re.fullmatch(
                f'"read";r={1 + units};t=1[0-9]+, "streams";r={units}', str(stream.answer.getheader("RateLimit"))
            )
        answer = shopper.get(path)
        body = refused(answer, "streams")
        assert "2 streams" in body["detail"]
        assert left(answer)["read"][0] == 1  # a 429 of one policy takes nothing from another
        assert list(left(shopper.get("/orders"))) == ["read"]
        refused(shopper.get(path), "read", "streams")
    eventually(lambda: left(shopper.get(path))["streams"][0] == 2, "the streams to be closed")
    refused(shopper.get(path), "read")


def test_a_stream_that_does_not_open_gives_its_unit_back(few: World) -> None:
    answer = few.customer().get(f"/orders/{uuid.uuid4()}/stream")
    assert (answer.status_code, left(answer)) == (404, {"read": (2, UNIT), "streams": (2, None)})


def test_an_expired_token_opens_no_stream_and_takes_no_unit(few: World) -> None:
    claims = jwt.decode(few.stack.token("customer", f"c-{uuid.uuid4()}"), options={"verify_signature": False})
    late = jwt.encode({**claims, "exp": int(time.time()) - 5}, few.stack.connection_info.jwt_secret, algorithm="HS256")
    client = httpx.Client(base_url=few.url, headers={"Authorization": f"Bearer {late}"}, trust_env=False)
    with client, visitor(few) as anyone:
        client.headers.update({"X-Forwarded-For": anyone.headers["X-Forwarded-For"]})
        for _ in range(3):
            answer = client.get(f"/api/v1/orders/{uuid.uuid4()}/stream")
            assert (answer.status_code, "ratelimit" in answer.headers) == (401, False)
        assert left(client.get("/api/v1/orders")) == {"read": (2, UNIT)}


# --- without a token --------------------------------------------------------------------------------------------------


def test_the_documentation_has_a_limit_for_each_address(few: World) -> None:
    with visitor(few) as one, visitor(few) as another:
        for path, units in (("/api/doc", 2), ("/api/doc/nothing", 1), ("/api/schema", 0)):
            answer = one.get(path)
            assert left(answer) == {"anonymous": (units, UNIT)}
        refused(one.get("/api/doc/start.js"), "anonymous")
        assert one.head("/dashboard").status_code == 429
        assert another.get("/api/doc").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/", "/nowhere", "/api/v2/orders", "/api/v1"])
def test_other_addresses_have_no_limit(few: World, path: str) -> None:
    with visitor(few) as anyone:
        for _ in range(8):
            answer = anyone.get(path)
            assert answer.status_code in (200, 404)
            assert not {"ratelimit", "ratelimit-policy"} & set(answer.headers)


def test_options_have_no_limit(few: World) -> None:
    person = few.customer()
    for _ in range(8):
        answer = person.http.options("/api/v1/orders")
        assert (answer.status_code, "ratelimit" in answer.headers) == (405, False)


def test_refused_tokens_are_counted_by_address_and_a_good_one_is_let_in(few: World) -> None:
    ada = few.customer()
    with visitor(few) as attacker, visitor(few) as neighbour:
        for _ in range(3):  # each verified by both secrets, and counted once
            forged = jwt.encode(claims(), secrets.token_hex(32), "HS256")
            answer = attacker.get("/api/v1/orders", headers={"Authorization": f"Bearer {forged}"})
            problem(answer, 401, "not_authenticated")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "ratelimit" not in answer.headers
        for path in ("/api/v1/orders", "/api/v1/nowhere", f"/api/v1/orders/{uuid.uuid4()}/stream"):
            refused(attacker.get(path), "failed_auth")
        refused(attacker.options("/api/v1/orders"), "failed_auth")
        good = attacker.get("/api/v1/orders", headers=ada.http.headers)
        assert (good.status_code, list(left(good))) == (200, ["read"])
        assert neighbour.get("/api/v1/orders").status_code == 401
        assert attacker.get("/api/doc").status_code == 200


# --- the setting and the metrics --------------------------------------------------------------------------------------


def test_off_is_without_limits_and_fields(world: World) -> None:
    person = world.customer()
    for _ in range(25):
        answer = person.get("/coupons?format=csv")
        assert not {"ratelimit", "ratelimit-policy"} & set(answer.headers)
        assert answer.status_code == 403


def test_single_policies_can_be_off(stack: Stack, sandbox: Sandbox) -> None:
    limits = "read=off, coupon_guess=off, streams=off, failed_auth=off, checkout=1/60"
    with server(stack, "some limits", RATE_LIMITS=limits) as url, closing(World(stack, url, sandbox)) as world:
        shopper = world.shopper()
        assert "ratelimit" not in shopper.get("/orders").headers
        assert list(left(shopper.checkout(UNKNOWN))) == ["checkout"]
        answer = shopper.http.head(f"/api/v1/orders/{uuid.uuid4()}/stream")
        assert "ratelimit" not in answer.headers
        assert {httpx.get(f"{url}/api/v1/orders", trust_env=False).status_code for _ in range(70)} == {401}


def test_refusals_and_looks_are_in_the_metrics(few: World) -> None:
    def metrics() -> dict[str, float]:
        lines = httpx.get(f"{few.url}/metrics", trust_env=False).text.splitlines()
        return {
            line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("rate_limit")
        }

    before, person = metrics(), few.customer()
    for _ in range(5):
        person.get("/coupons?format=csv")
    after = metrics()

    def more(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert more('rate_limited_total{policy="export"}') == 2
    assert more("rate_limit_seconds_count") == 5
    assert after["rate_limit_store_up"] == 1


def test_the_keys_in_redis_tell_nothing_and_vanish_after_the_window(few: World) -> None:
    person = few.shopper()
    with redis.Redis.from_url(few.stack.environment["REDIS_URL"]) as client:
        before = set(client.scan_iter("rate-limits:*"))
        person.get("/orders")
        person.post("/orders/quote", UNKNOWN)
        kept: dict[bytes, Any] = {
            key: client.pttl(key) for key in client.scan_iter("rate-limits:*") if key not in before
        }
        values = b"".join(client.get(key) or b"" for key in kept)
    assert len(kept) == 3
    assert all(0 < life <= 7_200_000 for life in kept.values())
    assert person.id.encode() not in b"".join(kept) + values
