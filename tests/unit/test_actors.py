"""Actor of a request, as the audit trail stores it."""

import pytest

from orders.domain.callers import Actor, Caller, Role


@pytest.mark.parametrize(("role", "vendor_id"), [("customer", None), ("vendor", "v-1"), ("admin", None)])
def test_the_actor_of_a_request_is_its_caller(role: Role, vendor_id: str | None) -> None:
    assert Actor.of(Caller("u-1", role, vendor_id, 0), "request-1") == Actor(role, "u-1", "request-1")
