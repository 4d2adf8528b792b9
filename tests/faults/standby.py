"""A PostgreSQL server and its standby (streaming replication), which change roles on demand."""

import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from compose.errors import ServerError
from compose.processes import launch_command
from compose.servers import ENVIRONMENT, Postgres


class Standby(Postgres):
    """A copy of `primary`, which must be running when the standby is started for the first time."""

    def __init__(self, folder: Path, primary: Postgres) -> None:
        super().__init__(folder, log=folder / "log")
        self._primary = primary

    def _create_data(self, initdb: Path, way: str) -> None:
        """Copy the primary's data, with what is needed to follow it."""
        (self.folder / "password").write_text(self._primary.password)
        command = [str(initdb.with_name("pg_basebackup")), "--pgdata", str(self.data), "--dbname", self._primary.url]
        command = launch_command([*command, "--write-recovery-conf", "--checkpoint=fast"], way, signal.SIGKILL)
        made = subprocess.run(command, env=ENVIRONMENT, cwd=self.folder, capture_output=True, text=True)
        if made.returncode:
            raise ServerError(f"The standby could not be made:\n{made.stdout}{made.stderr}")


class Pair:
    """Two servers of the same data; one of them is the primary."""

    def __init__(self, primary: Postgres, standby: Postgres) -> None:
        self.primary, self.standby = primary, standby

    @property
    def url(self) -> str:
        """Return both servers as one address, which leads to the primary."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in sorted((self.primary, self.standby), key=id))
        head, _, _ = self.primary.url.rpartition("@")
        return f"{head}@{hosts}/orders?target_session_attrs=read-write&application_name=failover"

    def fail_over(self) -> None:
        """Stop the primary, promote the standby, and let the old primary follow it."""
        old, new = self.primary, self.standby
        old.stop()
        execute(new, "SELECT pg_promote()")
        self.primary, self.standby = new, old
        (old.data / "standby.signal").touch()
        with (old.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{new.url}'\n")
        old.start()


def execute(server: Postgres, *statements: str) -> None:
    """Run each of `statements` by itself."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def fetch(server: Postgres, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()
