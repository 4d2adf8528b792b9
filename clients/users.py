"""The User Service: who the customer is and where they live (contract: neighbours, "User Service")."""

from dataclasses import dataclass

import msgspec
from msgspec import Raw, Struct

from clients.breaker import guarded
from clients.deadline import Deadline
from clients.errors import ContractBroken
from clients.http import UNREADABLE, ServiceHttpClient, decode, quote_id


class _Address(Struct):
    name: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    phone: str | None = None


class _User(Struct):
    id: str
    is_active: bool
    default_address: Raw = Raw(b"null")


@dataclass(frozen=True, slots=True)
class Customer:
    """An active user. The default address is read when it is needed, so that a broken one is in nobody else's way."""

    id: str
    address: Raw

    def default_address(self) -> dict[str, str | None]:
        """Return the texts of the default address, as User has them; empty when there is none.

        Raises ContractBroken("user") for one that is no address at all.
        """
        try:
            address = msgspec.json.decode(self.address, type=_Address | None)
        except UNREADABLE as error:
            raise ContractBroken("user", f"its answer breaks the contract: {error} in default_address") from error
        return msgspec.structs.asdict(address) if address else {}


class Users:
    """Asks the User Service."""

    def __init__(self, http: ServiceHttpClient) -> None:
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
        return Customer(user.id, user.default_address) if user.is_active else None
