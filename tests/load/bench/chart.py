"""The figures as a page: bars of CPU by part, each with its floor as a mark, and the table. Follows light and dark."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from tests.load.bench.results import Figure, Results, Table, notes, tables

PARTS = {"server": "Server", "worker": "Worker", "postgres": "PostgreSQL"}
PANELS = {"CPU of one order": ("order",), "CPU of one request, message or job": ("request", "message", "job")}
"""The units in each panel: a whole order costs much more than a request, so each panel has its own scale."""

WIDTH, LABELS, VALUES = 960, 190, 190
BAR, PITCH, TOP, BOTTOM = 22, 46, 18, 34
GAP, MARK = 2, 7
MAX_STEPS = 5
"""The most steps of a scale."""

STYLE = """
:root { color-scheme: light dark; --page: #fcfcfb; --ink: #1b1b19; --dim: #63625d; --line: #e3e2dd;
  --server: #2a6fd0; --worker: #d98a00; --postgres: #158f6b; --missed: #c02b2b; }
@media (prefers-color-scheme: dark) { :root { --page: #191918; --ink: #f2f1ec; --dim: #a3a29b; --line: #34332f;
  --server: #5b9bf0; --worker: #e5a02e; --postgres: #2fb28a; --missed: #f07a70; } }
body { margin: 0 auto; padding: 32px 24px; max-width: 960px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 24px; } h2 { margin: 32px 0 4px; font-size: 16px; }
p { margin: 4px 0; } .dim { color: var(--dim); }
.legend { display: flex; flex-wrap: wrap; gap: 20px; margin: 20px 0 0; padding: 0; list-style: none; color: var(--dim); }
.legend i { display: inline-block; width: 12px; height: 12px; margin-right: 6px; border-radius: 3px; }
.legend .floor i { width: 2px; height: 16px; border-radius: 0; background: var(--ink); vertical-align: -2px; }
svg { display: block; width: 100%; min-width: 640px; height: auto; font: 14px system-ui, sans-serif; fill: var(--ink); }
svg .dim { fill: var(--dim); font-size: 12px; } svg .grid { stroke: var(--line); } svg .mark { fill: var(--ink); }
.server { fill: var(--server); background: var(--server); } .worker { fill: var(--worker); background: var(--worker); }
.postgres { fill: var(--postgres); background: var(--postgres); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin: 12px 0; font-size: 13px; white-space: nowrap; }
th { font-weight: 600; color: var(--dim); } th, td { padding: 5px 8px; text-align: right; border-bottom: 1px solid var(--line); }
td { font-variant-numeric: tabular-nums; } th:first-child, td:first-child { padding-left: 0; text-align: left; }
.missed { color: var(--missed); font-weight: 600; }
"""


def page(found: Results) -> str:
    """Return the page."""
    panels = [
        f"<h2>{escape(title)}, ms</h2>\n{_panel(title, [each for each in found.figures.values() if each.unit in units])}"
        for title, units in PANELS.items()
    ]
    legend = "".join(f'<li><i class="{part}"></i>{title}</li>' for part, title in PARTS.items())
    sentences = "\n".join(f"<p{_class_of(each)}>{escape(each)}</p>" for each in notes(found))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>What an order costs</title>
<style>{STYLE}</style>
</head>
<body>
<h1>What an order costs</h1>
<p class="dim">{escape(found.about)}</p>
<ul class="legend">{legend}<li class="floor"><i></i>Floor: the least it can take</li></ul>
{"".join(panels)}
<h2>All figures</h2>
{"".join(map(_table, tables(found)))}
{sentences}
</body>
</html>
"""


def _panel(title: str, figures: Sequence[Figure]) -> str:
    """Return a chart with a bar for each figure, on a scale of its own."""
    height = TOP + PITCH * len(figures) + BOTTOM
    greatest = max(max(figure.cpu.total, figure.floor.total) for figure in figures)
    step = nice_step(greatest)
    steps = math.ceil(greatest / step)
    scale = (WIDTH - LABELS - VALUES) / (steps * step)
    ticks = "".join(
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - BOTTOM}"/>'
        f'<text class="dim" x="{x:.1f}" y="{height - BOTTOM + 18}" text-anchor="middle">{round(number * step, 6):g}</text>'
        for number in range(steps + 1)
        for x in [LABELS + number * step * scale]
    )
    bars = "".join(part for place, figure in enumerate(figures) for part in _bar(figure, TOP + PITCH * place, scale))
    box = f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}"'
    return f'<div class="scroll"><svg {box}>{ticks}{bars}</svg></div>'


def _bar(figure: Figure, top: float, scale: float) -> Iterator[str]:
    """Yield the label, the segments, the floor's mark and the values of one bar."""
    middle = top + BAR / 2 + 5
    yield f'<text x="0" y="{middle}">{escape(figure.title)}</text>'
    x: float = LABELS
    for part, title in PARTS.items():
        milliseconds = getattr(figure.cpu, part)
        width = max(0, milliseconds * scale)
        drawn = max(0, width - GAP)
        yield (
            f'<rect class="{part}" x="{x:.1f}" y="{top}" width="{drawn:.1f}" height="{BAR}" rx="3">'
            f"<title>{escape(figure.title)}: {title} {milliseconds:.2f} ms</title></rect>"
        )
        x += width
    floor = LABELS + figure.floor.total * scale
    yield (
        f'<rect class="mark" x="{floor - 1:.1f}" y="{top - MARK}" width="2" height="{BAR + 2 * MARK}">'
        f"<title>{escape(figure.title)}: floor {figure.floor.total:.2f} ms</title></rect>"
    )
    yield f'<text x="{max(x, floor) + 10:.1f}" y="{middle}">{figure.cpu.total:.2f}'
    yield f'<tspan class="dim" dx="8">{figure.ratio.median:.1f} × floor</tspan></text>'


def _table(table: Table) -> str:
    head, *lines = ("".join(_cell(text, row == 0) for text in cells) for row, cells in enumerate(table))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str, is_head: bool) -> str:
    return f"<th>{escape(text)}</th>" if is_head else f"<td{_class_of(text)}>{escape(text)}</td>"


def _class_of(text: str) -> str:
    return ' class="missed"' if text.lower().startswith("missed") else ""


def nice_step(greatest: float) -> float:
    """Return the least of 1, 2 or 5 times a power of ten of which MAX_STEPS reach `greatest`, which is positive."""
    power = 10.0 ** math.floor(math.log10(greatest / MAX_STEPS))
    return next(factor * power for factor in (1, 2, 5, 10) if MAX_STEPS * factor * power >= greatest)
