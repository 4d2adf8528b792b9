"""The image of `compose/Dockerfile`, built and run without Docker: by buildah, on a base that debootstrap makes.

Needs root, Debian's packages buildah and debootstrap, and the registries of Debian and Python; takes some minutes, so that only
`make test-deploy` runs it. The container has the machine's network, and a changeable root: buildah has no read-only one here.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from compose.ports import HOST, free_port
from compose.processes import Process
from compose.stack import CHECKOUT, Stack
from tests.support.world import Sandbox, World

PROGRAMS = ("buildah", "debootstrap")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may build an image here"),
    pytest.mark.skipif(not all(map(shutil.which, PROGRAMS)), reason=f"apt-get install {' '.join(PROGRAMS)}"),
]

BASE = ("python3", "python3-venv", "python3-pip", "python-is-python3", "ca-certificates")
"""The packages of a base image beside Debian's minimum: Python as `python`, venv and pip."""

PIPS_CONFIGURATION = ("/etc/ssl/certs", "/etc/pip.conf", "/etc/xdg/pip")
"""pip's configuration of this machine, with its registry; mounted while the image is built."""


class Builder:
    """buildah with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self._options = ["--root", f"{folder}/store", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]

    def command(self, *arguments: str) -> list[str]:
        return ["buildah", *self._options, *arguments]

    def __call__(self, *arguments: str, timeout: float = 60) -> str:
        """Return what buildah prints; an error has what it complains about."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=timeout, check=False, cwd=CHECKOUT
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done.stdout.strip()


class Container:
    """A container of the image."""

    def __init__(self, build: Builder, image: str) -> None:
        self._build, self.name = build, build("from", image)
        self.configuration: dict[str, Any] = json.loads(build("inspect", self.name))["Docker"]["config"]

    def command(self, *command: str, environment: dict[str, str] | None = None) -> list[str]:
        variables = [f"--env={name}={value}" for name, value in (environment or {}).items()]
        return self._build.command("run", "--isolation", "chroot", *variables, self.name, "--", *command)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*command), capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    folder = tmp_path_factory.mktemp("images")
    build = Builder(folder)
    base = folder / "base"
    include = f"--include={','.join(BASE)}"
    command = ["debootstrap", "--variant=minbase", include, "bookworm", str(base)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert made.returncode == 0, made.stdout[-3000:]
    container = build("from", "scratch")
    build("add", container, str(base), "/", timeout=600)
    build("commit", container, "localhost/python-base", timeout=600)
    shutil.rmtree(base)
    yield build
    build("rm", "--all")
    build("rmi", "--all", "--force")


def built(build: Builder, target: str) -> Container:
    mounts = [f"--volume={path}:{path}:ro" for path in PIPS_CONFIGURATION if Path(path).exists()]
    options = [
        "--isolation",
        "chroot",
        "--format",
        "docker",
        "--build-arg",
        "PYTHON_IMAGE=localhost/python-base",
        *mounts,
    ]
    build("bud", *options, "--target", target, "-f", "compose/Dockerfile", "-t", target, ".", timeout=1200)
    return Container(build, target)


@pytest.fixture(scope="module")
def production(build: Builder) -> Container:
    return built(build, "production")


def with_port(command: Sequence[str], port: int) -> list[str]:
    """Return the command with another port than 8000, which may be taken on this machine."""
    return [part.replace("8000", str(port)) for part in command]


def test_the_image_serves_a_checkout_and_its_health_check_passes(
    production: Container, stack: Stack, sandbox: Sandbox
) -> None:
    port = free_port()
    environment = {name: value for name, value in stack.environment.items() if name != "PATH"}
    command = production.command(*with_port(production.configuration["Cmd"], port), environment=environment)
    server = Process("image", command, log=stack.logs / "image.log", cwd=CHECKOUT, environment=dict(os.environ))
    _, *health_check = with_port(production.configuration["Healthcheck"]["Test"], port)
    assert production.run(*health_check).returncode != 0
    server.start()
    try:
        url = f"http://{HOST}:{port}"
        server.wait_ready(
            lambda: httpx.get(f"{url}/readyz", trust_env=False, verify=False).raise_for_status(),
            errors=httpx.HTTPError,
        )
        with closing(World(stack, url, sandbox)) as world:
            assert world.shopper().checkout().status_code == 201
        assert production.run(*health_check).returncode == 0
    finally:
        server.stop()


def test_the_image_runs_the_other_processes_too(production: Container) -> None:
    assert production.run("celery", "--version").returncode == 0
    assert production.run("python", "-c", "import manage").returncode == 0


def test_the_process_is_not_root_and_owns_nothing(production: Container) -> None:
    assert production.run("id", "-u").stdout.strip() == "10001"
    for path in ("/srv/new", "/venv/new", "/new"):
        assert production.run("touch", path).returncode != 0, path


def test_the_image_has_no_pip_of_its_own_no_tests_and_no_sandbox(production: Container) -> None:
    assert production.run("python", "-m", "pip", "--version").returncode != 0
    found = production.run("ls", "/srv").stdout.split()
    assert set(found) == {"__pycache__", "manage.py", "asgi_app", "orders", "clients", "messaging", "protos"}


def test_the_sandbox_is_an_image_of_its_own(build: Builder) -> None:
    sandbox = built(build, "sandbox")
    shown = sandbox.run("python", "-m", "compose.sandbox", "--help")
    assert shown.returncode == 0, shown.stderr
    assert set(sandbox.run("ls", "/srv").stdout.split()) == {"compose", "protos"}
