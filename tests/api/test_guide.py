"""docs/api.md is true: each of its curl lines is run as written, in order, and gives the response stated above it."""

import json
import os
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass

import pytest

from compose.stack import CHECKOUT
from tests.support.world import Person, World, eventually

GUIDE = CHECKOUT / "docs" / "api.md"
LINE = re.compile(
    r"```sh\n# (?P<status>\d{3})(?P<said>[^\n]*)\n(?P<command>.*?)\n```(?P<after>.*?)(?=```sh|\Z)", re.DOTALL
)
KEPT = re.compile(r"`([\w.]+)` as `\$(\w+)`")
CAPTURED = "The sandbox's Payment captures"
STAYED_OPEN = 28  # curl's exit status after --max-time
SECONDS = 30


@dataclass(frozen=True)
class Answer:
    status: int
    head: str
    body: str


def run(command: str, names: dict[str, str]) -> Answer:
    done = subprocess.run(
        ["bash", "-euc", command], env={**os.environ, **names}, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == (STAYED_OPEN if "--max-time" in command else 0), done.stderr
    head, _, body = done.stdout.partition("\n\n")
    return Answer(int(head.split()[1]), head, body)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here: apt-get install curl")
def test_each_line_of_the_guide_gets_the_response_that_the_guide_states(world: World) -> None:
    ada, vera = world.person("customer", "ada"), world.person("vendor", "vera", "v-atelier")
    names = {
        "BASE": f"{world.url}/api/v1",
        "SANDBOX": world.stack.control_url,
        "KEY": str(uuid.uuid4()),
        "SECOND_KEY": str(uuid.uuid4()),
        "THIRD_KEY": str(uuid.uuid4()),
        "no_proxy": "*",
        **{name: bearer(person) for name, person in [("CUSTOMER", ada), ("VENDOR", vera), ("ADMIN", world.admin())]},
    }
    lines = list(LINE.finditer(GUIDE.read_text()))
    for line in lines:
        answer = run(line["command"], names)
        assert answer.status == int(line["status"]), f"{line['command']}\n{answer}"
        check_statement(line["said"], answer)
        for path, name in KEPT.findall(line["after"]):
            names[name] = dig(answer.body, path)
        if CAPTURED in line["after"]:
            capture(world, ada, names["ORDER"])
    assert len(lines) == GUIDE.read_text().count("curl -")


def check_statement(statement: str, answer: Answer) -> None:
    """Check that the first word after a refusal's status is its code, and that a header after a comma is in the response."""
    if answer.status >= 400:
        assert json.loads(answer.body)["code"] == statement.strip().split(":")[0]
    if statement.startswith(", "):
        assert statement.removeprefix(", ").lower() in answer.head.lower()


def dig(body: str, path: str) -> str:
    found = json.loads(body)
    for step in path.split("."):
        found = found[int(step) if step.isdigit() else step]
    return str(found)


def capture(world: World, customer: Person, order_id: str) -> None:
    """Have Payment capture the order, as it does by itself after `make run`."""
    eventually(lambda: world.sandbox.ledger("payment", order_id)["heard"], "Payment to receive the request")
    world.sandbox.pay(order_id, "capture")
    customer.order_becomes(order_id, status="confirmed")


def bearer(person: Person) -> str:
    return str(person.http.headers["Authorization"]).removeprefix("Bearer ")
