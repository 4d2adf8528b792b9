"""The directory in which the processes of one server or worker share their metrics.

`uvicorn --workers N` and Celery's worker answer a scrape in one of several processes, which must count for all of them. For that
the Prometheus client keeps the values in files (its "multiprocess mode", switched on by PROMETHEUS_MULTIPROC_DIR), at about twice
the time of a count: a process that shares nothing keeps them in memory (docs/decisions.md has the figures).

This module must be called before the client is imported, which reads the variable once. It imports nothing of ours.
"""

import atexit
import multiprocessing
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = f"order-service-metrics-{os.getuid()}-"


def share_with_siblings() -> None:
    """Share metrics with the other processes of `uvicorn --workers N`; do nothing in a server of one process."""
    if multiprocessing.parent_process() is not None:
        _use(os.getppid())


def share_with_children() -> None:
    """Share metrics with the processes that a Celery worker forks, if it serves them (METRICS_ADDRESS)."""
    if os.environ.get("METRICS_ADDRESS") and "worker" in sys.argv:
        directory = _use(os.getpid())
        atexit.register(_remove, directory, os.getpid())


def _use(owner: int) -> Path:
    """Use the directory of the process `owner`, unless the environment names one; delete those of ended processes."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    root = Path(tempfile.gettempdir())
    for left in root.glob(f"{_PREFIX}*"):
        pid, _, started = left.name.removeprefix(_PREFIX).partition("-")
        if pid.isdigit() and _start_time(int(pid)) != started:
            shutil.rmtree(left, ignore_errors=True)
    directory = root / f"{_PREFIX}{owner}-{_start_time(owner)}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{directory} belongs to another account: set {VARIABLE} to a directory of this one.")
    for stale in directory.glob(f"*_{os.getpid()}.db"):  # of an ended process that had the same id
        if stale.name.startswith("gauge_"):
            stale.unlink(missing_ok=True)
    os.environ[VARIABLE] = str(directory)
    return directory


def _start_time(pid: int) -> str:
    """Return the start time of a process, which distinguishes it from an earlier one of its id; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "0"
    return "0"


def _remove(directory: Path, owner: int) -> None:
    if os.getpid() == owner and os.environ.get(VARIABLE) == str(directory) and directory.name.startswith(_PREFIX):
        shutil.rmtree(directory, ignore_errors=True)
