"""How Payment is told to treat payments: what becomes of a new one, how soon, and by which way it is told."""

from dataclasses import asdict, dataclass, replace
from typing import Any

BEHAVIOURS = ("capture", "authorize", "fail", "manual", "ignore")
"""`manual` takes the payment up and waits for the control; `ignore` is as if the request had never been heard."""
WAYS = ("both", "channel", "stream")


@dataclass(frozen=True, slots=True)
class Terms:
    """`capture_after` is in seconds from the request; it delays an authorization or a failure too."""

    behaviour: str = "capture"
    via: str = "both"
    capture_after: float = 0.0


class AllTerms:
    """The terms for everybody, and what single orders have different."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._of_orders: dict[str, dict[str, Any]] = {}

    def set(self, given: dict[str, Any]) -> dict[str, Any]:
        """Change some of the terms for everybody and answer them all. Raises `ValueError` for nonsense."""
        self._terms = replace(self._terms, **checked(given))
        return asdict(self._terms)

    def set_of(self, order_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Change some of the terms for one order, heard of or not, and answer them all."""
        self._of_orders[order_id] = {**self._of_orders.get(order_id, {}), **checked(given)}
        return asdict(self.of(order_id))

    def of(self, order_id: str) -> Terms:
        """The terms that hold for this order now."""
        return replace(self._terms, **self._of_orders.get(order_id, {}))


def checked(given: dict[str, Any]) -> dict[str, Any]:
    """Answer `given`, or raise `ValueError` unless it names terms and gives them values they can have."""
    for name, value in given.items():
        match name, value:
            case ("behaviour", str()) if value in BEHAVIOURS:
                continue
            case ("via", str()) if value in WAYS:
                continue
            case ("capture_after", int() | float()) if type(value) is not bool and value >= 0:
                continue
        behaviours, ways = ", ".join(BEHAVIOURS), ", ".join(WAYS)
        raise ValueError(f"Terms are behaviour ({behaviours}), via ({ways}) and capture_after (seconds): {name}.")
    return given
