"""The names, labels and values that the expressions of the Prometheus rules and of the Grafana dashboard ask for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from tests.support.environment import CHECKOUT

FOLDER = CHECKOUT / "compose" / "observability"
RULES = sorted((FOLDER / "rules").glob("*.yml"))
DASHBOARD = FOLDER / "grafana" / "dashboards" / "order-service.json"
OF_PROMETHEUS = {"up", "ALERTS"}
OF_THE_SCRAPE = {"job", "instance"}

_GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"(?<![\w:.$\[])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?(?!\s*\()(?![\w:])")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_WORDS = {"and", "or", "unless", "bool", "offset", "by", "on", "without", "ignoring"}


@dataclass(frozen=True)
class Selector:
    """A metric of an expression: the names of the labels that are matched, and those whose value is given."""

    metric: str
    labels: frozenset[str]
    equal: frozenset[tuple[str, str]]


def selectors(expression: str) -> list[Selector]:
    """Return the metrics of an expression."""
    found = []
    for name, braces in _SELECTOR.findall(_GROUPING.sub(" ", expression)):
        if name in _WORDS:
            continue
        matchers = [matcher for matcher in _MATCHER.findall(braces) if matcher[0] not in OF_THE_SCRAPE]
        equal = frozenset((label, value) for label, operator, value in matchers if operator == "=")
        found.append(Selector(name, frozenset(label for label, _, _ in matchers), equal))
    return found


def grouping(expression: str) -> set[str]:
    """Return the labels by which an expression groups, besides those of the scrape."""
    names = {name.strip() for group in _GROUPING.findall(expression) for name in group.split(",")}
    return names - OF_THE_SCRAPE - {""}


def rules() -> Iterator[tuple[str, dict]]:
    """Yield the group and the contents of every rule."""
    for file in RULES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                yield group["name"], rule


def panels() -> Iterator[dict]:
    """Yield the panels of the dashboard that show something."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every expression, with the rule or the panel that it is part of."""
    for _, rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m")
