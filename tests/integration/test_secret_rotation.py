"""All secrets are changed by the steps of docs/operations.md ("Rotate keys and secrets") while requests and messages arrive.

Two servers are replaced twice, one at a time. Two callers check out, follow links to pages and pay, with the secrets that the
issuer and Payment may use in each step.
"""

import secrets
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from random import Random
from urllib.parse import urlsplit

import httpx
import pytest
import redis

from compose.connection_info import GENERATED_SECRETS
from compose.stack import Stack
from tests.conftest import SETTINGS
from tests.support.balancer import Balancer
from tests.support.fleet import Server
from tests.support.invariants import check_invariants
from tests.support.payment import COMMANDS, EVENTS, GROUP, Payment, signature
from tests.support.problem import problem
from tests.support.records import dead_letters
from tests.support.world import Person, Sandbox, World, eventually

CALLERS = 2
ROUNDS = 5
"""Rounds of each caller between two steps: enough for each server to see each kind of request, with each secret."""

NEW = {name: secrets.token_urlsafe(48) for name in GENERATED_SECRETS}
DRAIN = {"SHUTDOWN_DRAIN_SECONDS": "1"}


class Traffic:
    """Callers that check out, follow links and pay, over and over; `answers` holds the statuses they got."""

    def __init__(self, world: World, admin: str) -> None:
        self.world, self._admin = world, admin
        self.answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.token_secrets = self.payment_secrets = [""]
        self.orders: list[str] = []
        self.links: list[str] = []
        self._rounds, self._over = [0] * CALLERS, threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the callers; an error of theirs is raised at the end."""
        with ThreadPoolExecutor(CALLERS) as callers:
            calling = [callers.submit(self._call, number) for number in range(CALLERS)]
            try:
                yield
            finally:
                self._over.set()
            for caller in calling:
                caller.result()

    def go_on(self) -> None:
        """Return after ROUNDS more rounds of each caller, or when a caller has ended."""
        target = max(self._rounds) + ROUNDS
        eventually(lambda: min(self._rounds) >= target or self._over.is_set(), "more requests", 120)

    def person(self, role: str, subject: str, secret: str) -> Person:
        """Return a caller whose token is signed with this secret."""
        person = self.world.person(role, subject)
        token = replace(self.world.stack.connection_info, jwt_secret=secret).token(role, subject)
        person.http.headers["Authorization"] = f"Bearer {token}"
        return person

    def _call(self, number: int) -> None:
        rng = Random(number)
        try:
            with redis.Redis.from_url(self.world.stack.environment["REDIS_URL"]) as bus:
                payment = Payment(self.world, bus)
                while not self._over.is_set():
                    self._round(rng, payment)
                    self._rounds[number] += 1
        finally:
            self._over.set()

    def _round(self, rng: Random, payment: Payment) -> None:
        shopper = self.world.shopper()
        placed = self.person("customer", shopper.id, rng.choice(self.token_secrets)).checkout()
        self.answers["checkout"][placed.status_code] += 1
        if placed.status_code != 201:
            return
        order_id = placed.json()["id"]
        payment.secret = rng.choice(self.payment_secrets)
        payment.publish("captured", order_id)
        self.orders.append(order_id)
        admin = self.person("admin", self._admin, rng.choice(self.token_secrets))
        page = admin.get("/orders?limit=1")
        self.answers["page"][page.status_code] += 1
        if page.status_code == 200 and page.json()["next"]:
            self.links.append(page.json()["next"])
            self.answers["link"][follow(admin, rng.choice(self.links))] += 1


def follow(person: Person, link: str) -> int:
    """Return the status of a link to a page."""
    parts = urlsplit(link)
    return person.get(f"{parts.path.removeprefix('/api/v1')}?{parts.query}").status_code


class Servers:
    """Two servers behind a balancer, which successors replace one at a time."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._number = stack, 0
        self.running: list[Server] = []

    def start(self, settings: dict[str, str]) -> list[Server]:
        """Start two servers at once and wait until both are ready."""
        self._number += 1
        environment = {**self._stack.environment, **DRAIN, **settings}
        started = [Server(f"generation-{self._number}-{n}", self._stack, environment) for n in (1, 2)]
        for server in started:
            server.start()
        for server in started:
            server.wait_ready(lambda: server.get("/readyz").raise_for_status(), errors=httpx.HTTPError)  # noqa: B023
        return started

    def replace(self, settings: dict[str, str], balancer: Balancer, traffic: Traffic) -> None:
        """Replace both servers by new ones with these settings; requests arrive in each state in between."""
        for index, successor in enumerate(self.start(settings)):
            leaving, self.running[index] = self.running[index], successor
            eventually(lambda: balancer.ready == self.running, "the balancer to have the successor")
            leaving.stop()
            traffic.go_on()

    def stop(self) -> None:
        for server in self.running:
            server.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a stack without a server of its own, which would not know the new secrets."""
    with Stack(tmp_path_factory.mktemp("rotation"), settings=SETTINGS, durable=False, service=False) as stack:
        yield stack


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Iterator[Sandbox]:
    with closing(Sandbox(stack.control_url)) as sandbox:
        sandbox.payments(behaviour="manual")
        yield sandbox


@pytest.fixture(scope="module")
def old(stack: Stack) -> dict[str, str]:
    return {name: stack.environment[name] for name in GENERATED_SECRETS}


@pytest.fixture(scope="module")
def rotated(stack: Stack, sandbox: Sandbox, old: dict[str, str]) -> Iterator[Traffic]:
    """Yield the traffic of a whole rotation; at its end, servers that know the new secrets alone."""
    both = {
        "JWT_SECRET": NEW["JWT_SECRET"],
        "JWT_SECRET_FALLBACK": old["JWT_SECRET"],
        "PAYMENT_SIGNING_SECRET": NEW["PAYMENT_SIGNING_SECRET"],
        "PAYMENT_SIGNING_SECRET_FALLBACK": old["PAYMENT_SIGNING_SECRET"],
        "DJANGO_SECRET_KEY_FALLBACK": NEW["DJANGO_SECRET_KEY"],
        "SERVICE_TOKEN": NEW["SERVICE_TOKEN"],
    }
    changed = {**NEW, "DJANGO_SECRET_KEY_FALLBACK": old["DJANGO_SECRET_KEY"]}
    servers = Servers(stack)
    with ExitStack() as closing_all:
        closing_all.callback(servers.stop)
        servers.running += servers.start(old)
        balancer = closing_all.enter_context(Balancer(servers.running))
        world = closing_all.enter_context(closing(World(stack, balancer.url, sandbox)))
        traffic = Traffic(world, "a-links")
        traffic.token_secrets, traffic.payment_secrets = [old["JWT_SECRET"]], [old["PAYMENT_SIGNING_SECRET"]]
        with traffic.running():
            traffic.go_on()
            sandbox.accept(old["SERVICE_TOKEN"], NEW["SERVICE_TOKEN"])
            servers.replace(both, balancer, traffic)
            sandbox.accept(NEW["SERVICE_TOKEN"])
            traffic.token_secrets = [old["JWT_SECRET"], NEW["JWT_SECRET"]]
            traffic.payment_secrets = [old["PAYMENT_SIGNING_SECRET"], NEW["PAYMENT_SIGNING_SECRET"]]
            traffic.go_on()
            traffic.token_secrets, traffic.payment_secrets = [NEW["JWT_SECRET"]], [NEW["PAYMENT_SIGNING_SECRET"]]
            traffic.go_on()
            wait_for_old_messages(stack)
            servers.replace(changed, balancer, traffic)
        yield traffic
        check_invariants(world)


def wait_for_old_messages(stack: Stack) -> None:
    """Return when every entry that `payments.events` has now is acknowledged, as docs/operations.md tells operators."""
    with redis.Redis.from_url(stack.environment["REDIS_URL"], decode_responses=True) as bus:
        [(last, _)] = bus.xrevrange(EVENTS, count=1)

        def acknowledged() -> bool:
            [group] = bus.xinfo_groups(EVENTS)
            pending = bus.xpending_range(EVENTS, GROUP, "-", last, 1)
            return order_of(group["last-delivered-id"]) >= order_of(last) and not pending

        eventually(acknowledged, "the old messages to be acknowledged")


def order_of(entry_id: str) -> tuple[int, ...]:
    """Return the id of an entry in a form that can be compared."""
    return tuple(int(part) for part in entry_id.split("-"))


def unpaid(world: World, orders: list[str]) -> int:
    """Return how many of these orders are not paid."""
    [row] = world.sql("SELECT count(*) FROM orders WHERE id = ANY(%s::uuid[]) AND payment_status <> 'paid'", orders)
    return int(row["count"])


def test_no_good_token_is_refused_during_the_rotation(rotated: Traffic) -> None:
    assert rotated.answers["checkout"].keys() == {201}
    assert rotated.answers["page"].keys() == {200}


def test_every_payment_of_the_rotation_counts_and_none_becomes_a_dead_letter(rotated: Traffic) -> None:
    eventually(lambda: not unpaid(rotated.world, rotated.orders), "all orders to be paid")
    kept = "SELECT source, reason FROM dead_letters WHERE order_id IS NULL OR order_id = ANY(%s::uuid[])"
    assert rotated.world.sql(kept, rotated.orders) == []


def test_every_link_to_a_page_stays_valid_during_the_rotation(rotated: Traffic) -> None:
    assert rotated.answers["link"].keys() == {200}
    admin = rotated.person("admin", "a-links", NEW["JWT_SECRET"])
    assert follow(admin, rotated.links[0]) == 200


def test_no_call_is_refused_by_another_service_during_the_rotation(rotated: Traffic) -> None:
    for neighbour in ("user", "cart", "product"):
        assert rotated.world.sandbox.ledger(neighbour)["unauthorized"] == 0


def test_messages_to_payment_are_signed_with_one_of_its_two_secrets_and_finally_with_the_new_one(
    rotated: Traffic, old: dict[str, str]
) -> None:
    known = [secret["PAYMENT_SIGNING_SECRET"] for secret in (old, NEW)]
    with redis.Redis.from_url(rotated.world.stack.environment["REDIS_URL"]) as bus:
        payment = Payment(rotated.world, bus)
        used = []
        for order_id in (rotated.orders[0], rotated.orders[-1]):
            [message] = payment.wait_for(COMMANDS, order_id, 1)
            used.append([message["signature"] == signature(message, secret) for secret in known].index(True))
    assert used == [0, 1]


def test_after_the_rotation_a_token_of_the_old_secret_is_refused(rotated: Traffic, old: dict[str, str]) -> None:
    late = rotated.person("admin", "a-links", old["JWT_SECRET"]).get("/orders")
    assert "signature" in problem(late, 401, "not_authenticated")["detail"]
    assert late.headers["www-authenticate"] == "Bearer"


def test_after_the_rotation_a_payment_of_the_old_secret_changes_nothing(rotated: Traffic, old: dict[str, str]) -> None:
    shopper = rotated.world.shopper()
    order = rotated.person("customer", shopper.id, NEW["JWT_SECRET"]).place()
    with redis.Redis.from_url(rotated.world.stack.environment["REDIS_URL"]) as bus:
        payment = Payment(rotated.world, bus)
        payment.secret = old["PAYMENT_SIGNING_SECRET"]
        payment.publish("captured", order["id"])
        letters = eventually(lambda: dead_letters(rotated.world, order["id"]), "the message to be a dead letter")
        assert "signature" in letters[0]["reason"]
        assert unpaid(rotated.world, [order["id"]]) == 1
