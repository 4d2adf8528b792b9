"""The configuration of Prometheus and Grafana, the alerts and their runbook, and the page that lists the metrics."""

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from tests.support.environment import CHECKOUT
from tests.support.promql import FOLDER, OF_PROMETHEUS, expressions, panels, rules, selectors

PROMTOOL = shutil.which("promtool")
RUNBOOK = (CHECKOUT / "docs" / "runbook.md").read_text()
GUIDE = (CHECKOUT / "docs" / "observability.md").read_text()
ALERTS = [rule for _, rule in rules() if "alert" in rule]
ENTRIES = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool (apt-get install prometheus)")


def promtool(*arguments: str | Path) -> str:
    """Run promtool, which must succeed; return its output."""
    ended = subprocess.run([str(PROMTOOL), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@needs_promtool
def test_the_configuration_and_the_rules_are_valid() -> None:
    assert "2 rule files found" in promtool("check", "config", FOLDER / "prometheus.yml")


@needs_promtool
def test_the_rules_behave_as_their_unit_tests_say() -> None:
    assert "SUCCESS" in promtool("test", "rules", FOLDER / "tests" / "rules.yml")


@needs_promtool
def test_every_expression_of_the_dashboard_is_valid(tmp_path: Path) -> None:
    shown = [expression for title, expression in expressions() if title in {panel["title"] for panel in panels()}]
    as_rules = [{"record": f"shown:{number}", "expr": expression} for number, expression in enumerate(shown)]
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": as_rules}]}))
    assert f"{len(shown)} rules found" in promtool("check", "rules", file)
    assert len(shown) > 50


def test_every_alert_has_a_runbook_entry_with_cause_look_and_cure_and_no_entry_is_left_over() -> None:
    assert {rule["alert"] for rule in ALERTS} == ENTRIES.keys()
    for name, entry in ENTRIES.items():
        assert re.findall(r"^\*\*(\w+)\.\*\*", entry, re.MULTILINE) == ["Cause", "Look", "Cure"], name


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_every_alert_links_its_runbook_entry_and_has_a_summary_and_a_severity(rule: dict) -> None:
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in ("page", "ticket")


def test_the_rules_of_an_objective_differ_in_their_window_alone() -> None:
    by_objective: dict[str, dict[str, str]] = defaultdict(dict)
    for group, rule in rules():
        if "record" in rule:
            window = rule["record"].removeprefix("slo:bad_events:ratio_rate")
            assert rule["labels"] == {"slo": group}
            by_objective[group][window] = rule["expr"].replace(f"[{window}]", "[…]")
    assert len(by_objective) == 5
    for objective, windows in by_objective.items():
        assert list(windows) == ["5m", "30m", "1h", "6h", "3d"], objective
        assert len(set(windows.values())) == 1, objective


def test_every_panel_explains_itself_or_has_a_title_that_does_and_no_two_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["title"]
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_every_metric_of_the_rules_and_the_dashboard_is_explained() -> None:
    named = {selector.metric for _, expression in expressions() for selector in selectors(expression)}
    explained = set(re.findall(r"^\| `(\w+)`", GUIDE, re.MULTILINE))
    own = {re.sub("_(bucket|sum|count)$", "", name) for name in named if not name.startswith("slo:")} - OF_PROMETHEUS
    assert len(own) > 30
    assert own - explained == {"process_cpu_seconds_total", "process_resident_memory_bytes"}
