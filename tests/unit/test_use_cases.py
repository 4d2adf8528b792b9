"""Use cases are functions of `orders.services` that take keyword arguments only, so that a call site names each of them."""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from orders import services


def use_cases() -> Iterator[Callable[..., Any]]:
    """Yield the public functions of the modules of `orders.services`, each from the module that defines it."""
    for module in pkgutil.walk_packages(services.__path__, "orders.services."):
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
