"""A database of its own for reports, with a server and the summing up at the test's command."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from compose.stack import CHECKOUT, Stack
from tests.support.server import server


@dataclass
class Market:
    """A server over an empty database, whose worker is away: `sum_up` is its work, at the test's command."""

    address: str
    http: httpx.Client
    environment: dict[str, str]
    summing: subprocess.Popen[str]

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Return a connection to the database."""
        return psycopg.connect(self.address, **options)

    def sum_up(self) -> bool:
        """Add new facts to the kept sums; return whether there may be more."""
        assert self.summing.stdin and self.summing.stdout
        self.summing.stdin.write("sum_up\n")
        self.summing.stdin.flush()
        return self.summing.stdout.readline() == "True\n"

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=CHECKOUT, env=self.environment, capture_output=True, text=True, check=False)

    def report(self, name: str, **parameters: Any) -> Any:
        """Return an admin's report."""
        given = {name: value for name, value in parameters.items() if value is not None}
        response = self.http.get(f"/analytics/{name}", params=given)
        assert response.status_code == 200, response.text
        return response.json()

    def clear(self) -> None:
        """Delete all orders and all sums."""
        with self.connect() as connection:
            tables = connection.execute(
                "SELECT string_agg(tablename, ', ') FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_migrations'"
            ).fetchone()
            assert tables
            connection.execute(f"TRUNCATE {tables[0]} RESTART IDENTITY".encode())
            connection.execute("INSERT INTO analytics_generations (is_active) VALUES (TRUE)")


@contextmanager
def database(stack: Stack) -> Iterator[str]:
    """Create a database beside the stack's, yield its address, and drop it."""
    address = stack.environment["DATABASE_URL"]
    name = f"reports_{uuid.uuid4().hex}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield urlsplit(address)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def market(stack: Stack) -> Iterator[Market]:
    """Yield a market without orders."""
    with database(stack) as address:
        environment = {**stack.environment, "DATABASE_URL": address, "PYTHONWARNINGS": "ignore"}
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=CHECKOUT, env=environment, check=True)
        with psycopg.connect(address) as connection:  # so that `clear` can empty them
            for trail in ("order_events", "coupon_events"):
                connection.execute(f"ALTER TABLE {trail} DISABLE TRIGGER USER".encode())
        program = [sys.executable, "-m", "tests.support.summing", "0.05"]  # the test's writers wait for it
        headers = {"Authorization": f"Bearer {stack.token('admin', 'reports', None)}"}
        with (
            server(stack, "reports", DATABASE_URL=address) as url,
            httpx.Client(base_url=f"{url}/api/v1", headers=headers, trust_env=False, timeout=30) as http,
            subprocess.Popen(
                program, cwd=CHECKOUT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as summing,
        ):
            try:
                yield Market(address, http, environment, summing)
            finally:
                summing.kill()
