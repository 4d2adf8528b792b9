"""One more server process of the same service, with settings of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from compose import composition
from compose.ports import HOST, free_port
from compose.processes import Process
from compose.stack import CHECKOUT, Stack


@contextmanager
def server(stack: Stack, name: str, application: str = "asgi_app.asgi:application", **settings: str) -> Iterator[str]:
    """The address of a server that runs `application`, ready to be asked; its log is `name`'s in the stack's folder."""
    port = free_port()
    command = [application if ":application" in word else word for word in composition.service(port)]
    environment = {**stack.environment, **settings}
    process = Process(name, command, log=stack.logs / f"{name}.log", cwd=CHECKOUT, environment=environment, grace=30)
    process.start()
    try:
        url = f"http://{HOST}:{port}"
        process.wait_ready(
            lambda: httpx.get(f"{url}/readyz", trust_env=False).raise_for_status(), errors=httpx.HTTPError
        )
        yield url
    finally:
        process.stop()
