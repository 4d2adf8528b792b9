"""`make install`: makes `.venv` with what `requirements-dev.txt` locks, and touches nothing else.

Runs on the system's Python, before anything is installed: standard library only. A mark inside `.venv`, written last,
says what it was made of; without that mark it is half-made, and made anew.
"""

import fcntl
import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
LOCK = CHECKOUT / "requirements-dev.txt"
MARK = VENV / ".installed"
PYTHON = VENV / "bin" / "python"
PIP = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input"]
FOUND = re.compile(r"(?:Collecting|Processing|Requirement already satisfied:) (\S+)")
LINES_OF_A_FAILURE = 30


def main() -> int:
    """Install what is missing, one at a time in this checkout; answers the exit status."""
    with LOCK.open() as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        return install_missing()


def install_missing() -> int:
    """Bring `.venv` to where the lock is; does nothing, quickly, when it is there."""
    wanted = hashlib.sha256(LOCK.read_bytes() + str(VENV).encode()).hexdigest()
    if MARK.exists() and MARK.read_text() == wanted:
        return 0
    if importlib.util.find_spec("ensurepip") is None:
        print(f"This Python ({sys.executable}) can't make virtual environments. On Debian or Ubuntu:", file=sys.stderr)
        print(f"  apt-get install python3.{sys.version_info[1]}-venv", file=sys.stderr)
        return 1
    start = time.monotonic()
    if not MARK.exists():
        make_venv()
    MARK.unlink(missing_ok=True)
    if not install():
        return 1
    MARK.write_text(wanted)
    print(f"  Installed in {time.monotonic() - start:.0f} s.\n", flush=True)
    return 0


def make_venv() -> None:
    """Make an empty environment, in place of a half-made one."""
    again = " again: the last time did not finish" if VENV.exists() else ""
    print(f"  Making .venv with Python {sys.version.split()[0]}{again}", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def install() -> bool:
    """Let pip install the lock, telling how far it is; False, with the end of what pip said, when it fails."""
    total = sum(1 for line in LOCK.read_text().splitlines() if line[:1].isalnum())
    command = [*PIP, "install", "--require-hashes", "-r", str(LOCK)]
    said, found = [], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=CHECKOUT) as pip:
        for line in pip.stdout or ():
            said.append(line)
            if package := FOUND.match(line):
                found += 1
                show(found, total, package[1].split("/")[-1])
            elif line.startswith("Installing collected packages"):
                end_of_line = "\n" if sys.stdout.isatty() else ""
                print(f"{end_of_line}  Unpacking all of it, the last stage", flush=True)
    if pip.returncode:
        print("\n", *said[-LINES_OF_A_FAILURE:], "\npip could not install what is locked.", sep="", file=sys.stderr)
    return pip.returncode == 0


def show(found: int, total: int, package: str) -> None:
    """One line that is written over at a terminal; elsewhere a line now and then."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K  [{found}/{total}] {package[:60]}", end="", flush=True)
    elif found % 20 == 0:
        print(f"  [{found}/{total}] {package}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: the next make install begins anew.")
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}")
