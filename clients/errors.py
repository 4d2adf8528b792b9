"""Refusals of the neighbours, and kinds of a missing or unusable response (`DependencyUnavailable`, orders.domain.errors)."""

from orders.domain.errors import DependencyUnavailable


class NotAsked(DependencyUnavailable):
    """No request was sent: the circuit breaker is open, or no time was left."""


class DependencyRefused(DependencyUnavailable):
    """The neighbour works, and has refused the request (a 4xx): the fault is in the request."""


class ContractBroken(DependencyUnavailable):
    """The neighbour works, and its response breaks its contract.

    That is a fault of the data of one user, cart or product, and says nothing about the neighbour's health.
    """


class Belated(DependencyUnavailable):
    """The timeout was noticed late because this process was busy: it says nothing about the neighbour's health."""


class HoldGone(Exception):
    """The order's hold expired, was released, or never was: there is nothing to commit."""


class HoldCommitted(Exception):
    """The order's hold has been committed: it can't be replaced."""


class RestockRefused(Exception):
    """More is given back than was committed of a product: repeating will not help."""
