"""A child process: its log, its readiness, and its guaranteed termination.

Each child leads its own process group, so that Ctrl-C reaches this process only, and a child that does not stop is killed
with its children. The kernel ends it when this process is killed (see `launch.py`), or when the thread that started it ends:
start processes from the main thread.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from compose.errors import ProcessError

LAUNCH = Path(__file__).with_name("launch.py")
TAIL_LINES = 20


def launch_command(command: Sequence[str], way: str, orphan_signal: signal.Signals) -> list[str]:
    """Return the command that starts `command` by `launch.py`."""
    return [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(orphan_signal)), way, *command]


class Process:
    """A program that runs from `start` to `stop`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        cwd: Path,
        environment: Mapping[str, str],
        way: str = "as_is",
        stop_signal: signal.Signals = signal.SIGTERM,
        orphan_signal: signal.Signals = signal.SIGKILL,
        grace: float = 10,
    ) -> None:
        """Describe the program; `grace` is its timeout in seconds after `stop_signal`."""
        self.name, self.log, self.grace = name, log, grace
        self._command = launch_command(command, way, orphan_signal)
        self._cwd, self._environment, self._stop_signal = cwd, dict(environment), stop_signal
        self._popen: subprocess.Popen[bytes] | None = None
        self._asked = False

    def start(self) -> None:
        """Start the program with a new log; the log of the previous run is kept as `….log.1`."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        with self.log.open("wb") as log:
            self._popen = subprocess.Popen(
                self._command,
                cwd=self._cwd,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._asked = False

    @property
    def pid(self) -> int:
        if self._popen is None:
            raise ProcessError(f"{self.name} has not been started.")
        return self._popen.pid

    @property
    def exit_status(self) -> int | None:
        """Return the exit status; None before the start and while it runs."""
        return self._popen.poll() if self._popen else None

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def wait_ready(
        self, probe: Callable[[], object], *, limit: float = 60, errors: type[Exception] | tuple[type[Exception], ...]
    ) -> None:
        """Call `probe` until it raises none of `errors`. Raise ProcessError when the process ends or after `limit`."""
        end = time.monotonic() + limit
        while True:
            self.check()
            try:
                probe()
                return
            except errors as error:
                if time.monotonic() > end:
                    raise self._failure(f"is not ready after {limit:.0f} s ({error})") from error
            time.sleep(0.05)

    def wait_done(self, *, limit: float = 120) -> None:
        """Wait for a program that ends by itself. Raise ProcessError when it fails, or after `limit` seconds."""
        assert self._popen is not None
        try:
            if self._popen.wait(limit):
                self.check()
        except subprocess.TimeoutExpired as error:
            raise self._failure(f"is not done after {limit:.0f} s") from error

    def check(self) -> None:
        """Raise ProcessError, with the end of the log, if the process has ended."""
        status = self.exit_status
        if status is not None:
            how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
            raise self._failure(how)

    def ask_to_stop(self) -> None:
        """Send the stop signal once, without waiting; `stop` waits."""
        if self._popen is not None and not self._asked:
            self._asked = True
            self._popen.send_signal(self._stop_signal)

    def stop(self) -> None:
        """Send the stop signal, wait at most `grace` seconds, then kill the process and its group. Repeatable."""
        if self._popen is None:
            return
        self.ask_to_stop()
        try:
            self._popen.wait(self.grace)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_group()

    def kill(self, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """Kill the process and its children, like a crash. Return when it has ended."""
        if self._popen is None:
            return
        self._asked = True
        self._popen.send_signal(with_signal)
        self._popen.wait()
        self._kill_group()

    def _kill_group(self) -> None:
        assert self._popen is not None
        with contextlib.suppress(ProcessLookupError):  # no process is left
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def _failure(self, how: str) -> ProcessError:
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if self.log.exists() else []
        tail = "\n".join(f"    {line}" for line in lines) or "    (nothing)"
        return ProcessError(f"{self.name} {how}. Its log ({self.log}) ends:\n{tail}")
