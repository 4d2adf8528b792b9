"""The table of planted bugs is in step with the code, so that `make test-planted` can begin at any time."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.planted.bugs import BUGS, CHECKOUT, Bug

PROMISES = {*(f"P{number}" for number in range(1, 13)), "API"}


def name_of(bug: Bug) -> str:
    return bug.name


@pytest.mark.parametrize("bug", BUGS, ids=name_of)
def test_what_a_bug_replaces_stands_in_the_code_once(bug: Bug) -> None:
    assert (CHECKOUT / bug.file).read_text().count(bug.right) == 1


@pytest.mark.parametrize("bug", BUGS, ids=name_of)
def test_the_tests_that_must_catch_a_bug_exist(bug: Bug) -> None:
    assert bug.tests
    for test in bug.tests:
        file, name = test.split("[")[0].split("::")
        assert re.search(rf"^(async )?def {name}\(", (CHECKOUT / file).read_text(), re.MULTILINE), name


def test_a_bug_is_wrong_code_not_code_that_cannot_run(tmp_path: Path) -> None:
    for number, bug in enumerate(BUGS):
        (tmp_path / f"{number}.py").write_text(bug.planted())
    ruff = str(Path(sys.executable).with_name("ruff"))
    command = [ruff, "check", "--isolated", "--select", "F821,F823", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_every_promise_has_bugs_of_different_names() -> None:
    assert {bug.promise for bug in BUGS} == PROMISES
    assert len({bug.name for bug in BUGS}) == len(BUGS)
