"""Use cases are functions of `orders.services`, or of a capability's `services`, that take keyword arguments only.

A call site names each of them.
"""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from orders import services
from orders.coupons import services as coupons


def use_cases() -> Iterator[Callable[..., Any]]:
    """Yield the public functions of these packages' modules, each from the module that defines it."""
    for package in (services, coupons):
        yield from _functions(package)


def _functions(package: ModuleType) -> Iterator[Callable[..., Any]]:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, function in inspect.getmembers(import_module(module.name), inspect.isfunction):
            if function.__module__ == module.name and not name.startswith("_"):
                yield function


FOUND = {f"{function.__module__}.{function.__qualname__}": function for function in use_cases()}


def test_the_use_cases_are_found() -> None:
    assert {"orders.services.lifecycle.cancel.cancel_order", "orders.services.payments.events.record"} <= FOUND.keys()


@pytest.mark.parametrize("name", sorted(FOUND))
def test_a_use_case_takes_keyword_arguments_only(name: str) -> None:
    parameters = inspect.signature(FOUND[name]).parameters.values()
    assert [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY] == []
