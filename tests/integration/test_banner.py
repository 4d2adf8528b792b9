"""The tokens that `make run` and `make demo` print, each a line to paste: the service accepts them in the roles that it says."""

import re
from pathlib import Path

import httpx
import pytest

from compose.banner import print_banner, print_where_to_look
from compose.progress import Progress
from tests.support.world import World

TRIED_BY_THE_DASHBOARD = {"vendor": "/api/v1/vendor-orders/summary", "admin": "/api/v1/orders?limit=1"}
"""The dashboard's request that checks a token, by role."""

ACCOUNT = re.compile(r"^  (vendor|admin|customer) (\w+).*\n(\S+)$", re.MULTILINE)


def status(world: World, path: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{world.url}{path}", headers=headers, trust_env=False).status_code


def test_the_banner_names_the_dashboard_and_signs_in_with_one_paste(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    print_banner(Progress(visible=True), world.stack.connection_info, Path("logs"))
    printed = capsys.readouterr().out
    assert f"  Dashboard  {world.url}/dashboard\n" in printed
    assert f"  API docs   {world.url}/api/doc\n" in printed
    accounts = {role: token for role, _, token in ACCOUNT.findall(printed)}
    for role, path in TRIED_BY_THE_DASHBOARD.items():
        assert status(world, path, accounts[role]) == 200
    assert status(world, "/api/v1/orders", accounts["customer"]) == 200
    assert not re.search(r"https?://\S*eyJ", printed), "no address contains a token"


def test_the_demo_ends_with_the_dashboard_of_the_running_stack(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    print_where_to_look(Progress(visible=True), world.stack.connection_info)
    printed = capsys.readouterr().out
    assert f"{world.url}/dashboard\n" in printed
    accounts = {role: token for role, _, token in ACCOUNT.findall(printed)}
    assert {role: status(world, TRIED_BY_THE_DASHBOARD[role], token) for role, token in accounts.items()} == {
        "vendor": 200,
        "admin": 200,
    }


def test_the_demo_on_a_stack_of_its_own_says_how_to_get_one_that_stays(capsys: pytest.CaptureFixture[str]) -> None:
    print_where_to_look(Progress(visible=True), None)
    printed = capsys.readouterr().out
    assert "make run" in printed
    assert "eyJ" not in printed
