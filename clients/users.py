"""The User Service: who the customer is and where they live (contract: neighbours, "User Service")."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from clients.breaker import guarded
from clients.deadline import Deadline
from clients.http import HttpNeighbour, decode, quote_id

_Text = Annotated[str, Meta(max_length=500)]


class _Address(Struct):
    name: _Text
    line1: _Text
    city: _Text
    postal_code: _Text
    country: _Text
    line2: _Text = ""
    phone: _Text = ""


class _User(Struct):
    id: str
    is_active: bool
    default_address: _Address | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """An active user. `address` has the fields of a shipping address, or is None when the profile has no usable one."""

    id: str
    address: dict[str, str] | None


class Users:
    """Asks the User Service."""

    def __init__(self, http: HttpNeighbour) -> None:
        self._http, self.breaker = http, http.breaker

    @guarded
    async def active_customer(self, customer_id: str, deadline: Deadline) -> Customer | None:
        """The active user of this id, None when there is none. Raises DependencyUnavailable("user")."""
        answer = await self._http.get(f"/users/{quote_id(customer_id)}", deadline)
        if answer.status_code == 404:
            return None
        user: _User = decode(self._http, answer, _User)
        if user.id != customer_id:
            raise self._http.broken("its answer is about another user")
        return Customer(user.id, _usable(user.default_address)) if user.is_active else None


def _usable(address: _Address | None) -> dict[str, str] | None:
    if address is None:
        return None
    fields = {
        name: getattr(address, name) for name in ("name", "line1", "line2", "city", "postal_code", "country", "phone")
    }
    if any("\0" in text for text in fields.values()):
        return None
    required = (address.name, address.line1, address.city, address.postal_code)
    return fields if all(required) and len(address.country) == 2 else None
