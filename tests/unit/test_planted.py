"""The planted bugs match the code, so that `make test-planted` can run at any time."""

import re
from importlib import import_module

import pytest

from tests.planted.bugs import BUGS
from tests.planted.planting import CHECKOUT, FOREIGN, find


@pytest.mark.parametrize("target", sorted({FOREIGN, *(bug.target for bug in BUGS.values())}))
def test_the_target_of_a_bug_exists(target: str) -> None:
    module, path = target.split(":")
    find(import_module(module), path)


@pytest.mark.parametrize("test", sorted({bug.test for bug in BUGS.values()}))
def test_the_test_that_must_catch_a_bug_exists(test: str) -> None:
    file, name = test.split("[")[0].split("::")
    assert re.search(rf"^(async )?def {name}\(", (CHECKOUT / file).read_text(), re.MULTILINE)


def test_every_promise_has_one_to_four_bugs() -> None:
    bugs = [bug.promise for bug in BUGS.values()]
    assert set(bugs) == {*(f"P{number}" for number in range(1, 13)), "analytics"}
    assert max(map(bugs.count, bugs)) <= 4
