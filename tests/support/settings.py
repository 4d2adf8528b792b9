"""The settings module, run under an environment that a test chooses."""

import os
import runpy
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.support.environment import CHECKOUT, PLACEHOLDERS, read

SETTINGS = CHECKOUT / "asgi_app" / "settings.py"

ENOUGH = read(PLACEHOLDERS)


def start(environment: dict[str, str]) -> dict[str, Any]:
    """Return the settings of a process with this environment and nothing else; logging left out."""
    with patch.dict(os.environ, environment, clear=True):
        module = runpy.run_path(str(SETTINGS))
    return {name: value for name, value in module.items() if name.isupper() and name != "LOGGING"}


def refusal(environment: dict[str, str]) -> str:
    """Return why a process with this environment does not start."""
    with pytest.raises(ImproperlyConfigured) as refused:
        start(environment)
    return str(refused.value)
