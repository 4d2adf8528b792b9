"""docs/security.md names the test that proves each of its points, and each named test exists."""

import re

import pytest

from tests.support.environment import CHECKOUT

PAGE = (CHECKOUT / "docs" / "security.md").read_text()
POINTS = re.findall(r"^\*\*API(\d+) .*?(?=^\*\*API|\Z)", PAGE, re.MULTILINE | re.DOTALL)
TESTS = {
    name
    for file in (CHECKOUT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
}


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 40
    assert named - TESTS == set()


def test_all_ten_points_are_there_in_order() -> None:
    assert list(map(int, POINTS)) == list(range(1, 11))


@pytest.mark.parametrize("number", range(1, 11))
def test_each_point_names_its_proof(number: int) -> None:
    [point] = re.findall(rf"^\*\*API{number} .*?(?=^\*\*API|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert "`test_" in point
