"""Who is asking, once the token has been believed."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["customer", "vendor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Caller:
    """`id` is the token's `sub`; `vendor_id` is set for vendors only."""

    id: str
    role: Role
    vendor_id: str | None
    expires_at: int
    """Seconds since 1970 (the token's `exp`)."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, as the audit trail remembers it. `role` is a caller's, or "system" or "payment"."""

    role: str
    id: str | None
    request_id: str

    @classmethod
    def of(cls, caller: Caller, request_id: str) -> "Actor":
        """The caller of this request."""
        return cls(caller.role, caller.id, request_id)
