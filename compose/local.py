"""`make run`: the whole service on this machine, in the foreground, until Ctrl-C.

python -m compose.local run [--history]      start everything and keep it running; state in `.data/`
python -m compose.local during COMMAND …     run a command against the running stack, or one started for it
python -m compose.local forget               delete the state
"""

import os
import shutil
import signal
import subprocess
import sys
import time

import psycopg

from compose import history_neighbours
from compose.banner import print_banner
from compose.command_line import Interrupted, run_command
from compose.composition import REBUILD_ANALYTICS
from compose.connection_info import ConnectionInfo, find_running, try_lock
from compose.errors import ComposeError, StackError
from compose.history import Plan, add_history
from compose.ports import Ports
from compose.processes import launch_command
from compose.progress import Progress
from compose.sandbox.coupons import seed_coupons
from compose.stack import CHECKOUT, DATA, Stack, throwaway_stack

USAGE = "Usage: python -m compose.local run [--history] | during COMMAND ARGUMENT… | forget"
CHECK_SECONDS = 0.2


def run(*, with_history: bool) -> int:
    """Run a stack until a signal, which is its regular end: return 0 if the stack was ready."""
    progress = Progress(visible=True)
    progress.print("Order Service: starting all of it on this machine\n")
    with Stack(DATA, ports=lambda: Ports.from_environment(os.environ), progress=progress) as stack:
        try:
            if with_history:
                ensure_history(stack, progress)
            with progress.step("Coupons") as step:
                codes = seed_coupons(stack.url, stack.token("admin", "olga"))
                step.note = ", ".join(codes)
            print_banner(progress, stack.connection_info, stack.logs)
            while True:
                time.sleep(CHECK_SECONDS)
                stack.check()
        except Interrupted:
            progress.print()
            return 0


def ensure_history(stack: Stack, progress: Progress) -> None:
    """Add a year of orders to a stack without orders; another one stays as it is."""
    with progress.step("History") as step, psycopg.connect(stack.postgres.url) as connection:
        if connection.execute("SELECT 1 FROM orders LIMIT 1").fetchone():
            step.note = "none is added: the stack has orders (make clean deletes them)"
            return
        plan = Plan.of_a_year()
        add_history(connection, plan)
        history_neighbours.hold_and_sell(connection, stack.environment)
        connection.commit()
        history_neighbours.capture(connection, stack.control_url)
        step.note = f"{plan.orders:,} orders of {plan.days} days"
    with progress.step("Analytics"):
        stack.run_once("analytics", REBUILD_ANALYTICS)


def during(command: list[str]) -> int:
    """Run a command with the addresses of a stack in its environment; return its exit status."""
    info = find_running(DATA)
    if info:
        return call(command, info)
    progress = Progress(visible=True)
    progress.print("No stack is running here: starting one for this.\n")
    with throwaway_stack("during", settings={"RATE_LIMITS": "off"}, progress=progress) as own:
        return call(command, own)


def forget() -> int:
    """Delete the state of this checkout's stacks. Raise StackError while one is running."""
    DATA.mkdir(exist_ok=True)
    with (DATA / "lock").open("a") as lock:
        if not try_lock(lock):
            raise StackError("The stack is running. Stop it first.")
        shutil.rmtree(DATA)
    return 0


def call(command: list[str], info: ConnectionInfo) -> int:
    """Run the command, which ends with this process at the latest."""
    environment = {**os.environ, **info.environment()}
    with subprocess.Popen(launch_command(command, "as_is", signal.SIGTERM), cwd=CHECKOUT, env=environment) as child:
        try:
            return child.wait()
        except Interrupted:
            child.terminate()
            raise


def main() -> int:
    match sys.argv[1:]:
        case ["run"]:
            return run(with_history=False)
        case ["run", "--history"]:
            return run(with_history=True)
        case ["forget"]:
            return forget()
        case ["during", *command] if command:
            return during(command)
        case _:
            raise ComposeError(USAGE)


if __name__ == "__main__":
    sys.exit(run_command(main))
