"""What a neighbour is told to do wrong, and when: the armed faults of one neighbour, and their taking call by call.

How a fault looks on the wire is written beside each wire: `spoilt_http.py`, `products.py`, `payments.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Check = Callable[[object], object]
"""Takes the `value` given with a fault and answers the one to keep, or raises `ValueError`."""


@dataclass(slots=True)
class Fault:
    """One armed fault.

    `times` is how many calls it still spoils (None: all), `call` the one call it is meant for (None: any), and `after`
    says whether the call takes effect before it is spoilt, so that only its answer is lost.
    """

    kind: str
    value: Any = None
    times: int | None = None
    call: str | None = None
    after: bool = False


class Faults:
    """The armed faults of one neighbour, first match first.

    A `delay` is waited out and the search goes on, so `[delay, reset]` is a slow reset; any other kind ends the search.
    """

    def __init__(self, kinds: Mapping[str, Check]) -> None:
        self._kinds = kinds
        self._armed: list[Fault] = []
        self.served: Counter[str] = Counter()

    def arm(self, wanted: object) -> None:
        """Replace what is armed by `wanted`: one fault as JSON, or a list of them. Raises `ValueError` for nonsense."""
        given = wanted if isinstance(wanted, list) else [wanted]
        self._armed = [self._parse(one) for one in given]

    def clear(self) -> None:
        """Behave again, from the next call on."""
        self._armed = []

    def armed(self) -> list[dict[str, Any]]:
        """What is armed now, as JSON."""
        return [asdict(fault) for fault in self._armed]

    def take(self, call: str) -> tuple[float, Fault | None]:
        """Answer the seconds this call must wait first, and the fault that then spoils it, if any; both are counted."""
        seconds = 0.0
        for fault in list(self._armed):
            if fault.call not in (None, call):
                continue
            self._use_up(fault)
            if fault.kind != "delay":
                return seconds, fault
            seconds += fault.value
        return seconds, None

    async def meet(self, call: str) -> Fault | None:
        """Wait out the delays armed for this call and answer the fault that spoils it, if any."""
        seconds, fault = self.take(call)
        if seconds:
            await asyncio.sleep(seconds)
        return fault

    def _use_up(self, fault: Fault) -> None:
        self.served[fault.kind] += 1
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._armed.remove(fault)

    def _parse(self, given: object) -> Fault:
        if not isinstance(given, dict) or given.get("kind") not in self._kinds:
            raise ValueError(f"A fault is an object whose kind is one of: {', '.join(self._kinds)}.")
        if unknown := set(given) - {"kind", "value", "times", "call", "after"}:
            raise ValueError(f"A fault has no {', '.join(sorted(unknown))}.")
        fault = Fault(**given)
        if fault.times is not None and (type(fault.times) is not int or fault.times < 1):
            raise ValueError("times is the number of calls to spoil, at least 1.")
        if not isinstance(fault.call, str | None) or type(fault.after) is not bool:
            raise ValueError("call is the name of a call, after is true or false.")
        fault.value = self._kinds[fault.kind](fault.value)
        return fault


def nothing(value: object) -> None:
    """The check of kinds that need no value."""


def anything(value: object) -> object:
    """The check of kinds whose value is any JSON."""
    return value


def number(default: float | None) -> Check:
    """The check of kinds whose value is a number of at least 0 (seconds, bytes); without a default it must be given."""

    def check(value: object) -> object:
        value = default if value is None else value
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise ValueError("This fault's value is a number, 0 or more.")
        return value

    return check


def one_of(names: Mapping[str, object]) -> Check:
    """The check of kinds whose value is one of the names."""

    def check(value: object) -> object:
        if value not in names:
            raise ValueError(f"This fault's value is one of: {', '.join(names)}.")
        return value

    return check
