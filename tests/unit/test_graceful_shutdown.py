"""Graceful shutdown, from the first signal to the server's own handler."""

import asyncio
import signal
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from django.test import override_settings

from asgi_app.server.graceful_shutdown import GracefulShutdown

SIGNALS = signal.SIGTERM, signal.SIGINT


@pytest.fixture
def server_handler() -> Iterator[Mock]:
    """Yield the handler that a server has installed for both signals."""
    handler = Mock()
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    yield handler
    for number, original in before.items():
        signal.signal(number, original)


async def send(number: signal.Signals) -> None:
    """Send a signal to this process, and let the event loop handle it."""
    signal.raise_signal(number)
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", SIGNALS)
async def test_the_first_signal_starts_the_drain_and_the_server_stops_at_its_end(
    number: signal.Signals, server_handler: Mock
) -> None:
    shutdown, end_streams = GracefulShutdown(), Mock()
    shutdown.handle_signals(end_streams)
    assert not shutdown.has_started
    with override_settings(SHUTDOWN_DRAIN_SECONDS=0.1):
        await send(number)
        assert shutdown.has_started
        end_streams.assert_called_once_with()
        server_handler.assert_not_called()
        await asyncio.sleep(0.2)
    server_handler.assert_called_once_with(number, None)


async def test_without_a_drain_the_server_stops_at_once(server_handler: Mock) -> None:
    GracefulShutdown().handle_signals(Mock())
    await send(signal.SIGTERM)
    server_handler.assert_called_once_with(signal.SIGTERM, None)


async def test_a_second_signal_ends_the_drain_and_a_third_reaches_the_server(server_handler: Mock) -> None:
    GracefulShutdown().handle_signals(Mock())
    with override_settings(SHUTDOWN_DRAIN_SECONDS=0.2):
        for number in SIGNALS:
            await send(number)
        server_handler.assert_called_once_with(signal.SIGINT, None)
        await send(signal.SIGINT)
        assert server_handler.call_count == 2
        await asyncio.sleep(0.3)
    assert server_handler.call_count == 2, "the end of the drain called the handler again"
