"""The account under which root runs PostgreSQL, which refuses to run as root.

The first way of `launch.py` that works on this machine is used: `namespace` first, since all files are then owned by root
and no privilege is kept; `account` where namespaces are forbidden, as in Docker. Copying programs and data to a
world-accessible folder was rejected: the state would be outside of the checkout.
"""

import os
import pwd
import signal
import subprocess
from pathlib import Path

from compose.errors import AccountError
from compose.launch import ordinary_account
from compose.processes import launch_command

ROOT_WAYS = ("namespace", "account")
# Enter the folder, write a file, and execute the program: all that a server needs.
TRIAL = ["/bin/sh", "-c", 'cd -- "$1" && : >trial && rm trial && exec "$2" --version', "sh"]


def way_to_run(program: Path, folder: Path) -> str:
    """Return the first way of `launch.py` in which this program can run on this folder, and make its account the owner.

    Raise AccountError, with the error of each way, when none works.
    """
    uid = os.geteuid()
    if uid and _has_name(uid):
        return "as_is"
    errors = []
    for way in ROOT_WAYS if uid == 0 else ROOT_WAYS[:1]:
        try:
            change_owner(folder, way)
            _try(way, program, folder)
        except subprocess.CalledProcessError as error:
            errors.append(f"  {way}: {error.stderr.strip()}")
        except OSError as error:
            errors.append(f"  {way}: {error}")
        else:
            return way
    problem = f"needs an account with a name, and uid {uid} has none" if uid else "refuses to run as root"
    summary = f"PostgreSQL {problem}, and no way around that works on this machine:"
    raise AccountError("\n".join([summary, *errors, "Run make as an ordinary user."]))


def change_owner(folder: Path, way: str) -> None:
    """Set the owner of the folder and its content to the server's account in this way; possible and necessary as root only."""
    account = ordinary_account()
    uid, gid = (account.pw_uid, account.pw_gid) if way == "account" else (os.geteuid(), os.getegid())
    for path in [folder, *folder.rglob("*")]:
        if path.lstat().st_uid != uid:
            os.chown(path, uid, gid, follow_symlinks=False)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _try(way: str, program: Path, folder: Path) -> None:
    command = launch_command([*TRIAL, str(folder), str(program)], way, signal.SIGKILL)
    subprocess.run(command, cwd="/", env={"PATH": os.defpath}, capture_output=True, text=True, check=True)
