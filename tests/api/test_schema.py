"""Schemathesis against the running service: valid and invalid input made from `openapi.yaml`, for each role and without
a token.

Each response must be documented, is never a 500, and never accepts invalid input. Streams stay open by design; they
have tests of their own.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis import BaseSchema, CheckContext, Response
from schemathesis.checks import not_a_server_error
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from compose.stack import CHECKOUT, Stack
from tests.support.coupons import batch, coupon
from tests.support.invariants import check_invariants
from tests.support.world import Person, Sandbox, World

DOCUMENT: dict[str, Any] = yaml.safe_load((CHECKOUT / "openapi.yaml").read_text())


def code_conformance(context: CheckContext, response: Response, case: Case) -> None:
    """Check that a refusal's code is among the document's examples for this status."""
    answer = case.operation.definition.raw["responses"].get(str(response.status_code))
    if answer is None or not response.headers.get("content-type", [""])[0].startswith("application/problem+json"):
        return  # other checks decide on undocumented statuses
    if "$ref" in answer:
        answer = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    problem = response.json()
    assert problem["code"] in answer["content"]["application/problem+json"]["examples"], problem
    assert problem["status"] == response.status_code


CHECKS = [
    code_conformance,
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
RANDOM_EXAMPLES = 6
"""For each endpoint and role, after the cases of the boundary phase."""

VENDOR = "v-schema"
PERSONS: dict[str, Callable[[World], Person]] = {
    "customer": World.customer,
    "vendor": lambda world: world.vendor(VENDOR),
    "admin": World.admin,
}
BEFORE = {"ship": ["accept"], "deliver": ["accept", "ship"]}
"""The actions on a vendor order before an action can succeed."""

CODE = "[A-Za-z0-9][A-Za-z0-9_-]{2,49}"
PARCEL = {"carrier": "La Poste", "tracking_number": "6A1"}
TIMEOUT_SECONDS = 10


def load() -> BaseSchema:
    """Return the document without streams; the generated cases are the same in each run."""
    schema = schemathesis.openapi.from_path(CHECKOUT / "openapi.yaml")
    schema.config.generation.update(with_security_parameters=False, deterministic=True)
    return schema.exclude(path_regex="/stream$")


def of(role: str) -> BaseSchema:
    """Return the operations of a role; "nobody" has those without a token."""
    return load().include(lambda context: role in (context.operation.definition.raw["x-roles"] or ["nobody"]))


def without_boundary_values() -> BaseSchema:
    """Return all operations, without the phase that tries boundary values."""
    schema = load()
    schema.config.phases.coverage.enabled = False
    return schema


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


class Caller:
    """A caller of one role with a paid order, replaced after each success."""

    def __init__(self, world: World, role: str, session: requests.Session) -> None:
        self.world, self.role, self._session = world, role, session
        self.person = PERSONS[role](world) if role in PERSONS else None
        self.customer = self.person if role == "customer" and self.person else world.customer()
        self.vendor = world.vendor(VENDOR)
        self.product = world.product(vendor=VENDOR, stock=10_000)
        self._orders: dict[str, dict[str, Any]] = {}

    def ask(self, case: Case, *more_checks: Any) -> None:
        """Send the case and check the answer."""
        answer = case.call_and_validate(
            base_url=self.world.url,
            session=self._session,
            headers={"Authorization": str(self.person.http.headers["Authorization"])} if self.person else None,
            timeout=TIMEOUT_SECONDS,
            checks=[*CHECKS, *more_checks],
        )
        if case.operation.method == "post" and answer.status_code == 200:
            self._orders.pop(case.operation.path, None)

    def prepare(self, case: Case) -> None:
        """Fill the cart for a checkout; replace a valid id by that of the order, a valid code by that of a new coupon."""
        path = case.operation.path
        if path.startswith("/api/v1/orders") and "{" not in path and case.operation.method == "post":
            self._fill_cart()
        if "dead_letter_id" in path and is_uuid(*case.path_parameters.values()):
            case.path_parameters = {"dead_letter_id": self.world.dead_letter("no message")}
        elif "{code}" in path and self.person and re.fullmatch(CODE, str(case.path_parameters["code"])):
            case.path_parameters = {"code": coupon(self.person)["code"]}
        elif "{batch_id}" in path and self.person and is_uuid(*case.path_parameters.values()):
            case.path_parameters = {"batch_id": batch(self.person)["id"]}
        elif "{" in path and is_uuid(*case.path_parameters.values()):
            if path not in self._orders:
                self._orders[path] = self._paid_order(BEFORE.get(path.rpartition("/")[2], []))
            order = self._orders[path]
            own = {"order_id": order["id"], "vendor_order_id": order["vendor_orders"][0]["id"]}
            case.path_parameters = {name: own[name] for name in case.path_parameters}

    def _fill_cart(self) -> None:
        self.world.sandbox.put_cart(self.customer.id, [{"product_id": self.product, "quantity": 1}])

    def _paid_order(self, actions: list[str]) -> dict[str, Any]:
        self._fill_cart()
        order = self.customer.place()
        self.world.sandbox.pay(order["id"], "capture", amount_minor=1000, currency="EUR")
        self.customer.order_becomes(order["id"], status="confirmed")
        for action in actions:
            body = PARCEL if action == "ship" else {}
            answer = self.vendor.post(f"/vendor-orders/{order['vendor_orders'][0]['id']}/{action}", body)
            assert answer.status_code == 200, answer.text
        return order


def is_uuid(*values: Any) -> bool:
    try:
        return all(str(uuid.UUID(str(value))) == value for value in values)
    except ValueError:
        return False


@pytest.fixture(scope="module")
def shared_world(stack: Stack, sandbox: Sandbox) -> Iterator[World]:
    """Yield the service as it is run; the invariants are checked once, after all cases."""
    with closing(World(stack, stack.url, sandbox)) as world:
        yield world
        stack.check()
        check_invariants(world)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(scope="module")
def callers(shared_world: World, session: requests.Session) -> dict[str, Caller]:
    return {role: Caller(shared_world, role, session) for role in (*PERSONS, "nobody")}


@of("customer").parametrize()
@examples(RANDOM_EXAMPLES)
def test_customers_get_documented_responses(case: Case, callers: dict[str, Caller]) -> None:
    callers["customer"].prepare(case)
    callers["customer"].ask(case, negative_data_rejection)


@of("vendor").parametrize()
@examples(RANDOM_EXAMPLES)
def test_vendors_get_documented_responses(case: Case, callers: dict[str, Caller]) -> None:
    callers["vendor"].prepare(case)
    callers["vendor"].ask(case, negative_data_rejection)


@of("admin").parametrize()
@examples(RANDOM_EXAMPLES)
def test_admins_get_documented_responses(case: Case, callers: dict[str, Caller]) -> None:
    callers["admin"].prepare(case)
    callers["admin"].ask(case, negative_data_rejection)


@of("nobody").parametrize()
@examples(RANDOM_EXAMPLES)
def test_operators_get_documented_responses(case: Case, callers: dict[str, Caller]) -> None:
    callers["nobody"].ask(case)


@pytest.mark.parametrize("role", [*PERSONS, "nobody"])
@without_boundary_values().parametrize()
@examples(2)
def test_other_roles_get_documented_errors(case: Case, callers: dict[str, Caller], role: str) -> None:
    callers[role].ask(case)
