"""The entry point of this folder's commands: a signal ends them, a ComposeError is printed without a traceback."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from compose.errors import ComposeError


class Interrupted(BaseException):
    """Ctrl-C, a closed terminal, or SIGTERM."""

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number
        super().__init__(signal.Signals(signal_number).name)


def run_command(command: Callable[[], int]) -> int:
    """Run a command and return its exit status. Each further signal interrupts the current wait."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
        signal.signal(signal.SIGHUP, _interrupt)
    try:
        return command()
    except ComposeError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of the output has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Interrupted as interrupted:
        return 128 + interrupted.signal_number


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)
