"""/healthz, /readyz and /metrics, for operators. No token is needed."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from tests.support.world import World, eventually

ASKED = 100
"""Consecutive probes, which take about a second."""


def test_healthz_reports_a_running_process(either_world: World) -> None:
    answer = either_world.customer().http.get("/healthz", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def ready(answer: httpx.Response) -> dict[str, Any] | None:
    """Return the body of a successful probe."""
    return dict(answer.json()) if answer.status_code == 200 else None


def test_readyz_names_every_dependency_and_reports_it_available(either_world: World) -> None:
    http = either_world.customer().http
    body = eventually(lambda: ready(http.get("/readyz", headers={"Authorization": ""})), "every dependency in time")
    assert (body["status"], body["failing"]) == ("ok", [])
    assert {"database", "redis", "relay"} <= body["checks"].keys()
    assert any("payment" in name for name in body["checks"])
    assert set(body["checks"].values()) == {True}


def count(world: World, metric: str) -> float:
    """Return one figure of `/metrics`."""
    lines = world.customer().http.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{metric} ")).rsplit(" ", 1)[1])


def test_readiness_checks_database_and_redis_once_a_second_however_many_probes_arrive(either_world: World) -> None:
    ada = either_world.customer()
    with redis.Redis.from_url(either_world.stack.environment["REDIS_URL"]) as client, ThreadPoolExecutor(8) as crowd:
        connections = client.info("stats")["total_connections_received"]
        calls = count(either_world, "database_wait_seconds_count")
        answers = list(crowd.map(lambda _: ada.http.get("/readyz").status_code, range(ASKED)))
        assert set(answers) == {200}
        assert (
            count(either_world, "database_wait_seconds_count") - calls < ASKED / 2
        )  # the background loops call it, too
        assert client.info("stats")["total_connections_received"] - connections < ASKED / 10


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0", "*/*"])
def test_metrics_are_in_the_text_format_of_prometheus(either_world: World, accept: str) -> None:
    ada = either_world.shopper()
    ada.place()
    answer = ada.http.get("/metrics", headers={"Accept": accept, "Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    [line] = [
        line
        for line in answer.text.splitlines()
        if line.startswith("http_request_seconds_count{") and 'v1/orders",status="201"' in line
    ]
    assert float(line.rsplit(" ", 1)[1]) >= 1


def test_metrics_contain_no_id(either_world: World) -> None:
    ada = either_world.shopper()
    order = ada.place()
    ada.order(order["id"])
    ada.get(f"/no/such/thing/{ada.id}")
    text = ada.http.get("/metrics").text
    assert order["id"] not in text
    assert ada.id not in text
