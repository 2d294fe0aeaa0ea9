"""Times as people write them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.dashboards.periods import WEEKDAYS, PeriodError, calendar, period, week_shift, zone

NOW = datetime(2026, 3, 29, 10, 30, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2026-01-31", "2026-01-30T23:00+00:00", "2026-01-31T23:00+00:00"),
        ("2026-02", "2026-01-31T23:00+00:00", "2026-02-28T23:00+00:00"),
        ("2025-12", "2025-11-30T23:00+00:00", "2025-12-31T23:00+00:00"),
        ("0d", "2026-03-28T23:00+00:00", "2026-03-29T22:00+00:00"),  # the day the clocks go forward has 23 hours
        ("7d", "2026-03-21T23:00+00:00", "2026-03-22T23:00+00:00"),
        ("2w", "2026-03-14T23:00+00:00", "2026-03-15T23:00+00:00"),
        ("24h", "2026-03-28T10:30+00:00", "2026-03-28T10:30+00:00"),
        ("2026-01-31T12:00", "2026-01-31T11:00+00:00", "2026-01-31T11:00+00:00"),
        ("2026-01-31T12:00Z", "2026-01-31T12:00+00:00", "2026-01-31T12:00+00:00"),
        ("2026-01-31 12:00:30-05:00", "2026-01-31T17:00:30+00:00", "2026-01-31T17:00:30+00:00"),
    ],
)
def test_what_is_written_is_a_span_of_time(text: str, first: str, after: str) -> None:
    assert period(text, VIENNA, NOW) == (datetime.fromisoformat(first), datetime.fromisoformat(after))


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13", "2026-02-30", "7x", "-7d", "999999d", "9999-12-31", "20260131T25"]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(PeriodError) as refusal:
        period(text, VIENNA, NOW)
    assert str(refusal.value) == (
        f"{text!r} is no time: write a date (2026-01-31), a month (2026-01), a time (2026-01-31T12:00), "
        "or how long ago (24h, 7d, 2w)."
    )


@pytest.mark.parametrize("name", ["Mars/Base", "", "../../etc/passwd", "/etc/localtime", "Europe\0"])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(PeriodError, match=r"There is no time zone .*: write one like UTC or Europe/Vienna"):
        zone(name)


@given(st.dates(datetime(2000, 1, 1).date(), datetime(2100, 1, 1).date()))
def test_days_follow_each_other_without_a_gap(day: object) -> None:
    tomorrow = day + timedelta(days=1)  # type: ignore[operator]
    assert period(str(day), VIENNA, NOW)[1] == period(str(tomorrow), VIENNA, NOW)[0]


def test_a_calendar_has_the_days_around_what_began_on_a_day_of_utc() -> None:
    found = calendar("day", [date(2026, 3, 28)], VIENNA)
    assert [one.label for one in found] == ["2026-03-27", "2026-03-28", "2026-03-29", "2026-03-30"]
    assert [(one.after - one.first) / timedelta(hours=1) for one in found] == [24, 24, 23, 24]


def test_a_calendar_of_months_and_weeks() -> None:
    assert [one.label for one in calendar("month", [date(2026, 1, 31)], VIENNA)] == ["2026-01", "2026-02"]
    assert [one.label for one in calendar("week", [date(2026, 1, 15)], VIENNA)] == ["2026-01-12"]
    sundays = calendar("week", [date(2026, 1, 15)], VIENNA, week_shift("Sunday"))
    assert [one.label for one in sundays] == ["2026-01-11"]


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.sampled_from(["day", "week", "month"]),
    st.sampled_from(["UTC", "Europe/Vienna", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "Asia/Beirut"]),
    st.sampled_from(WEEKDAYS),
)
def test_a_calendar_has_no_gaps_and_holds_every_hour_of_its_day(day: date, unit: str, name: str, begins: str) -> None:
    local, shift = ZoneInfo(name), week_shift(begins)
    found = calendar(unit, [day], local, shift)
    assert all(one.after == following.first for one, following in pairwise(found))
    for hour in range(24):
        at = datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC)
        (within,) = (one for one in found if one.first <= at < one.after)
        here = at.astimezone(local)
        assert within.label[:7] == f"{here:%Y-%m}" or unit == "week"
        if unit == "day":
            assert within.label == here.date().isoformat()
        if unit == "week":
            first = date.fromisoformat(within.label)
            assert WEEKDAYS[first.weekday()] == begins
            assert 0 <= (here.date() - first).days < 7


def test_a_weekday_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(PeriodError, match=r"There is no weekday 'x': write one of monday, tuesday, .*, sunday"):
        week_shift("x")
