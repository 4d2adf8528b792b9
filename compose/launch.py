"""A launcher of programs that end with their parent process and, on request, do not run as root.

Run as `python -I -S launch.py PARENT SIGNAL WAY PROGRAM ARGUMENT…` by `processes.py`; a separate program, because code
between fork and exec of a threaded process may deadlock. It uses the standard library only.

- SIGNAL is sent by the kernel when PARENT ends, even by SIGKILL (`PR_SET_PDEATHSIG`, Linux only; 0: none).
- WAY is how root privileges are dropped, for PostgreSQL refuses to run as root:
  `as_is`      not at all.
  `namespace`  a user namespace that maps root to `nobody`. Files keep their owner, root-only folders remain accessible,
               and no capability is held. Docker's default seccomp profile forbids it.
  `account`    the account `nobody`, with CAP_DAC_OVERRIDE where possible, so that root-only folders remain accessible.
               Works in Docker; impossible where root is the only account.
"""

import ctypes
import os
import pwd
import struct
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CLONE_NEWUSER = 0x10000000
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)
if sys.platform == "linux":
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]


def ordinary_account() -> pwd.struct_passwd:
    """Return an account that is not root and has a name, as initdb requires."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return next(account for account in pwd.getpwall() if account.pw_uid)


def call(name: str, *arguments: object) -> None:
    """Call a function of the C library. Raise OSError when it fails."""
    if getattr(libc, name)(*arguments) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def enter_namespace() -> None:
    """Become `nobody` in a new user namespace that maps it to the current user and group."""
    account, uid, gid = ordinary_account(), os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{account.pw_uid} {uid} 1"),
        ("gid_map", f"{account.pw_gid} {gid} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text)


def keep_reaching_files() -> None:
    """Keep root's access to all files for this process and its program, without any other privilege of root."""
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    capability = 1 << CAP_DAC_OVERRIDE
    call("capset", header, struct.pack("6I", capability, capability, capability, 0, 0, 0))
    call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def enter_account() -> None:
    """Become the account `nobody`."""
    account = ordinary_account()
    call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    try:
        keep_reaching_files()
    except OSError as error:  # sufficient where every folder of the path is world-accessible
        print(f"continuing without CAP_DAC_OVERRIDE ({error})", file=sys.stderr)


def die_with(parent: int, signal: int) -> None:
    """Request the signal for the parent's end; exit if it has already ended. Called last, for a change of account resets it."""
    if sys.platform == "linux" and signal:
        call("prctl", PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent has ended")


def main() -> None:
    parent, signal, way, *command = sys.argv[1:]
    try:
        if way == "namespace":
            enter_namespace()
        elif way == "account":
            enter_account()
        die_with(int(parent), int(signal))
        os.execvp(command[0], command)  # noqa: S606 # nosec B606 # without a shell, as intended
    except OSError as error:
        sys.exit(f"cannot start {command[0]} ({way}): {error}")


if __name__ == "__main__":
    main()
