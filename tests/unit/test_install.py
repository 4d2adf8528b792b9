"""`make install`: the environment is created once, recreated when incomplete, and a missing prerequisite is explained.

A script takes the place of Python, and its environments that of real ones, so that nothing is downloaded.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from compose.stack import CHECKOUT

MAKE = shutil.which("make") or ""
pytestmark = pytest.mark.skipif(not MAKE, reason="no make here")

PYTHON = """#!/bin/sh
case "$*" in "-m venv --clear .venv")
    rm -rf .venv
    mkdir -p .venv/bin
    printf '#!/bin/sh\\nsleep 0.2\\n' >.venv/bin/pip
    chmod +x .venv/bin/pip
esac
"""
OLD_PYTHON = '#!/bin/sh\ncase "$*" in *version_info*) exit 1; esac; echo Python 3.9.1\n'
PYTHON_WITHOUT_VENV = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1; esac\n'
TOOLS = ("sh", "cat", "cksum", "cut", "flock", "rm", "mkdir", "chmod", "sleep", "touch")


class Checkout:
    """A Makefile with a lock, and a PATH with only the commands that `make install` may use."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.venv, self.tools = folder, folder / ".venv", folder / "tools"
        self.tools.mkdir()
        shutil.copy(CHECKOUT / "Makefile", folder)
        (folder / "requirements-dev.txt").write_text("six==1.17.0\n")
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.tools / tool).symlink_to(found)
        self.use_python(PYTHON)

    def use_python(self, script: str) -> None:
        (self.tools / "python3").write_text(script)
        (self.tools / "python3").chmod(0o755)

    def start_install(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [MAKE, "install"],
            cwd=self.folder,
            env={"PATH": str(self.tools)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def install(self) -> tuple[int, str]:
        with self.start_install() as process:
            output = process.communicate(timeout=60)[0]
            return process.returncode, output


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_an_environment_is_created_once(checkout: Checkout) -> None:
    status, output = checkout.install()
    assert (status, "Creating .venv" in output) == (0, True), output
    status, output = checkout.install()
    assert (status, "Creating .venv" in output) == (0, False), output


@pytest.mark.parametrize("marks", [[], ["installed-0"]])
def test_an_environment_that_is_incomplete_or_of_another_lock_is_created_anew(
    checkout: Checkout, marks: list[str]
) -> None:
    checkout.venv.mkdir()
    for name in ("leftover", *marks):
        (checkout.venv / name).touch()
    status, output = checkout.install()
    assert status == 0, output
    assert not (checkout.venv / "leftover").exists()
    assert len(list(checkout.venv.glob("installed-*"))) == 1


@pytest.mark.skipif(shutil.which("flock") is None, reason="no flock here")
def test_two_installations_at_once_create_one_environment(checkout: Checkout) -> None:
    with checkout.start_install() as first, checkout.start_install() as second:
        outputs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), outputs
    assert "".join(outputs).count("Creating .venv") == 1


def test_a_failed_installation_is_repeated(checkout: Checkout) -> None:
    checkout.use_python(PYTHON.replace("sleep 0.2", "exit 1"))
    assert checkout.install()[0] != 0
    checkout.use_python(PYTHON)
    assert checkout.install()[0] == 0


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (OLD_PYTHON, "Python 3.11 or newer is needed; python3 here: Python 3.9.1"),
        (PYTHON_WITHOUT_VENV, "cannot create virtual environments"),
    ],
)
def test_an_unusable_python_is_explained(checkout: Checkout, script: str, message: str) -> None:
    checkout.use_python(script)
    status, output = checkout.install()
    assert status != 0
    assert message in output
