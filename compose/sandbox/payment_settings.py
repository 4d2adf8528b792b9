"""The settings of payments: the outcome of a new one, its delay, and the transport of its events."""

from typing import Any, Literal

import msgspec

from compose.sandbox.faults import NonNegative

Via = Literal["both", "channel", "stream"]


class PaymentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of one payment.

    `manual` opens the payment and waits for the control API; `ignore` drops the request. `capture_after` is in seconds from
    the request; it delays an authorization or a failure too.
    """

    behaviour: Literal["capture", "authorize", "fail", "manual", "ignore"] = "capture"
    via: Via = "both"
    capture_after: NonNegative = 0.0


class SettingsByOrder:
    """The settings for all orders, and the overrides of single orders."""

    def __init__(self, default: PaymentSettings) -> None:
        self._default = default
        self._of_orders: dict[str, dict[str, Any]] = {}

    def set(self, given: dict[str, Any]) -> PaymentSettings:
        """Change the given settings for all orders and return all settings. Raise `ValueError` for invalid ones."""
        self._default = self._with(given)
        return self._default

    def set_for(self, order_id: str, given: dict[str, Any]) -> PaymentSettings:
        """Change the given settings for one order, known or not, and return all of its settings."""
        changed = {**self._of_orders.get(order_id, {}), **given}
        settings = self._with(changed)
        self._of_orders[order_id] = changed
        return settings

    def of(self, order_id: str) -> PaymentSettings:
        """Return the current settings of this order."""
        return msgspec.structs.replace(self._default, **self._of_orders.get(order_id, {}))

    def _with(self, changed: dict[str, Any]) -> PaymentSettings:
        return msgspec.convert({**msgspec.structs.asdict(self._default), **changed}, PaymentSettings)
