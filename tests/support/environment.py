"""Environments from files of `NAME=value` lines, as a shell or docker compose reads them."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / ".env.sample"
PLACEHOLDERS = CHECKOUT / "compose" / "check.env"
"""What `make check` reads the settings with: enough to start, and nobody is reached."""

_SET = re.compile(r"^([A-Z_]+)=(.*)$", re.MULTILINE)
_DEFAULT = re.compile(r"^# ([A-Z_]+)=(.*)$", re.MULTILINE)


def read(file: Path) -> dict[str, str]:
    """What the file sets."""
    return dict(_SET.findall(file.read_text()))


def defaults(file: Path) -> dict[str, str]:
    """What the file shows as a default, in a comment of its own line."""
    return dict(_DEFAULT.findall(file.read_text()))
