"""The benchmark of an order's cost: what it reads from logs and /proc, its ratios, its table and its chart."""

import subprocess
import sys
from xml.etree import ElementTree

import pytest

from tests.load.bench import limits
from tests.load.bench.chart import nice_step, page
from tests.load.bench.cpu import Cpu, process_milliseconds, tree_milliseconds
from tests.load.bench.errors import BenchError, expect
from tests.load.bench.rate_limits import Pair, Side
from tests.load.bench.recording import NewIds, Statement, transactions
from tests.load.bench.results import TITLES, RateLimitCost, Results, Sample, figure_of, results, text
from tests.load.bench.steps import percentile

LOG = """\
2026-01-01 00:00:00.000 UTC [7] LOG:  execute _pg3_1: BEGIN
2026-01-01 00:00:00.001 UTC [8] LOG:  statement: SELECT 1
2026-01-01 00:00:00.002 UTC [7] LOG:  execute _pg3_2: UPDATE orders
\tSET note = $1 WHERE id = $2
2026-01-01 00:00:00.002 UTC [7] DETAIL:  Parameters: $1 = 'it''s, $3 = ''x''', $2 = NULL
2026-01-01 00:00:00.003 UTC [9] LOG:  checkpoint starting: time
2026-01-01 00:00:00.004 UTC [7] LOG:  execute _pg3_3: COMMIT
2026-01-01 00:00:00.005 UTC [8] LOG:  execute _pg3_1: BEGIN
2026-01-01 00:00:00.006 UTC [8] LOG:  execute _pg3_4: ROLLBACK
"""


def run_of(*samples: Sample, on: float = 1.02, later: float = 0.5) -> Results:
    """Return results in which each step has these samples."""
    cost = RateLimitCost.of([Pair(Side(1, 10), Side(on, 10 + later))], away=0)
    return results("A run.", dict.fromkeys(TITLES, samples), cost, [Cpu(8, 2, 1)])


def sample(ratio: float, p50_ratio: float = 1) -> Sample:
    """Return a sample whose figures are so many times the floor's."""
    return Sample(Cpu(2 * ratio, ratio, ratio), Cpu(3, 0, 1), 10 * p50_ratio, 50, 10)


def test_transactions_are_read_from_the_log_with_their_parameters_in_the_order_of_their_ends() -> None:
    update = Statement("UPDATE orders\nSET note = $1 WHERE id = $2", ("it's, $3 = 'x'", None))
    assert list(transactions(LOG)) == [(Statement("SELECT 1"),), (Statement("BEGIN"), update, Statement("COMMIT"))]


def test_an_id_has_the_same_new_id_in_all_statements_and_everything_else_is_kept() -> None:
    order, number = "9fd7d4d6-be8b-8be0-8981-e3c37dcf78c7", "67JV-18FE-R03J"
    ids = NewIds()
    first = ids.replace(Statement("INSERT", (f'{{"id": "{order}", "number": "{number}", "at": "2026-01-01"}}', None)))
    second = ids.replace(Statement("UPDATE", (order, "2", number)))
    new, two, new_number = second.parameters
    assert first == Statement("INSERT", (f'{{"id": "{new}", "number": "{new_number}", "at": "2026-01-01"}}', None))
    assert (len(new or ""), two, len(new_number or "")) == (len(order), "2", len(number))
    assert {new, new_number}.isdisjoint({order, number})
    assert NewIds().replace(Statement("UPDATE", (order,))).parameters != (new,)


def test_ratios_are_those_of_single_rounds() -> None:
    slow = Sample(Cpu(8, 4, 4), Cpu(8, 0, 0), 30, 90, 10)
    figure = figure_of("checkout_at_once", [sample(3), sample(2, 2), slow])
    assert (figure.cpu, figure.floor) == (Cpu(6, 3, 3), Cpu(3, 0, 1))
    assert tuple(figure.ratio) == (2, 2, 3)
    assert figure.p50_ratio and tuple(figure.p50_ratio) == (2, 1, 3)
    assert (figure.p50, figure.p99, figure.floor_p50) == (20, 50, 10)


def test_a_run_within_the_limits_says_so() -> None:
    found = run_of(sample(3.5, 2.5))
    assert found.missed == []
    assert "missed" not in text(found)
    assert text(found).endswith("Every limit is kept.")


