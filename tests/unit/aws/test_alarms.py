"""The alarms: each watches a metric that exists. Those of AWS are in a table here, with their sources; the service's own are made
from log lines, whose events and fields are looked up in the code."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.support.cloudformation import TEMPLATES, imports, resources
from tests.support.environment import CHECKOUT

GUIDE = (CHECKOUT / "docs" / "aws.md").read_text()
ALARMS = resources("AWS::CloudWatch::Alarm")
FILTERS = resources("AWS::Logs::MetricFilter")
OWN = {"Ref": "Project"}
"""The namespace of the metrics from the log."""

METRICS_OF_AWS = {
    # docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    "AWS/ApplicationELB": {
        "HTTPCode_Target_5XX_Count": {"LoadBalancer"},
        "HTTPCode_ELB_5XX_Count": {"LoadBalancer"},
        "RequestCount": {"LoadBalancer"},
        "UnHealthyHostCount": {"LoadBalancer", "TargetGroup"},
    },
    # docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
    "AWS/ECS": {
        "CPUUtilization": {"ClusterName", "ServiceName"},
        "MemoryUtilization": {"ClusterName", "ServiceName"},
    },
    # docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
    "ECS/ContainerInsights": {"RunningTaskCount": {"ClusterName", "ServiceName"}},
    # docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
    "AWS/RDS": {
        "CPUUtilization": {"DBInstanceIdentifier"},
        "FreeStorageSpace": {"DBInstanceIdentifier"},
        "FreeableMemory": {"DBInstanceIdentifier"},
        "DatabaseConnections": {"DBInstanceIdentifier"},
        "WriteLatency": {"DBInstanceIdentifier"},
        "MaximumUsedTransactionIDs": {"DBInstanceIdentifier"},
    },
    # docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html
    "AWS/ElastiCache": {
        "DatabaseMemoryUsagePercentage": {"CacheClusterId"},
        "EngineCPUUtilization": {"CacheClusterId"},
        "ReplicationLag": {"CacheClusterId"},
    },
    # docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    "AWS/Lambda": {"Errors": {"FunctionName"}},
}
ALWAYS = {"event", "level"}
"""The fields of every line of the log (`asgi_app/logs.py`)."""


def metrics(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each metric of an alarm: its namespace, name and dimensions."""
    if "MetricName" in alarm:
        yield alarm
    for part in alarm.get("Metrics", []):
        if "MetricStat" in part:
            yield part["MetricStat"]["Metric"]


@cache
def logged() -> dict[str, set[str]]:
    """Return the events that the code logs, with the fields that each of their lines may have."""
    events: dict[str, set[str]] = {}
    for folder in ("asgi_app", "orders", "clients", "messaging"):
        for module in (CHECKOUT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(module.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log.") and node.args:
                    event = node.args[0]
                    if isinstance(event, ast.Constant) and isinstance(event.value, str):
                        events.setdefault(event.value, set()).update(each.arg or "" for each in node.keywords)
    return events


def transformation(log_filter: dict[str, Any]) -> dict[str, Any]:
    (only,) = log_filter["MetricTransformations"]
    return dict(only)


OWN_METRICS = {transformation(each)["MetricName"] for each in FILTERS.values()}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_metrics_that_exist(name: str) -> None:
    watched = list(metrics(ALARMS[name]))
    assert watched
    for metric in watched:
        dimensions = {each["Name"] for each in metric.get("Dimensions", [])}
        if metric["Namespace"] == OWN:
            assert metric["MetricName"] in OWN_METRICS
            assert dimensions == set()
        else:
            assert METRICS_OF_AWS[metric["Namespace"]][metric["MetricName"]] == dimensions


@pytest.mark.parametrize("name", FILTERS)
def test_a_metric_from_the_log_is_made_of_events_and_fields_that_the_code_logs(name: str) -> None:
    pattern = FILTERS[name]["FilterPattern"]
    events = re.findall(r'\$\.event = "(\w+)"', pattern)
    fields = {*re.findall(r"\$\.(\w+)", pattern + transformation(FILTERS[name])["MetricValue"])}
    assert events or fields == {"level"}
    for event in events:
        assert fields - ALWAYS <= logged()[event], event


def test_every_metric_from_the_log_is_watched() -> None:
    watched = {metric["MetricName"] for alarm in ALARMS.values() for metric in metrics(alarm)}
    assert OWN_METRICS - watched == set()


def test_the_problems_that_only_a_person_can_settle_are_those_without_a_repair() -> None:
    code = (CHECKOUT / "orders" / "services" / "operations" / "repairs.py").read_text()
    problems = re.findall(r'\$\.problem = "(\w+)"', FILTERS["ReconcileUnrepairedFilter"]["FilterPattern"])
    without_repair = re.findall(r"^\| (.+?) \| none", (CHECKOUT / "docs" / "operations.md").read_text(), re.MULTILINE)
    assert set(problems) == {name for row in without_repair for name in re.findall(r"`(\w+)`", row)}
    assert all(f'"{problem}"' in code for problem in problems)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_is_sent_and_the_guide_says_what_to_do(name: str) -> None:
    assert imports(ALARMS[name]["AlarmActions"]) == {"Alarms"}
    written = ALARMS[name]["AlarmName"]["Fn::Sub"].removeprefix("${Project}-")
    assert f"`{re.sub('-[12]$', '', written)}`" in GUIDE


def test_the_dashboard_shows_metrics_that_exist() -> None:
    body = resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"][0]
    known = OWN_METRICS.union(*METRICS_OF_AWS.values())
    shown = re.findall(r'\["(?:AWS/\w+|ECS/\w+|\.|\$\{Project\})", "(\w+)"', body)
    assert len(shown) > 10
    assert set(shown) - known == set()


def test_lines_of_requests_are_logged_by_default() -> None:
    assert TEMPLATES["tasks"]["Parameters"]["LogLevel"]["Default"] == "INFO"
