"""`make load`: a short run of Locust against real servers, its page, and its exit status."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.stack import CHECKOUT
from tests.support.world import World

LOCUST = [sys.executable, "-m", "locust", "-f", "tests/load/locustfile.py", "--headless", "--exit-code-on-error", "0"]


def run(world: World, reports: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the profile `smoke`, shortened, against the service."""
    given = {"PROFILE": "smoke", "FOR": "5", "USERS": "10", "RATE": "10", "REPORTS": str(reports)}
    return subprocess.run(
        [*LOCUST, "--html", str(reports / "load-smoke.html")],
        cwd=CHECKOUT,
        env={**os.environ, **world.stack.connection_info.environment(), **given, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def paying(world: World) -> Iterator[World]:
    """Yield the marketplace while Payment captures what is requested."""
    world.sandbox.payments(behaviour="capture", capture_after=0.3)
    yield world
    world.sandbox.payments(behaviour="manual", capture_after=0)


def test_a_run_orders_pays_fulfils_and_watches_and_writes_its_page(paying: World, tmp_path: Path) -> None:
    done = run(paying, tmp_path)
    page = (tmp_path / "load-smoke.md").read_text()
    assert (done.returncode, "Every threshold is kept." in page) == (0, True), done.stdout + done.stderr
    for kind in ("checkout", "quote", "read", "change", "report", "paid", "event"):
        assert f"| {kind} |" in page
    assert page in done.stdout
    assert "<html" in (tmp_path / "load-smoke.html").read_text()


def test_a_run_that_exceeds_a_threshold_fails_and_names_it(paying: World, tmp_path: Path) -> None:
    with paying.sandbox.fault("product", kind="delay", value=1.2, call="ReserveStock"):
        done = run(paying, tmp_path, FOR="4")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "**Exceeded**: checkout p95 1" in (tmp_path / "load-smoke.md").read_text()


def test_a_service_elsewhere_is_read_with_tokens_from_the_environment(world: World, tmp_path: Path) -> None:
    tokens = {
        f"LOAD_{role.upper()}_TOKENS": world.stack.token(role, f"{role}-1", "v-1" if role == "vendor" else None)
        for role in ("customer", "vendor", "admin")
    }
    done = run(world, tmp_path, SANDBOX_CONTROL_URL="", JWT_SECRET="", **tokens)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "load-smoke.md").read_text()
    assert ("| read |" in page, "| checkout |" in page) == (True, False)
