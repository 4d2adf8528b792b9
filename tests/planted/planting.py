"""Planting of a bug at run time, by replacing one name of one module as soon as that module is loaded.

Later imports of the name get the wrong one. The processes that a test starts are planted too: PLANTED_BUG and
PYTHONPATH are in their environment, and Python imports `site/sitecustomize.py` before anything else.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
SITE = Path(__file__).with_name("site")
VARIABLE = "PLANTED_BUG"

Wrong = Callable[[Any], Any]
"""Returns the replacement of its argument."""

FOREIGN = "compose.composition:FOREIGN"
"""Variables that the stack leaves out of its processes' environment."""


@dataclass(frozen=True, slots=True)
class Bug:
    """With `wrong` in the place of `target` ("module:name" or "module:Class.name"), `test` (a pytest node id) must fail."""

    promise: str
    name: str
    target: str
    test: str
    wrong: Wrong


class Planter(MetaPathFinder):
    """Replaces one name in one module when that module is imported."""

    def __init__(self, target: str, wrong: Wrong) -> None:
        self._module, self._path = target.split(":")
        self._wrong = wrong

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None and spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_plant(module: ModuleType) -> None:
            execute(module)
            owner, name = find(module, self._path)
            setattr(owner, name, self._wrong(vars(owner)[name]))

        spec.loader.exec_module = execute_and_plant  # type: ignore[method-assign]
        return spec


def find(module: ModuleType, path: str) -> tuple[Any, str]:
    """Return the module or class that holds the name at the end of `path`, and that name. Raises AttributeError, KeyError."""
    *owners, name = path.split(".")
    owner: Any = reduce(getattr, owners, module)
    vars(owner)[name]
    return owner, name


def plant(bug: Bug) -> None:
    """Have `bug` in this process and in those that the stack starts from it."""
    sys.meta_path.insert(0, Planter(bug.target, bug.wrong))
    sys.meta_path.insert(0, Planter(FOREIGN, lambda names: [name for name in names if name != "PYTHONPATH"]))


def environment(bug: Bug) -> dict[str, str]:
    """Return the environment of a process that is to have `bug` from its first line on."""
    return {**os.environ, VARIABLE: bug.name, "PYTHONPATH": f"{SITE}{os.pathsep}{CHECKOUT}"}
