"""An action returns the row that it has written, though the row changes again before a later read.

A deferred trigger makes that later change certain: it runs when the action's transaction commits.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.market import Market
from tests.support.world import World

CHANGE = """
CREATE FUNCTION change_later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE {table} SET {column} = 'later' WHERE id = NEW.id AND {column} IS DISTINCT FROM 'later';
    RETURN NULL;
END $$"""
TRIGGER = """
CREATE CONSTRAINT TRIGGER change_later AFTER UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.id = '{id}') EXECUTE FUNCTION change_later()"""


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    """Yield a market of two vendors."""
    yield Market(world, 1000, 333)


@contextmanager
def changed_later(world: World, table: str, column: str, id_: str) -> Iterator[None]:
    """Set `column` of a row to "later" at the commit of each transaction that updates the row."""
    world.sql(CHANGE.format(table=table, column=column))
    world.sql(TRIGGER.format(table=table, id=id_))
    try:
        yield
    finally:
        world.sql("DROP FUNCTION change_later() CASCADE")


def test_cancel_returns_the_order_that_it_has_cancelled(market: Market) -> None:
    sale = market.place({"note": "first"})
    with changed_later(market.world, "orders", "note", sale.id):
        answer = sale.cancel().json()
        assert (answer["status"], answer["version"], answer["note"]) == ("cancelled", 2, "first")
    assert sale.order()["note"] == "later"


@pytest.mark.parametrize(("action", "status"), [("accept", "processing"), ("cancel", "cancelled")])
def test_a_vendor_action_returns_the_vendor_order_that_it_has_changed(market: Market, action: str, status: str) -> None:
    sale = market.sell()
    with changed_later(market.world, "vendor_orders", "carrier", sale.parts[0]):
        answer = sale.do(0, action)
        assert (answer["status"], answer["carrier"]) == (status, None)
    assert sale.part(0)["carrier"] == "later"
