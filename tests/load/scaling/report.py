"""The figures as tables in Markdown, as `docs/scaling.md` shows them."""

from collections.abc import Iterable, Mapping, Sequence

from tests.load.scaling.processes import SERVERS, Round
from tests.load.scaling.projection import RATE, needs
from tests.load.scaling.table_size import Comparison, Database
from tests.load.scaling.whole_orders import WholeOrder

SAME = 1.1
"""The limit of a checkout's CPU at several processes by that at one."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def processes_report(found: Mapping[int, Round]) -> str:
    """Return the table of the processes, each beside the smallest number, and a verdict."""
    first = found[min(found)]
    heads = ["processes", "checkouts/s", "p50 ms", "CPU ms: servers", "worker", "PostgreSQL", "others"]
    heads += [f"CPU by that at {min(found)} (limit {SAME})", "transactions", "machine busy"]
    return table(heads, (_cells(size, one, own_cpu(one) / own_cpu(first)) for size, one in sorted(found.items())))


def _cells(size: int, one: Round, ratio: float) -> list[str]:
    postgresql, worker = one.cpu["postgresql"], one.cpu["worker"]
    others = sum(one.cpu.values()) - own_cpu(one)
    cpu = [f"{value:.2f}" for value in (one.cpu[SERVERS], worker, postgresql, others)]
    compared = f"{ratio:.2f} ({verdict(ratio, SAME)})"
    return [
        str(size),
        f"{one.rate:.0f}",
        f"{one.p50:.1f}",
        *cpu,
        compared,
        f"{one.transactions:.1f}",
        f"{one.busy:.0%}",
    ]


def own_cpu(one: Round) -> float:
    """Return the CPU of the service's own processes and of PostgreSQL."""
    return one.cpu[SERVERS] + one.cpu["worker"] + one.cpu["postgresql"]


def whole_order_report(one: WholeOrder) -> str:
    """Return the tables of one whole order: its bytes by table, and what RATE of them need."""
    sizes = [
        [f"`{name}`", f"{size:,.0f}", f"{indexes:,.0f}"]
        for name, (size, indexes) in sorted(_grouped(one.tables).items(), key=lambda item: -sum(item[1]))
    ]
    sizes.append(["**all**", *(f"**{sum(pair[place] for pair in one.tables.values()):,.0f}**" for place in (0, 1))])
    cpu = ", ".join(f"{part} {milliseconds:.2f}" for part, milliseconds in one.cpu.items())
    return "\n\n".join(
        [
            table(["part", "one whole order", f"{RATE:,} a second"], needs(one)),
            table(["bytes on disk for one order", "table", "indexes"], sizes),
            f"CPU in ms: {cpu}. WAL: {one.wal_records / 1000:.1f} KB of records and {one.wal_images / 1000:.1f} KB of page images,"
            f" over {one.orders:,} orders after a checkpoint. The machine was {one.busy:.0%} busy.",
        ]
    )


def _grouped(tables: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Return the tables with those of analytics as one."""
    grouped: dict[str, tuple[float, float]] = {}
    for name, (size, indexes) in tables.items():
        group = "analytics_*" if name.startswith("analytics_") else name
        others = grouped.get(group, (0, 0))
        grouped[group] = (others[0] + size, others[1] + indexes)
    return grouped


def table_size_report(databases: Sequence[Database], found: Sequence[Comparison]) -> str:
    """Return the table of the calls in both databases, with the limits that are kept and missed."""
    small, large = databases[0], databases[-1]
    sizes = table(
        ["orders", "GB", "of them indexes", "bytes for one order"],
        (
            [f"{d.orders:,}", f"{d.bytes / 1e9:.1f}", f"{d.index_bytes / 1e9:.1f}", f"{d.bytes / d.orders:,.0f}"]
            for d in databases
        ),
    )
    pair = [f"{small.orders:,}", f"{large.orders:,}"]
    heads = [*(f"ms at {size}" for size in pair), "ratio", *(f"CPU ms at {size}" for size in pair), "ratio"]
    times = table(["call", *heads], map(_times, found))
    heads = [*(f"buffers at {size}" for size in pair), "ratio", "read from outside PostgreSQL's memory"]
    heads += [f"KB of WAL (page images) at {size}" for size in pair]
    return "\n\n".join([sizes, times, table(["call", *heads], map(_volumes, found))])


def _times(each: Comparison) -> list[str]:
    cells = [each.call]
    for figure, digits in (("milliseconds", 2), ("cpu", 3)):
        ratio = each.ratio(figure)
        limit = f" ({verdict(ratio, each.limit)}: limit {each.limit})" if each.limit else ""
        cells += [f"{each.small[figure]:.{digits}f}", f"{each.large[figure]:.{digits}f}", f"{ratio:.2f}{limit}"]
    return cells


def _volumes(each: Comparison) -> list[str]:
    """Return what a call accesses and writes; the images are of pages that changed first after a checkpoint."""
    sides = each.small, each.large
    buffers = [f"{side['buffers']:.0f}" for side in sides]
    wal = [f"{side['wal'] / 1000:.1f} ({side['page_images']:.1f})" for side in sides]
    return [each.call, *buffers, f"{each.ratio('buffers'):.2f}", f"{each.large['reads']:.1f}", *wal]


def verdict(ratio: float, limit: float) -> str:
    return "met" if ratio <= limit else "missed"
