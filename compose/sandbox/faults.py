"""The armed faults of one neighbour, and their assignment to calls.

The effects of faults are implemented for each protocol: `http_faults.py`, `products.py`, `payments.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

NonNegative = Annotated[float, msgspec.Meta(ge=0)]


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One armed fault.

    `times` is the number of calls that it still affects (None: all), `call` the name of the affected call (None: any);
    with `after` the call takes effect first, and only its response is lost.
    """

    kind: str
    value: Any = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    call: str | None = None
    after: bool = False


class Faults:
    """The armed faults of one neighbour, first match first.

    After a `delay` the search continues, so `[delay, reset]` is a slow reset; any other kind ends the search.
    """

    def __init__(self, kinds: Mapping[str, Any]) -> None:
        """Declare the kinds: `kinds` maps each to the type of its value, or None for no value."""
        self._kinds = kinds
        self.armed: list[Fault] = []
        self.served: Counter[str] = Counter()

    def arm(self, wanted: object) -> list[Fault]:
        """Replace the armed faults by `wanted`: one fault as JSON, or a list of them. Raise `ValueError` if invalid."""
        self.armed = [self._parse(one) for one in (wanted if isinstance(wanted, list) else [wanted])]
        return self.armed

    def clear(self) -> None:
        """Disarm all faults, from the next call on."""
        self.armed = []

    def take(self, call: str) -> tuple[float, Fault | None]:
        """Return the delay of this call in seconds and the fault that then affects it; count both as served."""
        seconds = 0.0
        for fault in list(self.armed):
            if fault.call not in (None, call):
                continue
            self._use_up(fault)
            if fault.kind != "delay":
                return seconds, fault
            seconds += fault.value
        return seconds, None

    async def wait(self, call: str) -> Fault | None:
        """Wait for the delays armed for this call and return the fault that affects it, if any."""
        seconds, fault = self.take(call)
        if seconds:
            await asyncio.sleep(seconds)
        return fault

    def _use_up(self, fault: Fault) -> None:
        self.served[fault.kind] += 1
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self.armed.remove(fault)

    def _parse(self, given: object) -> Fault:
        fault = msgspec.convert(given, Fault)
        if fault.kind not in self._kinds:
            raise ValueError(f"The kinds of faults here are: {', '.join(self._kinds)}.")
        kind = self._kinds[fault.kind]
        fault.value = None if kind is None else msgspec.convert(fault.value, kind)
        return fault
