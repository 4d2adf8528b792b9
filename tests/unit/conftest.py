"""Unit tests: single parts without the service's servers.

Modules that touch Django's settings or models need them at import, so Django is set up here from placeholders, before
any is imported. The environment is restored afterwards, so that processes started by other tests do not inherit it.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from unittest.mock import patch

import django
import pytest
import uvloop

from tests.support.environment import PLACEHOLDERS, read

with patch.dict(os.environ, read(PLACEHOLDERS) | {"DJANGO_SETTINGS_MODULE": "asgi_app.settings"}, clear=True):
    django.setup()

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]
LOOPS: Loops = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories(item: pytest.Item) -> Loops:
    """Use Python's own event loop, unless a test names others, like uvloop, on which the service runs."""
    marker = item.get_closest_marker("asyncio")
    return LOOPS if marker and "loop_factories" in marker.kwargs else {"asyncio": LOOPS["asyncio"]}


@pytest.fixture(scope="session")
def certificates() -> ssl.SSLContext:
    """Return the system's trusted certificates, read once: reading them takes longer than most tests."""
    return ssl.create_default_context()


@pytest.fixture
def one_tls_context(certificates: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every client the same certificates."""
    monkeypatch.setattr(ssl, "create_default_context", lambda: certificates)
