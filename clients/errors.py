"""What Product can refuse. A neighbour that can't be used at all is `DependencyUnavailable` (orders.errors)."""


class HoldGone(Exception):
    """The order's hold expired, was released, or never was: there is nothing to commit."""


class HoldCommitted(Exception):
    """The order's hold is already a sale: it can't be replaced."""


class RestockRefused(Exception):
    """More is given back than was committed of a product: repeating will not help."""
