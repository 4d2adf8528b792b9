"""`make run`: the whole service on this machine, in the foreground, until Ctrl-C.

python -m compose.local run                  starts everything and keeps it running; state in `.data/`
python -m compose.local during COMMAND …     runs a command against the running stack, or one started for it
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from compose.command_line import Interrupted, run_command
from compose.connection_info import Site, running_site, take
from compose.errors import ComposeError, StackError
from compose.ports import Ports
from compose.processes import launch_command
from compose.progress import BOLD, Progress
from compose.stack import CHECKOUT, DATA, Stack, throwaway_stack

USAGE = "Usage: python -m compose.local run | during COMMAND ARGUMENT… | forget"
LOOK_EVERY_SECONDS = 0.2
PEOPLE = (
    ("customer ada", "customer", "ada", None),
    ("vendor vera of v-atelier", "vendor", "vera", "v-atelier"),
    ("admin olga", "admin", "olga", None),
)


def run() -> int:
    """Keep a stack running until a signal ends it; 0 when it had been ready, for then that is its ordinary end."""
    progress = Progress.on_screen()
    progress.say("Order Service: starting all of it on this machine\n")
    stack = Stack(DATA, ports=lambda: Ports.from_environment(os.environ), progress=progress)
    with stack:
        try:
            progress.say(banner(stack.connection_info, stack.logs, lambda text: progress.paint(text, BOLD)))
            while True:
                time.sleep(LOOK_EVERY_SECONDS)
                stack.check()
        except Interrupted:
            progress.say()
            return 0


def during(command: list[str]) -> int:
    """Run a command with the addresses of a stack in its environment; answers its exit status."""
    site = running_site(DATA)
    if site:
        return call(command, site)
    progress = Progress.on_screen()
    progress.say("No stack is running here: starting one for this.\n")
    with throwaway_stack("during", settings={"RATE_LIMITS": "off"}, progress=progress) as own:
        return call(command, own)


def forget() -> int:
    """Throw away what the stacks of this checkout keep. Raises StackError while one runs."""
    DATA.mkdir(exist_ok=True)
    with (DATA / "lock").open("a") as lock:
        if not take(lock):
            raise StackError("The stack is running. Stop it first.")
        shutil.rmtree(DATA)
    return 0


def call(command: list[str], site: Site) -> int:
    """Run the command; it ends when we do."""
    environment = {**os.environ, **site.environment()}
    with subprocess.Popen(launch_command(command, "as_is", signal.SIGTERM), cwd=CHECKOUT, env=environment) as child:
        try:
            return child.wait()
        except Interrupted:
            child.terminate()
            raise


def banner(site: Site, logs: Path, bold: Callable[[str], str] = str) -> str:
    """What a person can do now that it runs."""
    people = [f"  {bold(who)}\n  {site.token(role, subject, vendor_id)}\n" for who, role, subject, vendor_id in PEOPLE]
    headers = f"-H 'Authorization: Bearer {site.token('customer', 'ada')}' -H 'Idempotency-Key: {uuid.uuid4()}'"
    return "\n".join(
        [
            f"\n{bold('The Order Service is ready.')}\n",
            f"  API docs   {site.url}/api/doc",
            f"  Logs       {logs}/",
            f"  Sandbox    {site.control_url}  (customers ada and grace; Payment captures an order after a moment)\n",
            "Tokens, good for 12 hours:\n",
            *people,
            "Place an order as ada:\n",
            f"curl -sS -X POST {site.url}/api/v1/orders {headers} -H 'Content-Type: application/json' -d '{{}}'\n",
            "Ctrl-C stops everything; the next `make run` finds its data again.",
        ]
    )


def main() -> int:
    match sys.argv[1:]:
        case ["run"]:
            return run()
        case ["forget"]:
            return forget()
        case ["during", *command] if command:
            return during(command)
        case _:
            raise ComposeError(USAGE)


if __name__ == "__main__":
    sys.exit(run_command(main))
