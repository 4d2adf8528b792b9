"""The progress of a command on the terminal, with one line and a duration for each step.

Where the output is not a terminal (a log, CI), a step is one plain line, written at its end.
"""

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

TITLE_WIDTH = 14


class Step:
    """A step in progress; set `note` to describe its outcome."""

    note = ""


class Progress:
    """The output of a command's progress to the standard output; none if not `visible`."""

    def __init__(self, *, visible: bool = False) -> None:
        if visible and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # replace characters that the encoding lacks
        self._console = Console(quiet=not visible, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def print(self, text: str = "", style: str | None = None) -> None:
        """Print a line; `style` is rich's."""
        self._console.print(text, style=style)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while it is in progress, then its duration and note, with a cross when it raises."""
        step, start = Step(), time.monotonic()
        mark = ("✗", "red")
        try:
            with self._console.status(title):
                yield step
            mark = ("✓", "green")
        finally:
            timed = f" {title:<{TITLE_WIDTH}} {time.monotonic() - start:5.1f} s  "
            line = Text.assemble("  ", mark, timed, (step.note, "bright_black"))
            line.rstrip()
            self._console.print(line)
