"""Ranges and rows in every time zone, compared with a definition by quarter hours."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.analytics.time_ranges import (
    MAX_ROWS,
    QUARTER,
    Interval,
    RangeError,
    Row,
    TimeRange,
    read_months,
    read_range,
    read_zone,
    rows,
    zone_names,
)

NOW = datetime(2026, 11, 26, 15, 40, 12, tzinfo=UTC)
NAMES = sorted(zone_names())
HOUR = timedelta(hours=1)

zones = st.sampled_from(NAMES).map(read_zone)
quarters = st.integers(0, 100 * 365 * 96).map(lambda count: datetime(2000, 1, 2, tzinfo=UTC) + count * QUARTER)
CHANGES = [
    *(("Europe/Paris", "2026-03-29"), ("Europe/Paris", "2026-10-25"), ("America/Santiago", "2026-09-06")),
    *(("America/Havana", "2025-11-02"), ("America/Havana", "2026-11-01"), ("Australia/Lord_Howe", "2026-04-05")),
    *(("Australia/Lord_Howe", "2026-10-04"), ("Pacific/Apia", "2011-12-30"), ("America/St_Johns", "2010-11-07")),
    *(("Asia/Kathmandu", "2026-01-01"), ("Africa/Casablanca", "2026-02-15"), ("Asia/Pyongyang", "2015-08-15")),
    *(("America/Caracas", "2007-12-09"), ("Antarctica/Troll", "2026-03-29"), ("America/Asuncion", "2024-03-24")),
]
"""Dates at which clocks change, some at midnight or by less than an hour."""

near_changes = st.builds(
    lambda change, before: (read_zone(change[0]), datetime.fromisoformat(f"{change[1]}T00:00Z") - before * QUARTER),
    st.sampled_from(CHANGES),
    st.integers(-64, 64),
)
places = st.one_of(st.tuples(zones, quarters), near_changes)
few = st.integers(1, 12 * 96)


def written(zone: str, start: str, end: str, interval: Interval) -> list[tuple[str, str]]:
    """Return beginnings and ends of the rows, as responses have them."""
    range_ = read_range(start, end, read_zone(zone), NOW)
    return [(range_.write(row.start), range_.write(row.end)) for row in rows(range_, interval)]


def refused(start: str | None, end: str | None, zone: str = "UTC", max_dates: int | None = None) -> str:
    """Return the parameter that is refused."""
    with pytest.raises(RangeError) as error:
        read_range(start, end, read_zone(zone), NOW, max_dates)
    return error.value.parameter


# The definition: quarter hours, each with what the clocks show.


def label(at: datetime, zone: ZoneInfo, interval: Interval, begun: date) -> object:
    """Return what the interval of a quarter is called. `begun` is the latest date that has begun by then."""
    if interval == Interval.HOUR:
        shown = at.astimezone(zone)
        return shown.date(), shown.hour, shown.utcoffset()
    if interval == Interval.DAY:
        return begun
    return begun.isocalendar()[:2] if interval == Interval.WEEK else (begun.year, begun.month)


def labels(zone: ZoneInfo, interval: Interval, start: datetime, count: int) -> Iterator[tuple[datetime, object]]:
    """Yield quarters with the names of their intervals. A date begins when the clocks first show it, or a later one."""
    begun = (start - 2 * timedelta(days=1)).astimezone(zone).date()
    at = start - 2 * timedelta(days=1)
    while at < start + count * QUARTER:
        begun = max(begun, at.astimezone(zone).date())
        if at >= start:
            yield at, label(at, zone, interval, begun)
        at += QUARTER


@given(places, few, st.sampled_from(Interval))
def test_each_quarter_lies_in_the_row_of_its_interval(
    place: tuple[ZoneInfo, datetime], count: int, interval: Interval
) -> None:
    zone, start = place
    range_ = TimeRange(start, start + count * QUARTER, zone)
    expected: list[tuple[datetime, datetime]] = []
    previous: object = None
    for at, name in labels(zone, interval, start, count):
        if name == previous:
            expected[-1] = expected[-1][0], at + QUARTER
        else:
            expected.append((at, at + QUARTER))
        previous = name
    assert [(row.start, row.end) for row in rows(range_, interval)] == expected


@given(places, few, st.sampled_from(Interval))
def test_rows_lie_end_to_end_and_only_the_first_and_the_last_are_cut_off(
    place: tuple[ZoneInfo, datetime], count: int, interval: Interval
) -> None:
    zone, start = place
    range_ = TimeRange(start, start + count * QUARTER, zone)
    found = rows(range_, interval)
    assert (found[0].start, found[-1].end) == (range_.start, range_.end)
    assert all(row.start < row.end for row in found)
    assert all(one.end == other.start for one, other in pairwise(found))
    more = timedelta(days=1 if interval == Interval.HOUR else 32)
    wider = rows(TimeRange(range_.start - more, range_.end + more, zone), interval)
    whole = {(row.start, row.end) for row in wider if row.is_whole}
    assert [row.is_whole for row in found] == [(row.start, row.end) in whole for row in found]


@given(places, few)
def test_the_sums_of_the_rows_are_the_same_for_every_interval(place: tuple[ZoneInfo, datetime], count: int) -> None:
    zone, start = place
    range_ = TimeRange(start, start + count * QUARTER, zone)
    facts = [range_.start + number * QUARTER for number in range(0, count, 7)]
    for interval in Interval:
        found = rows(range_, interval)
        assert sum(row.start <= at < row.end for row in found for at in facts) == len(facts)


def test_every_offset_of_every_zone_since_2000_is_a_number_of_quarter_hours() -> None:
    """Hence all days begin on a quarter hour. No offset is in force for less than a fortnight."""
    instants = [datetime(2000, 1, 1, tzinfo=UTC) + number * timedelta(days=14) for number in range(101 * 365 // 14)]
    folder = files("tzdata") / "zoneinfo"
    distinct = {folder.joinpath(*name.split("/")).read_bytes(): name for name in NAMES}
    assert len(distinct) > 300
    for zone in map(read_zone, distinct.values()):
        offsets = {at.astimezone(zone).utcoffset() for at in instants}
        assert [offset for offset in offsets if offset is None or offset % QUARTER] == [], zone.key


# The zones of the contract.


def test_spring_and_autumn_in_paris() -> None:
    [spring] = written("Europe/Paris", "2026-03-29", "2026-03-30", Interval.DAY)
    assert spring == ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00")
    assert len(written("Europe/Paris", "2026-03-29", "2026-03-30", Interval.HOUR)) == 23
    hours = [start for start, _ in written("Europe/Paris", "2026-10-25", "2026-10-26", Interval.HOUR)]
    assert len(hours) == 25
    assert hours[2:4] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]


def test_a_day_without_midnight_in_santiago_begins_at_one() -> None:
    found = written("America/Santiago", "2026-09-05", "2026-09-08", Interval.DAY)
    assert [start for start, _ in found] == [
        "2026-09-05T00:00:00-04:00",
        "2026-09-06T01:00:00-03:00",
        "2026-09-07T00:00:00-03:00",
    ]


def test_a_day_with_two_midnights_in_havana_begins_at_the_first() -> None:
    found = written("America/Havana", "2025-11-01", "2025-11-03", Interval.DAY)
    assert [start for start, _ in found] == ["2025-11-01T00:00:00-04:00", "2025-11-02T00:00:00-04:00"]
    [day] = written("America/Havana", "2026-11-01", "2026-11-02", Interval.DAY)
    assert day[0] == "2026-11-01T00:00:00-04:00"


def test_half_an_hour_that_lord_howe_shows_twice_is_a_row() -> None:
    found = written("Australia/Lord_Howe", "2026-04-05", "2026-04-06", Interval.HOUR)
    assert found[1:4] == [
        ("2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+10:30"),
        ("2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"),
        ("2026-04-05T02:00:00+10:30", "2026-04-05T03:00:00+10:30"),
    ]


def test_days_in_kathmandu_begin_at_a_quarter_past_six_of_utc() -> None:
    [row] = rows(read_range("2026-11-01", "2026-11-02", read_zone("Asia/Kathmandu"), NOW), Interval.DAY)
    assert row.start == datetime(2026, 10, 31, 18, 15, tzinfo=UTC)


def test_a_date_that_apia_never_had_has_no_row_and_is_no_bound() -> None:
    found = written("Pacific/Apia", "2011-12-29", "2012-01-01", Interval.DAY)
    assert [start[:10] for start, _ in found] == ["2011-12-29", "2011-12-31"]
    assert refused("2011-12-30", "2012-01-01", "Pacific/Apia") == "from"
    assert refused("2011-12-01", "2011-12-30", "Pacific/Apia") == "to"


def test_the_clocks_of_st_johns_that_changed_a_minute_after_midnight_make_no_day_longer_than_25_hours() -> None:
    """Until 2011 they were set back at 00:01, to the evening before: the date had begun, and goes on."""
    found = rows(read_range("2010-11-06", "2010-11-09", read_zone("America/St_Johns"), NOW), Interval.DAY)
    assert [row.end - row.start for row in found] == [24 * HOUR, 25 * HOUR, 24 * HOUR]
    hours = rows(read_range("2010-11-06", "2010-11-09", read_zone("America/St_Johns"), NOW), Interval.HOUR)
    assert all(row.end - row.start <= HOUR for row in hours)


def test_a_range_that_begins_when_the_clocks_show_the_day_before_again_begins_in_the_later_day() -> None:
    zone, end = read_zone("America/St_Johns"), datetime(2010, 11, 9, 3, 30, tzinfo=UTC)
    midnight = datetime(2010, 11, 8, 3, 30, tzinfo=UTC)
    for start in (datetime(2010, 11, 7, 2, 30, tzinfo=UTC) + quarters * QUARTER for quarters in range(8)):
        found = rows(TimeRange(start, end, zone), Interval.DAY)
        assert [(row.start, row.end) for row in found] == [(start, midnight), (midnight, end)]


def test_weeks_begin_on_monday_and_months_on_the_first_whatever_the_range_cuts_off() -> None:
    range_ = read_range("2026-11-25", "2026-12-03T12:15:00Z", read_zone("UTC"), NOW)
    day = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((11, 25), (11, 30), (12, 1))]
    end = datetime(2026, 12, 3, 12, 15, tzinfo=UTC)
    assert rows(range_, Interval.WEEK) == [Row(day[0], day[1], False), Row(day[1], end, False)]
    assert rows(range_, Interval.MONTH) == [Row(day[0], day[2], False), Row(day[2], end, False)]


def test_a_row_is_complete_once_it_is_over_unless_it_is_cut_off() -> None:
    [row] = rows(read_range("2026-11-25", "2026-11-26", read_zone("UTC"), NOW), Interval.DAY)
    assert row.is_complete(row.end)
    assert not row.is_complete(row.end - timedelta.resolution)
    [row] = rows(read_range("2026-11-25", "2026-11-25T23:45:00Z", read_zone("UTC"), NOW), Interval.DAY)
    assert not row.is_complete(NOW)


# Defaults, limits and refusals.


def test_the_default_is_thirty_dates_up_to_the_end_of_today_in_the_zone() -> None:
    zone = read_zone("Pacific/Kiritimati")  # where it is tomorrow already
    range_ = read_range(None, None, zone, NOW)
    assert (range_.write(range_.start), range_.write(range_.end)) == (
        "2026-10-29T00:00:00+14:00",
        "2026-11-28T00:00:00+14:00",
    )
    range_ = read_range(None, "2026-03-29T12:15:00Z", read_zone("Europe/Paris"), NOW)
    assert range_.write(range_.start) == "2026-02-27T00:00:00+01:00"


def test_a_bound_is_a_date_or_a_time_on_a_quarter_hour() -> None:
    for text in ("2026-10-24T22:00:00Z", "2026-10-24t22:00:00z", "2026-10-25 00:00:00+02:00", "2026-10-25"):
        range_ = read_range(text, "2026-11-01", read_zone("Europe/Paris"), NOW)
        assert range_.start == datetime(2026, 10, 24, 22, tzinfo=UTC), text
    for text in (
        *(
            "",
            "now",
            "2026",
            "2026-10",
            "20261024",
            "2026-W01-1",
            "2026-13-01",
            "2026-02-30",
            "2026-10-24T22:00Z",
            "\0",
        ),
        *("2026-10-24T22:00:00", "2026-10-24T22:01:00Z", "2026-10-24T22:00:01Z", "2026-10-24T22:00:00.0Z"),
        *(
            "2026-10-24T22:14:60Z",
            "2026-10-24T22:00:00+00:07",
            "2026-10-24T24:00:00Z",
            "２０２６-10-24",
            "2026-10-24\n",
        ),
        *("2026-10-24T22:00:00+24:00", "9999-12-31T23:45:00-23:45", "0001-01-01T00:00:00+23:45", "\ud800"),
    ):
        assert refused(text, "2026-11-01") == "from", text
        assert refused("2026-01-01", text) == "to", text


def test_years_are_2000_to_2100_in_the_zone() -> None:
    for text in ("1999-12-31", "0001-01-01", "0000-01-01", "2101-01-01", "9999-12-31", "1999-12-31T23:45:00Z"):
        assert refused(text, "2099-01-01") == "from"
        assert refused("2000-01-01", text) == "to"
    assert refused(None, "2000-01-30") == "from"
    assert read_range(None, "2000-01-31", read_zone("UTC"), NOW).start == datetime(2000, 1, 1, tzinfo=UTC)
    assert read_range("2100-12-30", "2100-12-31", read_zone("Pacific/Apia"), NOW).end.year == 2100


def test_a_range_ends_after_its_beginning_and_is_at_most_ten_years_long() -> None:
    assert refused("2026-10-25", "2026-10-25") == "from"
    assert refused("2026-10-25", "2026-10-24") == "from"
    assert refused("2016-10-25", "2026-10-26") == "from"
    assert refused("2016-10-25T00:00:00Z", "2026-10-25T00:15:00Z") == "from"
    assert read_range("2016-10-25", "2026-10-25", read_zone("UTC"), NOW)
    assert read_range("2016-02-29", "2026-03-01", read_zone("UTC"), NOW)
    assert read_range("2016-09-06", "2026-09-06", read_zone("America/Santiago"), NOW), "ends at 01:00, as a date"


def test_a_limit_in_dates_counts_dates_and_not_hours() -> None:
    for zone in ("UTC", "Europe/Paris", "America/Santiago", "America/Havana"):
        for last in (date(2026, 9, 6), date(2025, 11, 2), date(2026, 10, 25), date(2026, 3, 29)):
            first = last - timedelta(days=92)
            assert read_range(str(first), str(last), read_zone(zone), NOW, 92), (zone, last)
            assert refused(str(first - timedelta(days=1)), str(last), zone, 92) == "from"


def test_there_are_at_most_1100_rows() -> None:
    zone, day = read_zone("Europe/Paris"), date(2026, 11, 1)
    last = read_range(str(day - timedelta(days=MAX_ROWS)), str(day), zone, NOW)
    assert len(rows(last, Interval.DAY)) == MAX_ROWS
    with pytest.raises(RangeError) as error:
        rows(read_range(str(day - timedelta(days=MAX_ROWS + 1)), str(day), zone, NOW), Interval.DAY)
    assert error.value.parameter == "interval"
    assert len(rows(read_range("2016-11-01", "2026-11-01", zone, NOW), Interval.WEEK)) == 522
    assert len(rows(read_range("2016-11-01", "2026-11-01", zone, NOW), Interval.MONTH)) == 120


@pytest.mark.parametrize(
    "name",
    [
        *("", "Europe", "europe/paris", "Europe/Paris ", "+02:00", "CEST", "../../etc/passwd", "/etc/passwd", "zones"),
        *("posix/Europe/Paris", "right/Europe/Paris", "Europe/../UTC", "Europe/Paris\0", "\ud800", "x" * 10_000),
    ],
)
def test_a_zone_is_a_name_of_the_iana_database(name: str) -> None:
    with pytest.raises(ValueError, match="Not a name of the IANA time zone database"):
        read_zone(name)


def test_every_zone_can_be_read_and_utc_alone_is_written_with_z() -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    with_z = {name for name in NAMES if TimeRange(at, at, read_zone(name)).write(at).endswith("Z")}
    assert with_z == {"UTC"}
    assert TimeRange(at, at, read_zone("Etc/UTC")).write(at) == "2026-11-01T00:00:00+00:00"


def test_months_are_both_inclusive_and_twelve_unless_given() -> None:
    assert (str(read_months(None, None, NOW).first), str(read_months(None, None, NOW).last)) == (
        "2025-12-01",
        "2026-11-01",
    )
    assert [str(month) for month in read_months("2025-12", "2026-02", NOW).months()] == [
        *("2025-12-01", "2026-01-01", "2026-02-01"),
    ]
    assert len(read_months("2024-01", "2026-12", NOW).months()) == 36


@pytest.mark.parametrize(
    ("start", "end", "parameter"),
    [
        *(("2026-02", "2026-01", "from"), ("2023-12", "2026-12", "from"), ("2026-1", None, "from"), ("", None, "from")),
        *((None, "2026-13", "to"), (None, "2026-01-01", "to"), (None, "", "to"), ("1999-12", "2000-01", "from")),
        *((None, "2101-01", "to"), (None, "9999-12", "to"), (None, "0000-01", "to"), ("２０２６-01", None, "from")),
    ],
)
def test_other_months_are_refused(start: str | None, end: str | None, parameter: str) -> None:
    with pytest.raises(RangeError) as error:
        read_months(start, end, NOW)
    assert error.value.parameter == parameter
