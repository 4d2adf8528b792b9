"""The authenticated caller of a request, and the actor that the audit trail records."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["customer", "vendor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: `id` is the token's `sub`; `vendor_id` is set for vendors only."""

    id: str
    role: Role
    vendor_id: str | None
    expires_at: int
    """Seconds since 1970 (the token's `exp`)."""

    is_authenticated = True
    """Read, as `pk` is, by DRF's permissions and throttles: a Caller is a request's `user`."""

    @property
    def pk(self) -> str:
        """Return the caller's id."""
        return self.id


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of a change in the audit trail. `role` is a caller's, or "system" or "payment"."""

    role: str
    id: str | None
    request_id: str

    @classmethod
    def of(cls, caller: Caller, request_id: str) -> "Actor":
        """Return the caller as the actor of this request."""
        return cls(caller.role, caller.id, request_id)
