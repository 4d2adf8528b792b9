"""Do the tests notice bugs? Each bug of the table is planted in a copy of this checkout, and the tests named with it must fail.

First they run without any bug, and must pass. A bug survives when its tests pass, or fail for another reason than that
something isn't as promised; then this ends with status 1 (`make test-planted`).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.planted.bugs import BUGS, CHECKOUT, Bug

LONGEST_SECONDS = 180
"""What the tests of one bug may take: a test that hangs tells nobody what is wrong."""

NOTHING_TESTED = ("ImportError", "ModuleNotFoundError", "NameError", "SyntaxError", "IndentationError")
"""Failures of code that doesn't run at all: they say nothing about the promise."""

WHAT_TO_DO = "Write a test that fails with it, or name one that does, in tests/planted/bugs.py."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a bug: the test that caught it, or why it survived."""

    bug: Bug
    caught_by: str
    why: str
    seconds: float

    def __str__(self) -> str:
        what = f"caught by {self.caught_by}" if self.caught_by else f"SURVIVES: {self.why}. {WHAT_TO_DO}"
        return f"{self.bug.promise:4} {self.bug.name}: {what}"


@dataclass(frozen=True, slots=True)
class Garden:
    """A copy of the checkout in which tests run."""

    copy: Path
    report: Path

    @classmethod
    def within(cls, folder: Path) -> "Garden":
        """Copy what git knows or would know, and lend the copy our installed packages."""
        garden = cls(folder / "checkout", folder / "report.xml")
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            if (source := CHECKOUT / name).is_file():
                (garden.copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, garden.copy / name)
        (garden.copy / ".venv").symlink_to((CHECKOUT / ".venv").resolve())
        return garden

    def run(self, tests: Sequence[str], *options: str) -> tuple[int, str]:
        """Run `tests` in the copy; answers pytest's exit status and what it printed. Raises TimeoutExpired."""
        self.report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-m", "", f"--junitxml={self.report}", *options, *tests]
        longest = LONGEST_SECONDS if options else None
        done = subprocess.run(
            command, cwd=self.copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=longest
        )
        return done.returncode, done.stdout

    def plant(self, bug: Bug) -> Outcome:
        """Plant `bug`, run its tests until the first of them fails, and take it out again."""
        began = time.monotonic()
        place = self.copy / bug.file
        place.write_text(bug.planted())
        try:
            status, printed = self.run(bug.tests, "-x")
        except subprocess.TimeoutExpired:
            status, printed = -1, ""
        finally:
            shutil.copy2(CHECKOUT / bug.file, place)
        caught_by = failed_test(self.report) if status == 1 else ""
        why = {-1: f"its tests still ran after {LONGEST_SECONDS} s", 0: "its tests pass"}
        otherwise = f"pytest ended with {status}, and no test failed that ran\n{printed[-2000:]}\n"
        return Outcome(bug, caught_by, why.get(status, otherwise), time.monotonic() - began)


def failed_test(report: Path) -> str:
    """The test that found something not to be as promised, "" if none did; an invariant broken after a test counts."""
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314  pytest has just written it
        for failure in case.findall("failure"):
            if not failure.get("message", "").startswith(NOTHING_TESTED):
                return case.get("name", "")
        for error in case.findall("error"):
            if error.get("message", "").startswith('failed on teardown with "AssertionError'):
                return f"{case.get('name')} (afterwards)"
    return ""


def main() -> int:
    """Plant the bugs that were asked for; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument(
        "--only", metavar="WORDS", default="", help="only the bugs of this promise, or with these words in them"
    )
    parser.add_argument("--list", action="store_true", help="name the bugs and plant none")
    wanted = parser.parse_args()
    bugs = [bug for bug in BUGS if wanted.only == bug.promise or wanted.only in f"{bug.name} {bug.file} {bug.tests}"]
    if not bugs:
        parser.error(f"no bug has {wanted.only!r} in it: see --list")
    if wanted.list:
        print("\n".join(f"{bug.promise:4} {bug.name} ({bug.file})" for bug in bugs))
        return 0
    if lost := [bug for bug in bugs if not bug.fits()]:
        print("The table is out of step with the code: tests/planted/bugs.py must name a text that stands there once.")
        print("\n".join(f"{bug.file}: {bug.name}" for bug in lost))
        return 1
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        return plant_all(bugs, Garden.within(Path(folder)))


def plant_all(bugs: Sequence[Bug], garden: Garden) -> int:
    """Plant `bugs` one after the other, telling about each; answers the exit status."""
    began = time.monotonic()
    status, printed = garden.run(list(dict.fromkeys(test for bug in bugs for test in bug.tests)))
    if status:
        print(f"{printed}\nThe tests must pass before bugs are planted.")
        return 1
    print(f"without any bug, all tests pass: {time.monotonic() - began:.0f} s", flush=True)
    outcomes = []
    for number, bug in enumerate(bugs, start=1):
        outcomes.append(outcome := garden.plant(bug))
        word = "caught" if outcome.caught_by else "SURVIVES"
        print(f"{number:3}/{len(bugs)} {word} in {outcome.seconds:.0f} s: {bug.name}", flush=True)
    print("", *outcomes, "", sep="\n")
    survivors = [outcome for outcome in outcomes if not outcome.caught_by]
    print(f"{len(bugs) - len(survivors)} of {len(bugs)} bugs caught in {time.monotonic() - began:.0f} s.")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
