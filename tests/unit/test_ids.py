"""Ids end with the ten bits of their customer's shard, and are valid UUIDs of version 8 (RFC 9562)."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.domain.ids import (
    NUMBER_ALPHABET,
    coupon_batch_id_of,
    earlier_order_id_of,
    ids_of_parts,
    number_of,
    order_id_of,
    shard_of,
)
from tests.support import ids

CUSTOMERS, KEYS = st.text(min_size=1, max_size=64), st.text("abc-_~!", min_size=1, max_size=255)


@given(CUSTOMERS, KEYS)
def test_an_order_id_follows_its_definition(customer_id: str, key: str) -> None:
    order_id = order_id_of(customer_id, key)
    assert str(order_id) == ids.order_id(customer_id, key)
    assert (order_id.version, order_id.variant) == (8, uuid.RFC_4122)
    assert f"{order_id.int:0128b}"[-10:] == ids.shard(customer_id) == f"{shard_of(customer_id):010b}"


@pytest.mark.parametrize(
    ("customer_id", "key", "order_id", "earlier"),
    [
        ("c-1", "k", "91db933f-7ca4-8861-b3a1-3c1f8b476a9b", "5612c695-3239-5794-82af-6a6deb3e1c74"),
        (
            "ada",
            "7!-~",
            "e0dbcbb0-44b4-84ae-a677-a64473a667f7",
            "2630872e-5f3f-5156-acc0-7ff3b184308b",
        ),
    ],
)
def test_an_id_never_changes(customer_id: str, key: str, order_id: str, earlier: str) -> None:
    """A client may repeat its key after any upgrade, so these ids are fixed for good."""
    assert str(order_id_of(customer_id, key)) == order_id
    assert str(earlier_order_id_of(customer_id, key)) == earlier == ids.earlier_order_id(customer_id, key)


def test_another_customer_or_another_key_has_another_id() -> None:
    pairs = [(customer, key) for customer in ("c-1", "c-2", "c-1\nk") for key in ("k", "l", "k-l")]
    assert len({order_id_of(*pair) for pair in pairs}) == len(pairs)


@given(CUSTOMERS, st.integers(0, 300))
def test_ids_of_parts_carry_the_shard_of_their_order_and_are_all_different(customer_id: str, count: int) -> None:
    parts = list(ids_of_parts(order_id_of(customer_id, "k"), count))
    assert len(set(parts)) == count
    for part in parts:
        assert (part.version, part.variant) == (8, uuid.RFC_4122)
        assert f"{part.int:0128b}"[-10:] == ids.shard(customer_id)


@given(st.uuids(version=5))
def test_ids_of_parts_of_an_earlier_order_have_the_last_bits_of_its_id(order_id: uuid.UUID) -> None:
    (part,) = ids_of_parts(order_id, 1)
    assert part.int % 1024 == order_id.int % 1024


@given(CUSTOMERS)
def test_a_number_begins_with_the_shard_and_continues_at_random(customer_id: str) -> None:
    order_id = order_id_of(customer_id, "k")
    first, second = number_of(order_id), number_of(order_id)
    assert first != second
    for number in (first, second):
        assert [len(group) for group in number.split("-")] == [4, 4, 4]
        assert set(number) <= {*NUMBER_ALPHABET, "-"}
        assert "".join(f"{NUMBER_ALPHABET.index(letter):05b}" for letter in number[:2]) == ids.shard(customer_id)


def test_every_letter_of_a_number_but_the_first_two_takes_every_value() -> None:
    order_id = order_id_of("c-1", "k")
    numbers = [number_of(order_id).replace("-", "") for _ in range(1000)]
    for place in range(2, 12):
        assert {number[place] for number in numbers} == set(NUMBER_ALPHABET)


def test_the_id_of_a_batch_never_changes_and_is_that_of_one_caller_and_key() -> None:
    callers = [("admin", "ada", "k"), ("vendor", "ada", "k"), ("admin", "bob", "k"), ("admin", "ada", "l")]
    found = [coupon_batch_id_of(*caller) for caller in callers]
    assert len(set(found)) == len(callers)
    assert str(found[0]) == "03c4c3b1-7803-8799-878e-95dbec30b6fa"
    assert found[0].version == 8
    assert found[0] != order_id_of("ada", "k")
