"""Money: whole minor units inside, decimal strings outside, and a lossless conversion between them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.domain.money import DECIMALS, MAX_MINOR, read_amount, same_amount, to_decimal, to_decimal_string

currencies = st.sampled_from(sorted(DECIMALS))
amounts = st.integers(-MAX_MINOR, MAX_MINOR)
ONE_OF_EACH = {"JPY": 0, "EUR": 2, "KWD": 3, "CLF": 4}


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1999, "EUR", "19.99"),
        (2000, "EUR", "20.00"),
        (5, "EUR", "0.05"),
        (0, "EUR", "0.00"),
        (-5, "EUR", "-0.05"),
        (2000, "JPY", "2000"),
        (0, "JPY", "0"),
        (2000, "KWD", "2.000"),
        (1, "KWD", "0.001"),
        (12345, "CLF", "1.2345"),
        (MAX_MINOR, "EUR", "90071992547409.91"),
    ],
)
def test_an_amount_is_written_with_its_currencys_own_decimals(minor: int, currency: str, text: str) -> None:
    assert to_decimal_string(minor, currency) == text


@given(amounts, currencies)
def test_a_written_amount_reads_as_the_same_amount(minor: int, currency: str) -> None:
    text = to_decimal_string(minor, currency)
    assert Decimal(text) * 10 ** DECIMALS[currency] == minor
    assert len(text.partition(".")[2]) == DECIMALS[currency]
    assert same_amount(text, minor, currency)
    assert to_decimal(minor, currency) == Decimal(text)


@given(st.integers(0, 10**15 - 1), st.integers(0, 9999), st.integers(1, 4), currencies)
def test_a_text_is_an_amount_only_if_every_digit_is_valid(whole: int, part: int, digits: int, currency: str) -> None:
    text = f"{whole}.{part % 10**digits:0{digits}d}"
    shifted = int(text.replace(".", "")) * 10 ** DECIMALS[currency]
    minor, below = divmod(shifted, 10**digits)
    assert same_amount(text, minor, currency) == (below == 0)
    assert not same_amount(text, minor + 1, currency)
    assert not same_amount(text, minor - 1, currency)


@given(amounts, currencies, st.integers(0, 6))
def test_trailing_zeros_do_not_change_an_amount(minor: int, currency: str, zeros: int) -> None:
    text = to_decimal_string(minor, currency)
    assert same_amount(text + ("" if "." in text else ".") + "0" * zeros, minor, currency)


def test_twenty_may_be_written_with_any_number_of_zeros() -> None:
    assert all(same_amount(text, 2000, "EUR") for text in ("20", "20.0", "20.00", "20.0000", "020"))
    assert not any(same_amount(text, 2000, "EUR") for text in ("20.001", "2000", "19.99", "-20", "2e3"))


@pytest.mark.parametrize("text", ["20.00000000000000000000000000000001", "19.99999999999999999999999999999999"])
def test_a_slightly_different_text_is_not_the_same_amount(text: str) -> None:
    assert not same_amount(text, 2000, "EUR")


@pytest.mark.parametrize(("currency", "decimals"), ONE_OF_EACH.items())
def test_one_whole_unit_is_ten_to_the_number_of_decimals(currency: str, decimals: int) -> None:
    assert DECIMALS[currency] == decimals
    assert same_amount("1", 10**decimals, currency)


def test_every_currency_is_a_code_of_three_capital_letters_with_up_to_four_decimals() -> None:
    assert all(len(code) == 3 and code.isascii() and code.isalpha() and code.isupper() for code in DECIMALS)
    assert set(DECIMALS.values()) == {0, 2, 3, 4}


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XXX", "XAU", "DEM"])
def test_a_currency_that_iso_4217_does_not_know_has_no_amounts(currency: str) -> None:
    with pytest.raises(KeyError):
        to_decimal_string(1, currency)


@pytest.mark.parametrize("currency", ONE_OF_EACH)
def test_the_largest_amount_can_be_written_read_and_compared_in_every_currency(currency: str) -> None:
    text = to_decimal_string(MAX_MINOR, currency)
    assert same_amount(text, MAX_MINOR, currency)
    assert read_amount(text) == Decimal(text)


def test_the_largest_amount_is_the_largest_integer_that_json_numbers_carry_exactly() -> None:
    assert MAX_MINOR == 9_007_199_254_740_991


@pytest.mark.parametrize(
    "text",
    ["9007199254740992", "-9007199254740992", "9007199254740991.0001", "1" * 17, "", "NaN", "1e3", "1.00000", "٣"],
)
def test_a_text_that_is_no_amount_in_any_currency_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"decimal|at most"):
        read_amount(text)
