"""Imports between modules of the tests."""

import re
from pathlib import Path

import pytest

from tests.support.environment import CHECKOUT

MODULES = sorted((CHECKOUT / "tests").rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(CHECKOUT)))
def test_no_module_imports_a_test_module(module: Path) -> None:
    """Helpers of several test modules live in `tests/support`."""
    imported = re.findall(r"^(?:from|import) tests[\w.]*\.test_\w+", module.read_text(), re.MULTILINE)
    assert imported == []
