"""`erase_order_events`: the only way to change entries of the audit trail; it empties personal data and nothing else."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from tests.support.market import Market, Sale
from tests.support.world import World

PSEUDONYM = "erased-0123456789abcdef"
PARCEL = {"carrier": "Canary Post", "tracking_number": "CANARY", "tracking_url": "https://canary.example/"}
ERASE = "SELECT erase_order_events(%s, %s)"
FORGERIES = (
    "actor_id = 'someone'",
    "request_id = 'r'",
    """data = '{"reason": "forged"}'""",
    "data = '{}'",
    "at = now()",
    "to_status = 'shipped'",
    "sequence = sequence + 100",
    "actor_role = 'admin'",
)


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    """Yield a market of two vendors."""
    yield Market(world, 1000, 333)


@pytest.fixture
def connection(world: World) -> Iterator[Connection[DictRow]]:
    """Yield a connection to the database with one transaction, which is rolled back."""
    with psycopg.connect(world.stack.postgres.url, row_factory=dict_row) as connection:
        yield connection
        connection.rollback()


def cancelled(market: Market) -> Sale:
    """Return an order that its customer has cancelled, with a reason, and whose payment has been voided."""
    sale = market.place()
    assert sale.cancel(body={"reason": "canary"}, X_Request_ID="canary").status_code == 200
    market.customer.order_becomes(sale.id, payment_status="voided")
    return sale


def fulfilled(market: Market) -> Sale:
    """Return an order of which one part was shipped and its tracking corrected, and the other cancelled."""
    sale = market.sell()
    sale.do(0, "accept", "ship")
    assert sale.act(0, "ship", body=PARCEL).status_code == 200
    sale.do(1, "cancel")
    return sale


def erased(entry: dict[str, Any], customer_id: str) -> dict[str, Any]:
    """Return the entry as the function must leave it."""
    data = dict(entry["data"])
    if "reason" in data and entry["actor_role"] != "system":
        data["reason"] = ""
    if "replaced" in data:
        data["replaced"] = {"carrier": "", "tracking_number": "", "tracking_url": None}
    actor_id = PSEUDONYM if entry["actor_id"] == customer_id else entry["actor_id"]
    return {**entry, "actor_id": actor_id, "request_id": "", "data": data}


def test_an_erasure_empties_personal_data_and_nothing_else(market: Market) -> None:
    """The invariants are checked over the erased trail after the test."""
    world, sales = market.world, [cancelled(market), fulfilled(market)]
    other = cancelled(Market(world, 1000))
    untouched = other.trail()
    for sale in sales:
        before = sale.trail()
        world.sql(ERASE, sale.id, PSEUDONYM)
        assert sale.trail()[: len(before)] == [erased(entry, market.customer.id) for entry in before]
        assert "canary" not in str(sale.trail()).lower()
    assert other.trail() == untouched


def test_reasons_of_the_service_itself_are_kept(market: Market) -> None:
    sale = market.place()
    market.world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", sale.id)
    market.customer.order_becomes(sale.id, status="expired")
    market.world.sql(ERASE, sale.id, PSEUDONYM)
    assert {entry["data"]["reason"] for entry in sale.trail() if entry["data"]} == {"expired"}


def test_an_erasure_may_be_repeated(market: Market) -> None:
    sale = cancelled(market)
    market.world.sql(ERASE, sale.id, PSEUDONYM)
    once = sale.trail()
    market.world.sql(ERASE, sale.id, PSEUDONYM)
    assert sale.trail() == once


@pytest.mark.parametrize("pseudonym", ["", "someone", "erased-", "erased-0123456789abcdef0"])
def test_a_pseudonym_that_could_be_an_id_is_refused(market: Market, pseudonym: str) -> None:
    sale = cancelled(market)
    before = sale.trail()
    with pytest.raises(psycopg.Error, match="a pseudonym is"):
        market.world.sql(ERASE, sale.id, pseudonym)
    assert sale.trail() == before


@pytest.mark.parametrize("change", FORGERIES)
def test_an_entry_is_as_unchangeable_right_after_an_erasure(
    market: Market, connection: Connection[DictRow], change: str
) -> None:
    sale = cancelled(market)
    connection.execute(ERASE, [sale.id, PSEUDONYM])
    with pytest.raises(psycopg.Error, match="append-only: UPDATE"):
        connection.execute(f"UPDATE order_events SET {change} WHERE order_id = %s".encode(), [sale.id])


@pytest.mark.parametrize("statement", ["DELETE FROM order_events", "TRUNCATE order_events"])
def test_nothing_is_deleted_right_after_an_erasure(
    market: Market, connection: Connection[DictRow], statement: str
) -> None:
    connection.execute(ERASE, [cancelled(market).id, PSEUDONYM])
    with pytest.raises(psycopg.Error, match="append-only"):
        connection.execute(statement.encode())


@pytest.mark.parametrize("change", FORGERIES)
def test_the_functions_setting_alone_forges_no_entry(
    market: Market, connection: Connection[DictRow], change: str
) -> None:
    sale = cancelled(market)
    connection.execute("SELECT set_config('orders.erasing', %s, true)", [sale.id])
    with pytest.raises(psycopg.Error, match="append-only: UPDATE"):
        connection.execute(f"UPDATE order_events SET {change} WHERE order_id = %s".encode(), [sale.id])
