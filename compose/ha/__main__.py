"""`make run-ha`: the local stack on three machines, in the foreground, until Ctrl-C. To be damaged by hand.

python -m compose.ha

It uses `.data/ha/` and deletes what an earlier run has left there.
"""

import os
import shutil
import sys
import time

from compose.banner import print_banner
from compose.command_line import Interrupted, run_command
from compose.connection_info import try_lock
from compose.errors import ComposeError, ServerError, StackError
from compose.ha.cluster import Cluster
from compose.ha.programs import VIRTUAL_ENVIRONMENT, missing_programs
from compose.ha.stack import HighlyAvailableStack
from compose.ports import HOST, Ports
from compose.progress import Progress
from compose.servers import postgres_processes_in
from compose.stack import DATA

FOLDER = DATA / "ha"
CHECK_SECONDS = 1
AWAY_SECONDS = 60
"""After this time, what was killed on a machine is started again."""


def main() -> int:
    """Run the stack until a signal, which is its regular end."""
    if missing := missing_programs():
        raise ComposeError(f"Not installed: {', '.join(missing)}. As root on Debian or Ubuntu: compose/ha/install")
    progress = Progress(visible=True)
    progress.print("Order Service: starting it on three machines, all of them here\n")
    delete_earlier_run()
    with HighlyAvailableStack(FOLDER, ports=lambda: Ports.from_environment(os.environ), progress=progress) as stack:
        try:
            print_banner(progress, stack.connection_info, stack.logs, afterwards="its data is not kept")
            print_machines(progress, stack)
            watch(progress, stack)
        except Interrupted:
            progress.print()
    return 0


def delete_earlier_run() -> None:
    """Delete the state of an earlier run. Raise StackError while it is running."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("a") as lock:
        if not try_lock(lock):
            raise StackError("The stack on three machines is running. Stop it first.")
        shutil.rmtree(FOLDER)


def print_machines(progress: Progress, stack: HighlyAvailableStack) -> None:
    """Print where the primary is, and how to damage a machine."""
    cluster = stack.cluster
    progress.print("\nThree machines\n", "bold")
    progress.print(f"  Servers     {stack.url} and http://{HOST}:{stack.second_port}")
    progress.print(f"  HAProxy     {cluster.statistics_url}  (green: where PostgreSQL's primary and Redis' master are)")
    patronictl = f"{VIRTUAL_ENVIRONMENT / 'bin' / 'patronictl'} -c {cluster.machines[0].folder / 'patroni.yml'}"
    progress.print(f"  Patroni     {patronictl} list\n")
    for machine in cluster.machines:
        roles = "  PostgreSQL's primary" if machine.answers("/primary") else ""
        roles += "  Redis' master" if machine is cluster.redis_master else ""
        pids = "  ".join(f"{name} {machine.process(name).pid}" for name in ("patroni", "etcd", "redis", "sentinel"))
        postgres = (machine.data / "postmaster.pid").read_text().split()[0]
        progress.print(f"  {machine.name}  pids: {pids}  postgres {postgres}{roles}")
    primary = cluster.primary
    postgres = (primary.data / "postmaster.pid").read_text().split()[0]
    progress.print("\nKill the primary with its machine, and order meanwhile:\n")
    pids = " ".join(str(primary.process(name).pid) for name in ("patroni", "etcd", "redis", "sentinel"))
    progress.print(f"kill -KILL {pids} {postgres}\n")
    progress.print("Change roles as before maintenance:\n")
    progress.print(f"{patronictl} switchover --force\n")


def watch(progress: Progress, stack: HighlyAvailableStack) -> None:
    """Print each change of roles, and let a machine return some time after something on it was killed."""
    before, away_since = roles_of(stack.cluster), dict.fromkeys(stack.cluster.machines, 0.0)
    while True:
        time.sleep(CHECK_SECONDS)
        now = roles_of(stack.cluster)
        for name in before.keys() | now.keys():
            if before.get(name) != now.get(name):
                report(progress, f"{name}: {now.get(name)} (was: {before.get(name)})")
        before = now
        for machine in stack.cluster.machines:
            if machine.is_running:
                away_since[machine] = 0.0
            elif not away_since[machine]:
                away_since[machine] = time.monotonic()
                report(progress, f"{machine.name} is damaged; it returns in {AWAY_SECONDS} s")
            elif time.monotonic() > away_since[machine] + AWAY_SECONDS:
                report(progress, f"{machine.name} returns")
                machine.start()


def report(progress: Progress, text: str) -> None:
    """Print a line with the time."""
    progress.print(f"{time.strftime('%H:%M:%S')}  {text}")


def roles_of(cluster: Cluster) -> dict[str, str]:
    """Return the state of each machine by its name, and that of Redis."""
    found = {}
    for machine in cluster.machines:
        if machine.answers("/primary"):
            found[machine.name] = "primary"
        elif machine.answers("/replica"):
            found[machine.name] = "standby"
        else:
            found[machine.name] = "PostgreSQL starts" if postgres_processes_in(machine.data) else "no PostgreSQL"
    try:
        found["Redis' master"] = cluster.redis_master.name
    except ServerError:
        found["Redis' master"] = "none"
    return found


if __name__ == "__main__":
    sys.exit(run_command(main))
