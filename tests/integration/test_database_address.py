"""DATABASE_URL's parameters reach PostgreSQL, and the log has the reason of a failed connection."""

import subprocess
import sys

import pytest

from compose.ports import free_port
from compose.stack import CHECKOUT, Stack
from tests.support.server import away
from tests.support.world import eventually


def shown(stack: Stack, parameters: str, *names: str, **settings: str) -> list[str]:
    """Return PostgreSQL's values of these settings in a connection of the service."""
    program = f"""
from django.db import connection
for name in {names}:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        print(*cursor.fetchone())
"""
    environment = {**stack.environment, "DATABASE_URL": f"{stack.postgres.url}?{parameters}", **settings}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", program]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_parameters_of_the_address_and_the_timeouts_are_in_force(stack: Stack) -> None:
    parameters = "sslmode=disable&application_name=shop&options=-c%20work_mem%3D5MB"
    names = ("application_name", "work_mem", "statement_timeout", "lock_timeout")
    assert shown(stack, parameters, *names) == ["shop", "5MB", "3s", "1s"]


def test_a_timeout_in_the_address_takes_precedence(stack: Stack) -> None:
    names = ("statement_timeout", "lock_timeout")
    assert shown(stack, "options=-c%20statement_timeout%3D2s", *names) == ["2s", "1s"]


def test_of_several_hosts_the_one_that_takes_writes_is_found(stack: Stack) -> None:
    here = f"127.0.0.1:{stack.postgres.port}"
    several = stack.postgres.url.replace(here, f"127.0.0.1:{free_port()},{here}") + "?target_session_attrs=read-write"
    assert shown(stack, "", "application_name", DATABASE_URL=several) == ["order-service"]


def test_a_pooler_is_sent_no_options(stack: Stack) -> None:
    names = ("statement_timeout", "application_name")
    assert shown(stack, "", *names, DATABASE_POOLER="transaction") == ["0", "order-service"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("wrong password", "password authentication failed"),
        ("wrong port", "Connection refused"),
        ("wrong database", "does not exist"),
        ("wrong certificates", "server does not support SSL"),
    ],
)
def test_a_server_starts_while_its_database_is_away_and_logs_the_reason_without_the_password(
    stack: Stack, wrong: str, reason: str
) -> None:
    url, password = stack.postgres.url, stack.postgres.password
    url = {
        "wrong password": url.replace(password, "wr0ng-passw0rd"),
        "wrong port": url.replace(f":{stack.postgres.port}/", f":{free_port()}/"),
        "wrong database": url + "x",
        "wrong certificates": f"{url}?sslmode=require",
    }[wrong]
    with away(stack, wrong, DATABASE_URL=url) as log:
        eventually(lambda: reason in log.read_text(), "the reason in the log")
        assert password not in log.read_text()
        assert "wr0ng-passw0rd" not in log.read_text()
