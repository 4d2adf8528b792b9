"""The roles and the database on RDS, and the rotation of passwords, on a PostgreSQL whose administrator is no superuser either."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from psycopg import sql

from compose.aws.create_database import create
from compose.ports import HOST
from compose.servers import NAME, Postgres
from tests.support.environment import CHECKOUT, PLACEHOLDERS, read

ADMINISTRATOR = "orders_administrator"
PASSWORD = secrets.token_hex(16)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Yield a server with neither a role nor a database of the service."""
    with Postgres(tmp_path_factory.mktemp("rds"), durable=False) as postgres:
        with psycopg.connect(postgres.url, dbname="postgres", autocommit=True) as first:
            first.execute(f"CREATE ROLE superuser SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        with connect(postgres, "superuser", PASSWORD) as superuser:
            superuser.execute(f"DROP DATABASE {NAME}")
            superuser.execute(f"ALTER ROLE {NAME} RENAME TO rdsadmin")
            superuser.execute(f"CREATE ROLE {ADMINISTRATOR} LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD}'")
        yield postgres


def connect(postgres: Postgres, user: str, password: str, database: str = "postgres") -> psycopg.Connection:
    """Return a connection in autocommit mode, as the functions of the rotation have it."""
    return psycopg.connect(
        host=HOST, port=postgres.port, user=user, password=password, dbname=database, autocommit=True
    )


def run(postgres: Postgres, command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command with the variables that ECS would set."""
    return subprocess.run(
        [sys.executable, *command],
        env={"PATH": os.defpath, "PGHOST": HOST, "PGPORT": str(postgres.port), **environment},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def create_database(postgres: Postgres, user: str, password: str) -> None:
    with connect(postgres, ADMINISTRATOR, PASSWORD) as administrator:
        create(administrator, user=user, password=password)


def rotate(postgres: Postgres, user: str) -> str:
    """Do what Secrets Manager's function for alternating users does to the role that is not in use; return its password."""
    password = secrets.token_hex(16)
    with connect(postgres, ADMINISTRATOR, PASSWORD) as administrator:
        administrator.execute(sql.SQL("ALTER USER {} WITH PASSWORD {}").format(sql.Identifier(user), password))
    return password


def migrate(postgres: Postgres, user: str, password: str) -> None:
    """Migrate with the address and the login in different variables, as in the task definitions."""
    address = f"postgresql://{HOST}:{postgres.port}/orders?target_session_attrs=read-write"
    login = {"DATABASE_URL": address, "PGUSER": user, "PGPASSWORD": password}
    done = run(postgres, ["manage.py", "migrate", "--no-input"], read(PLACEHOLDERS) | login)
    assert done.returncode == 0, done.stderr


def rows(connection: psycopg.Connection, query: str) -> list[Any]:
    return [row[0] for row in connection.execute(query).fetchall()]


def test_each_login_of_the_rotation_runs_the_service_and_alters_what_the_other_has_made(postgres: Postgres) -> None:
    first = secrets.token_hex(16)
    administrator = {"PGUSER": ADMINISTRATOR, "PGPASSWORD": PASSWORD, "PGDATABASE": "postgres"}
    created = run(
        postgres,
        ["compose/aws/create_database.py"],
        administrator | {"ORDERS_USER": "orders", "ORDERS_PASSWORD": first},
    )
    assert created.returncode == 0, created.stderr
    migrate(postgres, "orders", first)

    second = rotate(postgres, "orders_clone")
    with connect(postgres, "orders_clone", second, "orders") as clone:
        clone.execute("ANALYZE orders")  # as the rebuild of the analytics' sums does
        clone.execute("ALTER TABLE orders ADD COLUMN added_by_the_clone integer")
        assert set(rows(clone, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")) == {
            "orders_owner"
        }
    with connect(postgres, "orders", first, "orders") as service:  # containers that have not been restarted
        service.execute("ALTER TABLE orders DROP COLUMN added_by_the_clone")

    third = rotate(postgres, "orders")
    connect(postgres, "orders", third, "orders").close()


def test_a_repetition_sets_the_password_and_keeps_the_data(postgres: Postgres) -> None:
    first, second = secrets.token_hex(16), "'\"; $\\ %s {}"
    create_database(postgres, "orders_clone", first)
    with connect(postgres, "orders_clone", first, "orders") as service:
        service.execute("CREATE TABLE kept ()")
    create_database(postgres, "orders_clone", second)
    with connect(postgres, "orders_clone", second, "orders") as service:
        service.execute("DROP TABLE kept")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(postgres, "orders_clone", first, "orders")


def test_text_is_sorted_as_in_every_other_environment(postgres: Postgres) -> None:
    password = secrets.token_hex(16)
    create_database(postgres, "orders", password)
    with connect(postgres, "orders", password, "orders") as service:
        assert rows(service, "SELECT datlocale FROM pg_database WHERE datname = 'orders'") == ["C.UTF-8"]
        assert rows(service, "SELECT word FROM unnest(ARRAY['b', 'ä', 'B', 'a']) AS word ORDER BY word") == [*"Babä"]


def test_other_roles_of_the_server_cannot_connect(postgres: Postgres) -> None:
    create_database(postgres, "orders", secrets.token_hex(16))
    with connect(postgres, ADMINISTRATOR, PASSWORD) as administrator:
        administrator.execute(f"CREATE ROLE stranger LOGIN PASSWORD '{PASSWORD}'")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        connect(postgres, "stranger", PASSWORD, "orders")


def test_the_password_of_another_role_is_never_set(postgres: Postgres) -> None:
    with pytest.raises(ValueError, match=f"'{ADMINISTRATOR}', which is neither orders nor orders_clone"):
        create_database(postgres, ADMINISTRATOR, "guessed")
    connect(postgres, ADMINISTRATOR, PASSWORD).close()
