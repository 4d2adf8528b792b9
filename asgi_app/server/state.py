"""The objects that the lifespan opens, and all requests of the process share."""

from dataclasses import dataclass, fields
from typing import Any

from asgi_app.health import Readiness
from clients.neighbours import Neighbours
from orders.api.tokens import Tokens
from orders.services.checkout import CheckoutDesk
from orders.services.watch import Watch


@dataclass(frozen=True, slots=True)
class ServerState:
    """Requests find each by its class (`orders.api.state`)."""

    clients: Neighbours
    checkout: CheckoutDesk
    authenticator: Tokens
    notifier: Watch
    readiness: Readiness

    def by_class(self) -> dict[str, Any]:
        """Return the entries of the ASGI scope's state."""
        objects = (getattr(self, field.name) for field in fields(self))
        return {type(each).__name__: each for each in objects}
