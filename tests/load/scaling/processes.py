"""Checkouts at one, two and three server processes, in turns: what each checkout costs, and how many there are in a second.

Every process has as many callers, in a closed loop. On a machine whose processors are all busy, more processes place no more
orders; the evidence for scaling is that the CPU of a checkout stays the same.
"""

import asyncio
import statistics
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from compose import composition
from compose.errors import StackError
from compose.processes import Process
from compose.progress import Progress
from compose.stack import CHECKOUT, Stack
from tests.load.scaling.marketplace import checkouts, customers, wait_for
from tests.load.scaling.usage import metered, transactions_of
from tests.load.scaling.whole_orders import number_of
from tests.support.fleet import Server

CALLERS = 32
"""Callers at each process, so that as many orders share a statement however many processes there are."""

UNPAID: dict[str, Any] = {"behaviour": "ignore"}
SERVERS = "servers"


@dataclass(frozen=True)
class Round:
    """One round: checkouts a second, their median in milliseconds, CPU of each in milliseconds by part, and the busy share.

    `transactions` are those of one checkout with its effects: the fewer, the more orders have shared a statement.
    """

    rate: float
    p50: float
    cpu: dict[str, float]
    busy: float
    transactions: float


def measure(stack: Stack, sizes: list[int], count: int, rounds: int, progress: Progress) -> dict[int, Round]:
    """Return the medians of the rounds by number of processes. The stack runs without the service."""
    found: dict[int, list[Round]] = {size: [] for size in sizes}
    with running_worker(stack) as worker:
        for number in range(rounds):
            for size in sizes if number % 2 else reversed(sizes):
                with progress.step(f"Round {number + 1}") as step:
                    one = measure_round(stack, worker, size, count)
                    found[size].append(one)
                    step.note = (
                        f"{size} processes: {one.rate:.0f} checkouts/s, p50 {one.p50:.1f} ms, busy {one.busy:.0%}"
                    )
    return {size: median(of_size) for size, of_size in found.items()}


def running_worker(stack: Stack) -> "Running":
    process = Process(
        "worker", composition.WORKER, log=stack.logs / "worker.log", cwd=CHECKOUT, environment=stack.environment
    )
    return Running(process)


class Running:
    """A process from `with` to its end."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def __enter__(self) -> Process:
        self.process.start()
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.stop()


def measure_round(stack: Stack, worker: Process, size: int, count: int) -> Round:
    """Place `count` orders at `size` new processes, after some that warm up, and wait until the outbox is empty."""
    with ExitStack() as running:
        servers = [Server(f"server-{place}", stack, dict(stack.environment)) for place in range(size)]
        for server in servers:
            running.enter_context(Running(server))
        for server in servers:
            server.wait_until_ready()
        urls = [server.url for server in servers]
        before = number_of(stack, "SELECT count(*) FROM orders")
        place_orders(stack, urls, max(count // 5, 2 * size))
        by = asyncio.run(customers(stack.connection_info, count, UNPAID))
        pids = {f"server-{place}": server.pid for place, server in enumerate(servers)}
        pids |= {
            process.name.lower(): process.pid
            for process in (stack.postgres.process, stack.redis.process, *stack._processes)
        }
        transactions = transactions_of(stack)
        with metered(pids | {"worker": worker.pid}) as used:
            with metered({}) as placing:
                _, durations = asyncio.run(checkouts(urls, by, CALLERS * len(urls)))
            wait_for(stack, "SELECT count(*) FROM outbox", 0, "rows in the outbox")
        placed = number_of(stack, "SELECT count(*) FROM orders") - before
        if placed != count + max(count // 5, 2 * size):
            raise StackError(f"{placed} orders were placed, not {count}.")
    cpu = {part: 1000 * seconds / count for part, seconds in used.cpu.items()}
    of_servers = sum(cpu.pop(f"server-{place}") for place in range(size))
    return Round(
        rate=count / placing.seconds,
        p50=statistics.median(durations),
        cpu={SERVERS: of_servers, **cpu},
        busy=placing.busy,
        transactions=(transactions_of(stack) - transactions) / count,  # complete, for the servers have ended
    )


def place_orders(stack: Stack, urls: list[str], count: int) -> None:
    by = asyncio.run(customers(stack.connection_info, count, UNPAID))
    asyncio.run(checkouts(urls, by, CALLERS * len(urls)))


def median(rounds: list[Round]) -> Round:
    """Return the medians of each figure."""
    return Round(
        rate=statistics.median(each.rate for each in rounds),
        p50=statistics.median(each.p50 for each in rounds),
        cpu={part: statistics.median(each.cpu[part] for each in rounds) for part in rounds[0].cpu},
        busy=statistics.median(each.busy for each in rounds),
        transactions=statistics.median(each.transactions for each in rounds),
    )
