"""Metrics of several processes: servers with `--workers N`, workers with several processes, beat, and the database under them."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from compose.stack import Stack
from tests.support.environment import CHECKOUT
from tests.support.payment import Payment
from tests.support.processes import process
from tests.support.promql import OF_PROMETHEUS, expressions, grouping, rules, selectors
from tests.support.scrape import Scrape, observed_processes, scrape
from tests.support.server import RUNNING
from tests.support.world import Sandbox, World, eventually

PROMTOOL = shutil.which("promtool")
LINT = 3
"""promtool's exit status for names that its authors would choose otherwise; 1 is for a text that Prometheus refuses."""

SCRAPES = 12
"""Enough for each of two processes to respond to one, but for one run in two thousand."""


@pytest.fixture(scope="module")
def urls(stack: Stack) -> Iterator[dict[str, str]]:
    """Yield the addresses of a server of two processes, of a worker of two, and of beat."""
    with observed_processes(stack) as urls:
        yield urls


@pytest.fixture
def shop(stack: Stack, sandbox: Sandbox, urls: dict[str, str]) -> Iterator[World]:
    """Yield the marketplace through the server of two processes."""
    with closing(World(stack, urls["server"], sandbox)) as world:
        yield world


def get(url: str) -> int:
    """Send a request on a connection of its own, which any of the server's processes may accept."""
    return httpx.get(f"{url}/api/v1/orders", trust_env=False, verify=False).status_code


def test_every_process_of_a_server_reports_the_requests_of_all(urls: dict[str, str]) -> None:
    def refused() -> float:
        return scrape(urls["server"]).total("http_problems_total", code="not_authenticated")

    before = refused()
    with ThreadPoolExecutor(8) as crowd:
        assert set(crowd.map(get, [urls["server"]] * 40)) == {401}
    assert [refused() - before for _ in range(SCRAPES)] == [40] * SCRAPES


def test_gauges_of_the_processes_of_a_server_are_added_up(stack: Stack, urls: dict[str, str]) -> None:
    eventually(
        lambda: scrape(urls["server"]).total("database_threads") == 2 * scrape(stack.url).total("database_threads"),
        "the threads of both processes",
    )


def test_a_server_of_one_process_counts_in_memory(stack: Stack, world: World) -> None:
    files = Path(f"/proc/{process(world, 'service').pid}/environ").read_text()
    assert "PROMETHEUS_MULTIPROC_DIR" not in files
    assert "process_resident_memory_bytes" in scrape(stack.url).labels  # absent where several processes share theirs


def test_a_worker_reports_the_jobs_of_all_its_processes(urls: dict[str, str], shop: World) -> None:
    def jobs() -> bool:
        shop.shopper().place()
        found = scrape(urls["worker"])
        return all(
            found.total("job_seconds_count", task=task, outcome="done") > 0
            for task in ("orders.carry_out", "orders.expire_overdue", "orders.ask_about_silent_payments")
        )

    eventually(jobs, "jobs of the worker")
    found = scrape(urls["worker"])
    assert found.total("neighbour_call_seconds_count", neighbour="cart", outcome="answered") > 0
    assert found.total("outbox_effect_seconds_count", kind="clear_cart") > 0
    assert found.total("database_call_seconds_count") > 0


def test_beat_reports_the_jobs_that_it_sends(urls: dict[str, str]) -> None:
    eventually(
        lambda: scrape(urls["beat"]).total("jobs_sent_total", task="orders.expire_overdue") > 1, "beat's second job"
    )


def test_the_lag_of_a_payment_is_observed_once_for_all_copies(shop: World, payment: Payment) -> None:
    def lags() -> float:  # any server may receive an event first
        urls = {shop.url, shop.stack.url, *RUNNING}
        return sum(scrape(url).total("payment_event_lag_seconds_count") for url in urls)

    def events() -> int:
        return int(shop.sql("SELECT count(*) AS n FROM payment_events")[0]["n"])

    def at_rest() -> tuple[float, int] | None:  # Payment may report on orders of other tests meanwhile
        payment.wait_until_acknowledged()
        found = (lags(), events())
        return found if found == (lags(), events()) else None

    before = eventually(at_rest, "no event between two readings")
    order = shop.shopper().place()
    payment.send(payment.event("captured", order["id"]), times=3)
    shop.admin().order_becomes(order["id"], status="confirmed")
    after = eventually(at_rest, "no event between two readings")
    assert after[0] - before[0] == after[1] - before[1] > 0


