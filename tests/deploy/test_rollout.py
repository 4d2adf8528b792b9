"""The order of the steps of `compose/rollout.sh`: a program in the place of docker writes down its calls."""

import os
import subprocess
from pathlib import Path

from tests.support.environment import CHECKOUT

DOCKER = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
    "compose ps --quiet service") printf '%s' "$RUNNING" ;;
    *--scale*) exit "$NEW_SERVERS_STATUS" ;;
esac
"""


def roll_out(folder: Path, *, running: str = "old-1\nold-2\n", new_servers_status: int = 0) -> tuple[int, list[str]]:
    """Run the script; return its exit status and the calls of docker."""
    program, calls = folder / "docker", folder / "calls"
    program.write_text(DOCKER)
    program.chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(calls), "RUNNING": running}
    environment["NEW_SERVERS_STATUS"] = str(new_servers_status)
    done = subprocess.run([CHECKOUT / "compose" / "rollout.sh"], env=environment, check=False, timeout=60)
    return done.returncode, calls.read_text().splitlines()


def test_old_servers_stop_one_by_one_when_as_many_new_ones_are_healthy(tmp_path: Path) -> None:
    assert roll_out(tmp_path) == (
        0,
        [
            "compose ps --quiet service",
            "compose run --rm migrate",
            "compose up --detach --wait --no-deps --no-recreate --scale service=4 service",
            *("stop old-1", "rm old-1", "stop old-2", "rm old-2"),
            "compose up --detach --wait",
        ],
    )


def test_new_servers_that_do_not_become_healthy_leave_the_old_ones_running(tmp_path: Path) -> None:
    status, calls = roll_out(tmp_path, new_servers_status=1)
    assert status != 0
    assert not [call for call in calls if call.startswith(("stop", "rm "))]


def test_without_a_running_server_nothing_is_changed(tmp_path: Path) -> None:
    assert roll_out(tmp_path, running="") == (1, ["compose ps --quiet service"])
