"""The chart of `docs/scaling.md`: three panels of bars, as SVG in light or dark colours as the reader's system has them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from tests.load.scaling.projection import RATE
from tests.load.scaling.report import SAME

WIDTH, HEIGHT = 960, 312
PANEL, GAP, LEFT = 296, 20, 20
LABELS = 118
"""The width of the names beside the bars."""

TOP, ROW, BAR = 66, 44, 20

STYLE = """
  .ground { fill: #ffffff }
  text { fill: #1c2733; font: 12px Helvetica, Arial, sans-serif }
  .title { font-weight: 600; font-size: 13.5px }
  .note { fill: #5b6877; font-size: 11px }
  .limit { stroke: #b3261e; stroke-dasharray: 4 3 }
  .limit-note { fill: #b3261e; font-size: 11px }
  .a { fill: #2f6fde } .b { fill: #e0962f } .c { fill: #2f9e77 } .d { fill: #8a7bd8 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0f151c }
    text { fill: #e4eaf1 }
    .note { fill: #9fb0c2 }
    .limit { stroke: #ff8a80 }
    .limit-note { fill: #ff8a80 }
    .a { fill: #6ba1ff } .b { fill: #f0b35c } .c { fill: #57c79c } .d { fill: #aea2f2 }
  }"""


class Part(NamedTuple):
    """A part of a stacked bar."""

    kind: str
    value: float


class Bar(NamedTuple):
    """A row: its name, its parts from left to right, and the text behind them."""

    name: str
    parts: Sequence[Part]
    text: str


class Panel(NamedTuple):
    """Bars of one scale under a title, with a legend (class and name), and a limit that is drawn as a line."""

    title: str
    note: str
    bars: Sequence[Bar]
    legend: Sequence[tuple[str, str]] = ()
    limit: float | None = None


def draw(figures: Mapping[str, Any]) -> str:
    """Return the chart. Raises KeyError unless all parts have been measured."""
    panels = [
        processes_panel(figures["processes"]),
        cores_panel(figures["orders"]["cpu"]),
        tables_panel(figures["tables"]),
    ]
    drawn = "\n".join(
        line for place, panel in enumerate(panels) for line in _panel(panel, LEFT + place * (PANEL + GAP))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(". ".join(panel.title for panel in panels))}">\n<style>{STYLE}\n</style>\n'
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="8"/>\n{drawn}\n</svg>\n'
    )


def processes_panel(found: Mapping[str, Any]) -> Panel:
    parts = (("a", "servers"), ("c", "postgresql"), ("d", "worker"))
    bars = []
    for size in sorted(found, key=int):
        cpu = found[size]["cpu"]
        stacked = [Part(kind, cpu[name]) for kind, name in parts]
        name = f"{size} process{'es' if size != '1' else ''}"
        bars.append(Bar(name, stacked, f"{sum(part.value for part in stacked):.1f} ms"))
    legend = (("a", "servers"), ("c", "PostgreSQL"), ("d", "worker"))
    return Panel("CPU of a checkout", "server processes on two shared cores", bars, legend)


def cores_panel(cpu: Mapping[str, float]) -> Panel:
    rows = (
        ("servers", "service", "a"),
        ("PostgreSQL", "postgresql", "c"),
        ("workers", "worker", "d"),
        ("Redis", "redis", "b"),
    )
    cores = [(name, cpu[part] * RATE / 1000, kind) for name, part, kind in rows]
    bars = [Bar(name, [Part(kind, value)], f"{value:.1f}") for name, value, kind in cores]
    return Panel(f"Cores for {RATE:,} orders a second", "from the cart to two deliveries each", bars)


def tables_panel(found: Mapping[str, Any]) -> Panel:
    small, large = found["databases"][0]["orders"], found["databases"][-1]["orders"]
    bars = []
    for each in found["calls"]:
        ratio = each["large"]["milliseconds"] / each["small"]["milliseconds"]
        bars.append(Bar(each["call"], [Part("a", ratio)], f"{ratio:.2f}"))
    return Panel(f"Time at {large:,} orders", f"by that at {small:,}", bars, limit=SAME)


def _panel(panel: Panel, left: int) -> Iterator[str]:
    widest = max([sum(part.value for part in bar.parts) for bar in panel.bars] + [panel.limit or 0])
    scale = (PANEL - LABELS - 50) / widest
    start = left + LABELS
    yield f'<text class="title" x="{left}" y="28">{escape(panel.title)}</text>'
    yield f'<text class="note" x="{left}" y="46">{escape(panel.note)}</text>'
    for row, bar in enumerate(panel.bars):
        y, x = TOP + row * ROW, float(start)
        yield f'<text x="{start - 8}" y="{y + 14}" text-anchor="end">{escape(bar.name)}</text>'
        for kind, value in bar.parts:
            yield f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{value * scale:.1f}" height="{BAR}"/>'
            x += value * scale
        behind = max(x, start + (panel.limit or 0) * scale) + 6
        yield f'<text x="{behind:.1f}" y="{y + 14}">{escape(bar.text)}</text>'
    bottom = TOP + len(panel.bars) * ROW
    x = float(left)
    for kind, name in panel.legend:
        yield f'<rect class="{kind}" x="{x:.0f}" y="{bottom + 2}" width="10" height="10"/>'
        yield f'<text class="note" x="{x + 15:.0f}" y="{bottom + 11}">{escape(name)}</text>'
        x += 32 + 6.5 * len(name)
    if panel.limit:
        x = start + panel.limit * scale
        yield f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom - 12}"/>'
        yield f'<text class="limit-note" x="{x:.1f}" y="{bottom + 3}" text-anchor="middle">limit {panel.limit}</text>'