def test_refused_coupons_are_counted_by_their_reason(shop: World) -> None:
    def refused() -> float:
        return scrape(shop.url).total("coupons_refused_total", reason="unknown")

    before = refused()
    assert shop.shopper().checkout({"coupon_code": "NO-SUCH-CODE"}).status_code == 409
    assert refused() - before == 1


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool (apt-get install prometheus)")
@pytest.mark.parametrize("process", ["server", "worker", "beat"])
def test_prometheus_reads_what_is_exported(urls: dict[str, str], process: str) -> None:
    text = httpx.get(f"{urls[process]}/metrics", trust_env=False, verify=False).text
    ended = subprocess.run([str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, LINT), ended.stderr


@pytest.fixture
def everything(urls: dict[str, str], shop: World, payment: Payment) -> Callable[[], Scrape]:
    """Send requests and messages of which every metric counts some; return a function that scrapes all processes."""
    ada = shop.shopper()
    assert ada.checkout({"coupon_code": "NO-SUCH-CODE"}).status_code == 409
    order = ada.place()
    assert ada.get("/orders").status_code == 200
    payment.publish("captured", order["id"], 2000)

    def scrape_all() -> Scrape:
        found = Scrape()
        for url in (*urls.values(), shop.stack.url):
            found.add(httpx.get(f"{url}/metrics", trust_env=False, verify=False).text)
        return found

    return scrape_all


def test_every_metric_of_the_rules_and_the_dashboard_is_exported_with_its_labels(
    everything: Callable[[], Scrape],
) -> None:
    with suppress(AssertionError):
        eventually(lambda: not list(_missing(everything())), "all metrics")
    assert list(_missing(everything())) == []


def test_the_page_on_metrics_lists_each_with_its_type_and_its_labels_and_no_other(
    everything: Callable[[], Scrape],
) -> None:
    page = (CHECKOUT / "docs" / "observability.md").read_text()
    rows = re.findall(r"^\| `(\w+)`(?: \*)? \| (\w+) \|([^|]*)\|", page, re.MULTILINE)
    listed = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    with suppress(AssertionError):
        eventually(lambda: _described(everything()) == listed, "all metrics")
    assert _described(everything()) == listed


def _described(found: Scrape) -> dict[str, tuple[str, set[str]]]:
    """Return type and labels of the service's own metrics."""
    exported = {}
    for sample, labels in found.labels.items():
        kind = found.kinds[sample]
        name = sample.removesuffix("_count") if kind == "histogram" else sample
        if not re.search("_(bucket|sum|created)$|^process_|^python_", name):
            exported[name] = (kind, labels - {"le"})
    return exported


def _missing(found: Scrape) -> Iterator[str]:
    recorded = {rule["record"] for _, rule in rules() if "record" in rule}
    for where, expression in expressions():
        labels = {"slo"}
        for selector in selectors(expression):
            if selector.metric in recorded | OF_PROMETHEUS:
                continue
            has = found.labels.get(selector.metric, set())
            labels |= has
            if not any(name == selector.metric and selector.equal <= its for name, its in found.values):
                yield f"{where}: {selector.metric}{dict(selector.equal)}"
            elif not selector.labels <= has:
                yield f"{where}: {selector.metric} has no label {selector.labels - has}"
        if unknown := grouping(expression) - labels:
            yield f"{where}: nothing has the label {unknown}"


def test_the_backlog_shows_what_waits_in_the_database(shop: World) -> None:
    letter = shop.dead_letter(source="outbox")
    order_id = shop.shopper().place()["id"]
    shop.sql(
        "INSERT INTO outbox (order_id, kind, lane, payload, request_id, created_at, available_at) VALUES"
        " (%s, 'publish', 'events', '{\"messages\": []}', 'r', now() - interval '1 hour', now() + interval '1 hour')",
        order_id,
    )
    try:

        def shown() -> bool:
            found = scrape(shop.url)
            return (
                found.total("outbox_oldest_age_seconds", queue="order_events") >= 3600
                and found.total("outbox_depth", queue="order_events") >= 1
                and found.total("dead_letters", source="outbox") >= 1
                and found.total("orders", status="pending") >= 1
            )

        eventually(shown, "the backlog")
    finally:
        shop.sql("DELETE FROM outbox WHERE request_id = 'r' AND order_id = %s", order_id)
        shop.sql("DELETE FROM dead_letters WHERE id = %s", letter)


def test_the_backlog_is_read_once_in_ten_seconds_whatever_the_number_of_scrapes(world: World) -> None:
    def reads() -> int:
        """Return how often the index was used that only the backlog and the list of dead letters read."""
        counts = world.sql("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'dead_letters_newest'")
        return int(counts[0]["idx_scan"])

    before = reads()
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(lambda _: scrape(world.url), range(SCRAPES * 10)))
    eventually(lambda: reads() > before, "PostgreSQL to publish its counts")
    assert reads() - before < SCRAPES
