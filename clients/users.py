"""The client of the User Service: a customer's account and default address (contract: neighbours, "User Service")."""

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
    """An active user. The default address is decoded at its use: an invalid one fails no checkout with an address of its own."""

    id: str
    address: Raw

    def default_address(self) -> dict[str, str | None]:
        """Return the fields of the default address, as User has them; empty when there is none.

        Raises ContractBroken("user") for a default address that breaks the contract.
        """
        try:
            address = msgspec.json.decode(self.address, type=_Address | None)
        except UNREADABLE as error:
            raise ContractBroken("user", f"the response breaks the contract: {error} in default_address") from error
        return msgspec.structs.asdict(address) if address else {}


class Users:
    """Client of the User Service."""

    def __init__(self, http: ServiceHttpClient) -> None:
        self._http, self.breaker = http, http.breaker

    @guarded
    async def active_customer(self, customer_id: str, deadline: Deadline) -> Customer | None:
        """Return the active user of this id, None when there is none. Raises DependencyUnavailable("user")."""
        response = await self._http.get(f"/users/{quote_id(customer_id)}", deadline)
        if response.status_code == 404:
            return None
        user: _User = decode(self._http, response, _User)
        if user.id != customer_id:
            raise self._http.broken("the response is about another user")
        return Customer(user.id, user.default_address) if user.is_active else None
