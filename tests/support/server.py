"""One more server process of the same service, with settings of its own.

Requests that are repeated until a server is ready do without certificates, which take longer to read than the request.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from compose import composition
from compose.ports import HOST, free_port
from compose.processes import Process
from compose.stack import CHECKOUT, Stack

RUNNING: set[str] = set()
"""The addresses of the servers that run now, beside the stack's own: each may receive an event of Payment."""


@contextmanager
def server(
    stack: Stack, name: str, application: str = "asgi_app.asgi:application", probe: str = "/readyz", **settings: str
) -> Iterator[str]:
    """Run a server of `application` and yield its address once `probe` succeeds; its log is `name`'s in the stack's folder."""
    port = free_port()
    process = _process(stack, name, port, application, settings)
    process.start()
    url = f"http://{HOST}:{port}"
    try:
        process.wait_ready(
            lambda: httpx.get(url + probe, trust_env=False, verify=False).raise_for_status(), errors=httpx.HTTPError
        )
        RUNNING.add(url)
        yield url
    finally:
        RUNNING.discard(url)
        process.stop()


@contextmanager
def away(stack: Stack, name: str, **settings: str) -> Iterator[Path]:
    """Run a server that does not become ready, for it cannot reach the addresses in these settings; yield its log."""
    port = free_port()
    process = _process(stack, name, port, "asgi_app.asgi:application", settings)
    process.start()
    try:
        url = f"http://{HOST}:{port}"
        process.wait_ready(lambda: httpx.get(f"{url}/healthz", trust_env=False, verify=False), errors=httpx.HTTPError)
        assert httpx.get(f"{url}/readyz", trust_env=False, verify=False, timeout=10).status_code == 503
        yield process.log
    finally:
        process.stop()


def _process(stack: Stack, name: str, port: int, application: str, settings: Mapping[str, str]) -> Process:
    command = [application if ":application" in word else word for word in composition.service(port)]
    environment = {**stack.environment, **settings}
    return Process(name, command, log=stack.logs / f"{name}.log", cwd=CHECKOUT, environment=environment, grace=30)
