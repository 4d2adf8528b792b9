"""The objects that the lifespan opens and that all requests of the process share."""

from dataclasses import dataclass, fields
from typing import Any

from asgi_app.health import Readiness
from asgi_app.metrics import ServerMetrics
from clients.service_clients import ServiceClients
from orders.http.authentication import JWTAuthenticator
from orders.http.throttling.limiter import RateLimiter
from orders.services.checkout.checkout import CheckoutService
from orders.services.reading.order_events import OrderEventNotifier


@dataclass(frozen=True, slots=True)
class ServerState:
    """The shared objects; requests access each by its class (`orders.http.state`)."""

    clients: ServiceClients
    checkout: CheckoutService
    authenticator: JWTAuthenticator
    notifier: OrderEventNotifier
    readiness: Readiness
    limiter: RateLimiter
    metrics: ServerMetrics

    def by_class(self) -> dict[str, Any]:
        """Return the entries of the ASGI scope's state."""
        objects = (getattr(self, field.name) for field in fields(self))
        return {type(each).__name__: each for each in objects}