@pytest.mark.parametrize("name", limits.CPU_BY_FLOOR)
def test_a_step_beyond_its_limit_is_marked_and_named(name: str) -> None:
    limit = limits.CPU_BY_FLOOR[name]
    [sentence] = figure_of(name, [sample(limit + 0.1)]).missed
    assert sentence == f"{TITLES[name][0]}: CPU is {limit + 0.1:.2f} times the floor, the limit is {limit:g}"
    assert f"Missed: {sentence}." in text(run_of(sample(limit + 0.1)))


def test_slow_checkouts_and_dear_rate_limits_are_named() -> None:
    assert [sentence.partition(":")[0] for sentence in run_of(sample(1, 9), on=1.06, later=1.1).missed] == [
        "Checkout, 32 at once",
        "Checkout, 60 a second",
        "Rate limits",
        "Rate limits",
    ]


def test_every_step_has_a_limit() -> None:
    assert limits.CPU_BY_FLOOR.keys() == TITLES.keys()
    assert limits.P50_BY_FLOOR.keys() < TITLES.keys()


def test_the_columns_of_the_table_are_aligned() -> None:
    head, *lines = text(run_of(sample(1))).split("\n\n")[0].splitlines()
    assert len(lines) == len(TITLES)
    assert {line.index("4.00") + 4 for line in lines} == {head.index("all") + 3}
    assert all("1.00 (1.00–1.00)" in line for line in lines)


def test_the_json_has_every_step_with_its_rounds_and_floors() -> None:
    found = run_of(sample(1), sample(2)).as_json()
    assert found["steps"].keys() == TITLES.keys()
    for step in found["steps"].values():
        assert [one["floor"] for one in step["rounds"]] == [{"server": 3, "worker": 0, "postgres": 1}] * 2
    assert found["rate_limits"]["more_cpu_percent"]["median"] == pytest.approx(2)


def test_the_chart_is_well_formed_and_its_bars_and_marks_have_their_lengths() -> None:
    panels = elements(page(run_of(sample(2))), "svg")
    bars = [bar for panel in panels for bar in panel.iter("rect")]
    assert len(bars) == 4 * len(TITLES)
    for place in range(0, len(bars), 4):
        server, worker, postgres, mark = (float(bar.attrib["x"]) for bar in bars[place : place + 4])
        assert worker - server == pytest.approx(2 * (postgres - worker), abs=0.2)
        assert mark + 1 == pytest.approx(worker, abs=0.2)


def test_what_is_missed_stands_out_on_the_page() -> None:
    kept, missed = (
        [cell for table in elements(page(run_of(each)), "table") for cell in table.iter("td") if "class" in cell.attrib]
        for each in (sample(1), sample(99))
    )
    assert (kept, [cell.text for cell in missed]) == ([], ["missed"] * len(TITLES))


def elements(html: str, name: str) -> list[ElementTree.Element]:
    """Return the elements of this name, which must be well-formed XML."""
    parts = html.split(f"<{name}")[1:]
    texts = [f"<{name}{part.partition(f'</{name}>')[0]}</{name}>" for part in parts]
    return [ElementTree.fromstring(text) for text in texts]  # noqa: S314 # the page is our own


@pytest.mark.parametrize(("greatest", "step"), [(5, 1), (5.1, 2), (48.8, 10), (0.07, 0.02), (1.78, 0.5)])
def test_a_scale_has_round_steps(greatest: float, step: float) -> None:
    assert nice_step(greatest) == pytest.approx(step)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile([3, 1, 2], percent) for percent in (1, 50, 99)] == [1, 2, 3]


def test_the_cpu_of_a_process_is_what_it_has_computed_with_its_children() -> None:
    work = "import time\nwhile time.process_time() < 0.2: pass\n"
    parent = f"import subprocess, sys\n{work}subprocess.run([sys.executable, '-S', '-c', {work!r}])\nprint()\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        own, all_of_it = process_milliseconds(process.pid), tree_milliseconds(process.pid)
        assert own == pytest.approx(200, abs=60)
        assert all_of_it == pytest.approx(own + 200, abs=60)
        assert tree_milliseconds(process.pid, without=[process.pid]) == 0
        process.stdin.close()


def test_a_wrong_count_is_an_error() -> None:
    expect("Orders", 20, 20)
    with pytest.raises(BenchError, match="Orders: 19, not 20"):
        expect("Orders", 19, 20)
