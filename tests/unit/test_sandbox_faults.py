"""Arming faults: the calls that they affect, and the invalid ones."""

from typing import Any

import pytest

from compose.sandbox.faults import Faults
from compose.sandbox.http_faults import KINDS, wrong_types


def kinds_taken(faults: Faults, *calls: str) -> list[str | None]:
    taken = [faults.take(call)[1] for call in calls]
    return [fault.kind if fault else None for fault in taken]


def test_a_fault_for_one_call_leaves_the_others_alone() -> None:
    faults = Faults(KINDS)
    faults.arm({"kind": "hang", "call": "clear"})
    assert kinds_taken(faults, "get", "clear", "get") == [None, "hang", None]


def test_a_list_is_served_in_its_order() -> None:
    faults = Faults(KINDS)
    faults.arm([{"kind": "hang", "times": 1}, {"kind": "garbage", "times": 2}])
    assert kinds_taken(faults, "get", "get", "get", "get") == ["hang", "garbage", "garbage", None]
    assert faults.served == {"hang": 1, "garbage": 2}


def test_delays_add_up_before_the_fault_that_follows() -> None:
    faults = Faults(KINDS)
    faults.arm([{"kind": "delay", "value": 1}, {"kind": "delay", "value": 0.5}, {"kind": "reset"}])
    seconds, fault = faults.take("get")
    assert (seconds, fault and fault.kind) == (1.5, "reset")


def test_arming_replaces_what_was_armed_and_clearing_ends_it() -> None:
    faults = Faults(KINDS)
    faults.arm({"kind": "hang"})
    faults.arm({"kind": "reset"})
    assert [fault.kind for fault in faults.armed] == ["reset"]
    faults.clear()
    assert kinds_taken(faults, "get") == [None]


@pytest.mark.parametrize(
    "nonsense",
    [
        "hang",
        {},
        {"kind": "explode"},
        {"kind": "delay"},
        {"kind": "delay", "value": -1},
        {"kind": "delay", "value": True},
        {"kind": "status", "value": 99},
        {"kind": "status"},
        {"kind": "hang", "times": 0},
        {"kind": "hang", "times": True},
        {"kind": "hang", "call": 3},
        {"kind": "hang", "after": "yes"},
        {"kind": "hang", "seconds": 3},
        [{"kind": "hang"}, {"kind": "explode"}],
    ],
)
def test_an_invalid_fault_is_refused_and_leaves_the_armed_faults(nonsense: Any) -> None:
    faults = Faults(KINDS)
    faults.arm({"kind": "reset"})
    with pytest.raises(ValueError, match=r"\w"):
        faults.arm(nonsense)
    assert kinds_taken(faults, "get") == ["reset"]


def test_wrong_types_changes_the_type_of_every_value() -> None:
    true = {"id": "u", "version": 7, "is_active": True, "items": [1], "default_address": {}, "none": None}
    wrong = wrong_types(true)
    assert wrong.keys() == true.keys()
    assert all(type(wrong[name]) is not type(value) for name, value in true.items())
