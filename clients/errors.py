"""Refusals of the neighbours, and the kinds of DependencyUnavailable (orders.domain.errors)."""

from orders.domain.errors import DependencyUnavailable


class NotAsked(DependencyUnavailable):
    """No request was sent: the circuit breaker is open, or the deadline has passed."""


class DependencyRefused(DependencyUnavailable):
    """The neighbour is healthy and has refused the request (a 4xx): the fault is in the request."""


class ContractBroken(DependencyUnavailable):
    """The neighbour is healthy, and its response breaks its contract.

    The fault is in the data of one user, cart or product; the neighbour's health is unaffected.
    """


class Belated(DependencyUnavailable):
    """The timeout was processed late because this process was busy; the neighbour may be healthy."""


class HoldGone(Exception):
    """The order's hold expired, was released, or never existed: there is nothing to commit."""


class HoldCommitted(Exception):
    """The order's hold has been committed: it can't be replaced."""


class RestockRefused(Exception):
    """The restock exceeds the committed units of a product: a retry does not help."""
