"""Create the roles and the database of the service on RDS, as PostgreSQL's administrator. Repeatable.

A script of its own, which the image has beside the service: it runs once before the first migration, and after a restore, whose
roles have the passwords of that time.

The rotation of Secrets Manager takes turns between two logins, `orders` and `orders_clone`, so that one of them works at each
moment. Both act as `orders_owner`, which owns the database: a migration may alter what an earlier one has made under the other
login. https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotation-strategy.html
"""

import os

import psycopg
from psycopg import Connection, sql

DATABASE = "orders"
OWNER = "orders_owner"
LOGINS = ("orders", "orders_clone")
"""The second is the name that the rotation derives from the first."""


def create(connection: Connection, *, user: str, password: str) -> None:
    """Create what is missing, and set the password of `user`, one of LOGINS. The connection must be in autocommit mode."""
    if user not in LOGINS:
        raise ValueError(f"ORDERS_USER is {user!r}, which is neither {' nor '.join(LOGINS)}.")
    for role in (OWNER, *LOGINS):
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
            _run(connection, "CREATE ROLE {}", role)
    # The administrator of RDS is no superuser: as a member it may give the owner a database.
    _run(connection, "GRANT {} TO CURRENT_USER", OWNER)
    for login in LOGINS:
        _run(connection, "GRANT {} TO {}", OWNER, login)
        _run(connection, "ALTER ROLE {} LOGIN", login)
        _run(connection, "ALTER ROLE {} SET role = {}", login, OWNER)
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(password)))
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        _run(
            connection,
            # Sort by code point, with Unicode character classes, as in docker-compose.yml.
            "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
            " LC_COLLATE 'C' LC_CTYPE 'C'",
            *(DATABASE, OWNER),
        )
    _run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", DATABASE)


def _run(connection: Connection, statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def main() -> None:
    """Create everything on the server of libpq's PG… variables."""
    with psycopg.connect(autocommit=True) as connection:
        create(connection, user=os.environ["ORDERS_USER"], password=os.environ["ORDERS_PASSWORD"])
    print(f"The database {DATABASE} and its roles exist; the password of {os.environ['ORDERS_USER']} is set.")


if __name__ == "__main__":
    main()
