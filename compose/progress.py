"""Tells the person at the terminal what is being done and how long it took, one line for each step.

Where nobody looks at a terminal (a log, CI), a step is one plain line, written when it is done.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

GREEN, RED, GREY, BOLD, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[90m", "\x1b[1m", "\x1b[0m"
CLEAR_LINE = "\r\x1b[K"
TITLE_WIDTH = 14


class Step:
    """A step under way; set `note` to say something about its outcome."""

    note = ""


class Progress:
    """Writes to a stream, or nowhere when there is none."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._live = stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
        self._coloured = self._live and "NO_COLOR" not in os.environ

    @classmethod
    def on_screen(cls) -> "Progress":
        """Progress on the standard output, which never fails for a letter it can't show."""
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        return cls(sys.stdout)

    def say(self, text: str = "") -> None:
        """Write a line."""
        self._write(text + "\n")

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, where colours are shown."""
        return f"{colour}{text}{PLAIN}" if self._coloured and text else text

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while it is under way, then its time and note; a cross when it raises."""
        step, start = Step(), time.monotonic()
        if self._live:
            self._write(f"  · {title} …")
        try:
            yield step
        except BaseException:
            self._finish(self.paint("✗", RED), title, start, step.note)
            raise
        self._finish(self.paint("✓", GREEN), title, start, step.note)

    def _finish(self, mark: str, title: str, start: float, note: str) -> None:
        seconds = f"{time.monotonic() - start:5.1f} s"
        line = f"  {mark} {title:<{TITLE_WIDTH}} {seconds}  {self.paint(note, GREY)}".rstrip()
        self._write((CLEAR_LINE if self._live else "") + line + "\n")

    def _write(self, text: str) -> None:
        if self._stream:
            self._stream.write(text)
            self._stream.flush()
