"""Check that the tests detect bugs: each bug is planted at run time, and the test named with it must fail.

First the tests run without any bug, and must pass. A bug survives when its test passes, or fails for another reason than
that a promise is broken; then this ends with status 1 (`make test-planted`).
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.planted.bugs import BUGS
from tests.planted.planting import CHECKOUT, Bug, environment

MAX_SECONDS = 180
"""The time limit of the test of one bug: a hanging test proves nothing."""

NOT_EXECUTED = ("ImportError", "ModuleNotFoundError", "NameError", "SyntaxError")
"""Failures of code that does not run at all: they say nothing about the promise."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`why` the bug survived; empty when its test has caught it."""

    bug: Bug
    why: str
    seconds: float

    def __str__(self) -> str:
        verdict = f"SURVIVES: {self.why}" if self.why else "caught"
        return f"{self.bug.promise:9} {self.bug.name}: {verdict} ({self.seconds:.0f} s)"


def run(tests: Iterable[str], report: Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run `tests`; return pytest's exit status and its output. Raises TimeoutExpired for a planted one."""
    command = [sys.executable, "-m", "pytest", "-m", "", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MAX_SECONDS if env else None,
    )
    return done.returncode, done.stdout


def try_bug(bug: Bug, report: Path) -> Outcome:
    """Run the test of `bug` with the bug planted."""
    began = time.monotonic()
    try:
        status, output = run([bug.test], report, environment(bug))
    except subprocess.TimeoutExpired:
        why = f"its test still ran after {MAX_SECONDS} s"
    else:
        why = "" if status == 1 and has_failed(report) else f"pytest ended with {status}\n{output[-3000:]}"
    return Outcome(bug, why, time.monotonic() - began)


def has_failed(report: Path) -> bool:
    """Return whether a test has found a promise broken; an invariant broken after the test counts."""
    cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314  pytest has just written it
    failures = [failure.get("message", "") for case in cases for failure in case.findall("failure")]
    errors = [error.get("message", "") for case in cases for error in case.findall("error")]
    return any(not failure.startswith(NOT_EXECUTED) for failure in failures) or any(
        error.startswith('failed on teardown with "AssertionError') for error in errors
    )


def main() -> int:
    """Plant the selected bugs one after the other; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("--only", metavar="WORDS", default="", help="bugs of this promise, or with these words in them")
    parser.add_argument("--list", action="store_true", help="name the bugs and plant none")
    arguments = parser.parse_args()
    bugs = [
        bug
        for bug in BUGS.values()
        if arguments.only == bug.promise or arguments.only in f"{bug.name} {bug.target} {bug.test}"
    ]
    if not bugs:
        parser.error(f"no bug has {arguments.only!r} in it: see --list")
    if arguments.list:
        print("\n".join(f"{bug.promise:9} {bug.name} ({bug.target})" for bug in bugs))
        return 0
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        return try_all(bugs, Path(folder) / "report.xml")


def try_all(bugs: Sequence[Bug], report: Path) -> int:
    """Run the tests of `bugs` without any bug, then each with its own; return the exit status."""
    began = time.monotonic()
    status, output = run(dict.fromkeys(bug.test for bug in bugs), report)
    if status:
        print(f"{output}\nThe tests must pass before bugs are planted.")
        return 1
    print(f"without any bug, all tests pass: {time.monotonic() - began:.0f} s", flush=True)
    outcomes = []
    for bug in bugs:
        outcomes.append(outcome := try_bug(bug, report))
        print(outcome, flush=True)
    survivors = [outcome.bug for outcome in outcomes if outcome.why]
    print(f"{len(bugs) - len(survivors)} of {len(bugs)} bugs caught in {time.monotonic() - began:.0f} s.")
    for bug in survivors:
        print(f"Survives: {bug.name}. Write a test that fails with it, and name that in tests/planted/bugs.py.")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
