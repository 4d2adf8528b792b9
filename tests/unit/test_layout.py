"""Where code of the tests may come from."""

import re
from pathlib import Path

import pytest

from tests.support.environment import CHECKOUT

MODULES = sorted((CHECKOUT / "tests").rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(CHECKOUT)))
def test_no_module_imports_a_test_module(module: Path) -> None:
    """What several test modules need lives in `tests/support`."""
    imported = re.findall(r"^(?:from|import) tests[\w.]*\.test_\w+", module.read_text(), re.MULTILINE)
    assert imported == []
