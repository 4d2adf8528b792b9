"""What a neighbour can refuse, and the shades of one that gave no usable answer (`DependencyUnavailable`, orders.domain.errors)."""

from orders.domain.errors import DependencyUnavailable


class NotAsked(DependencyUnavailable):
    """The neighbour was not even asked: its circuit is open, or no time was left. It has heard nothing of this."""


class DependencyRefused(DependencyUnavailable):
    """The neighbour works, and has refused a question that its contract allows: what is wrong is ours."""


class ContractBroken(DependencyUnavailable):
    """The neighbour works, and has answered what its contract does not allow.

    That says something about one user, cart or product, and nothing about the neighbour.
    """


class Belated(DependencyUnavailable):
    """The time was over, but this process was too busy to see in time whether there was an answer: no fault of the neighbour's."""


class HoldGone(Exception):
    """The order's hold expired, was released, or never was: there is nothing to commit."""


class HoldCommitted(Exception):
    """The order's hold is already a sale: it can't be replaced."""


class RestockRefused(Exception):
    """More is given back than was committed of a product: repeating will not help."""
