"""The directory that several processes of one server or worker share for their metrics."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from asgi_app import metrics_directory
from asgi_app.metrics_directory import VARIABLE


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the temporary directory of the tests' processes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "")
    return tmp_path


def test_a_server_of_one_process_shares_nothing(temporary: Path) -> None:
    metrics_directory.share_with_siblings()
    assert os.environ[VARIABLE] == ""
    assert list(temporary.iterdir()) == []


def test_processes_of_one_parent_use_the_same_private_directory() -> None:
    first = metrics_directory._use(os.getpid())
    assert os.environ.pop(VARIABLE) == str(first)
    assert metrics_directory._use(os.getpid()) == first
    assert stat.S_IMODE(first.stat().st_mode) == 0o700


def test_a_directory_that_the_environment_names_is_kept(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    monkeypatch.setenv(VARIABLE, "/metrics")
    assert metrics_directory._use(os.getpid()) == Path("/metrics")
    assert list(temporary.iterdir()) == []


def test_the_directories_of_ended_processes_are_deleted_and_those_of_running_ones_stay() -> None:
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    left = metrics_directory._use(ended.pid)
    os.environ[VARIABLE] = ""
    mine = metrics_directory._use(os.getpid())
    assert left.is_dir()
    ended.communicate()
    os.environ[VARIABLE] = ""
    metrics_directory._use(os.getpid())
    assert not left.exists()
    assert mine.is_dir()


def test_gauges_of_an_ended_process_of_the_same_id_are_forgotten_and_its_counters_stay() -> None:
    directory = metrics_directory._use(os.getpid())
    gauge, counter = directory / f"gauge_livesum_{os.getpid()}.db", directory / f"counter_{os.getpid()}.db"
    gauge.touch()
    counter.touch()
    os.environ[VARIABLE] = ""
    metrics_directory._use(os.getpid())
    assert (gauge.exists(), counter.exists()) == (False, True)


def test_a_directory_of_another_account_or_a_link_is_refused(temporary: Path) -> None:
    directory = metrics_directory._use(os.getpid())
    os.environ[VARIABLE] = ""
    directory.rmdir()
    directory.symlink_to(temporary)
    with pytest.raises((PermissionError, FileExistsError)):
        metrics_directory._use(os.getpid())


def test_a_worker_shares_metrics_only_if_it_serves_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["celery", "-A", "asgi_app", "worker"])
    monkeypatch.delenv("METRICS_ADDRESS", raising=False)
    metrics_directory.share_with_children()
    assert os.environ[VARIABLE] == ""
