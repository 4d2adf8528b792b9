"""`make bench`: a short run on a stack of its own, and a run whose requests are refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

from compose.stack import CHECKOUT

STEPS = {"checkout_at_once", "checkout_at_rate", "payment", "life", "read", "page", "relay", "job"}


def run(reports: Path, orders: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one round."""
    return subprocess.run(
        [sys.executable, "-m", "tests.load.bench", "--rounds", "1", "--orders", str(orders)],
        cwd=CHECKOUT,
        env={**os.environ, "REPORTS": str(reports), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_run_measures_every_step_and_its_floor_and_writes_its_table_and_chart(tmp_path: Path) -> None:
    done = run(tmp_path, orders=12)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "bench.json").read_text())
    assert found["steps"].keys() == STEPS
    for step in found["steps"].values():
        [sample] = step["rounds"]
        assert min(sample["cpu"]["server"], sample["cpu"]["postgres"], sum(sample["floor"].values())) > 0
        assert step["title"] in done.stdout
    for name in ("checkout_at_once", "checkout_at_rate"):
        [sample] = found["steps"][name]["rounds"]
        assert 0 < sample["floor_p50"] < sample["p50"] <= sample["p99"]
    assert found["rate_limits"]["more_cpu_percent"]["limit"] == 5
    assert "<svg" in (tmp_path / "bench.html").read_text()


def test_a_run_with_a_refused_checkout_fails_and_shows_the_refusal(tmp_path: Path) -> None:
    done = run(tmp_path, orders=1, CHECKOUTS_IN_FLIGHT="1", CHECKOUT_QUEUE_MS="0")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "POST /api/v1/orders: 503" in done.stderr
    assert not (tmp_path / "bench.json").exists()
