"""`make scaling`, as small as it can be: each part runs to its end, and its figures are plausible."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from compose.stack import CHECKOUT

COMMAND = [sys.executable, "-m", "tests.load.scaling"]
SMALL = ["--checkouts", "8", "--rounds", "1", "--whole-orders", "4", "--settle", "0.5", "--samples", "5"]


def run(reports: Path, *more: str) -> dict[str, Any]:
    """Run the command; return its figures. It must succeed."""
    command = [*COMMAND, *SMALL, "--reports", str(reports), *more]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures: dict[str, Any] = json.loads((reports / "scaling.json").read_text())
    return figures


@pytest.mark.serial
def test_a_run_measures_servers_and_a_whole_order(tmp_path: Path) -> None:
    found = run(tmp_path, "--only", "processes", "--only", "orders", "--processes", "2")
    assert list(found["processes"]) == ["2"]
    assert found["processes"]["2"]["rate"] > 1
    one = found["orders"]
    assert one["calls"] == dict.fromkeys(
        ("user: get", "cart: get", "cart: clear", "product: ReserveStock", "product: CommitStock"), 1.0
    )
    assert one["wal_records"] > 10_000
    assert one["streams"]["payments.events"][0] == 1.0


@pytest.mark.serial
def test_a_run_compares_two_sizes_of_the_tables(tmp_path: Path) -> None:
    found = run(tmp_path, "--only", "tables", "--small", "200", "--orders", "2000")
    assert [database["orders"] for database in found["tables"]["databases"]] == [200, 2000]
    small, large = (database["bytes"] for database in found["tables"]["databases"])
    assert large > small
    calls = {call["call"]: call for call in found["tables"]["calls"]}
    assert list(calls) == ["page of history", "order by id", "checkout", "claim of the outbox", "payment event"]
    assert all(call[size]["buffers"] > 0 for call in calls.values() for size in ("small", "large"))
