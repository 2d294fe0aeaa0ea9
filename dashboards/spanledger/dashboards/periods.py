"""Spans of time as people write them, `2026-01-31`, `2026-01`, `2026-01-31T12:00`, `7d`, `24h`, `2w`; and calendars."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_BEFORE_NOW: Final = re.compile(r"(\d{1,5})([hdw])")
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")
_DAY: Final = timedelta(days=1)


class PeriodError(ValueError):
    """A time, a number of days, a weekday or a zone that does not exist; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A day, week or month of a calendar: what it is called, its first instant and the first one after it, in UTC."""

    label: str
    first: datetime
    after: datetime


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises PeriodError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PeriodError(f"There is no time zone {name[:60]!r}: write one like UTC or Europe/Vienna.") from error


def week_shift(begins: str) -> int:
    """How many days before Monday a week begins, from the name of a weekday. Raises PeriodError."""
    if begins.lower() not in WEEKDAYS:
        raise PeriodError(f"There is no weekday {begins[:60]!r}: write one of {', '.join(WEEKDAYS)}.")
    return -WEEKDAYS.index(begins.lower()) % len(WEEKDAYS)


def period(text: str, local: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """First instant of what `text` names and first instant after it, in UTC. Raises PeriodError.

    A date or month is a whole one in the zone `local`; `7d` and `2w` are the day that many days or weeks ago; `24h` and
    a time of day are an instant, with no length.
    """
    try:
        if before := _BEFORE_NOW.fullmatch(text):
            count, unit = int(before[1]), before[2]
            if unit == "h":
                instant = now - timedelta(hours=count)
                return instant, instant
            day = now.astimezone(local).date() - timedelta(days=count * (7 if unit == "w" else 1))
            return _midnight(day, local), _midnight(day + _DAY, local)
        if month := _MONTH.fullmatch(text):
            first = date(int(month[1]), int(month[2]), 1)
            return _midnight(first, local), _midnight((first + timedelta(days=31)).replace(day=1), local)
        if len(text) == len("2026-01-31"):
            day = date.fromisoformat(text)
            return _midnight(day, local), _midnight(day + _DAY, local)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=local)
        return instant.astimezone(UTC), instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PeriodError(
            f"{text[:60]!r} is no time: write a date (2026-01-31), a month (2026-01), a time (2026-01-31T12:00), "
            "or how long ago (24h, 7d, 2w)."
        ) from error


def calendar(unit: str, days: Iterable[date], local: ZoneInfo, week_shift: int = 0) -> list[Stretch]:
    """The days, weeks or months (`unit`) of the zone in which these days of UTC, and the ones after them, lie."""
    # A day of UTC touches two local ones, and what began on it may go on into a third.
    near = {day + timedelta(days=ahead) for day in days for ahead in (-1, 0, 1, 2)}
    return [
        Stretch(_label(unit, first), _midnight(first, local), _midnight(after, local))
        for first, after in sorted({_whole(unit, day, week_shift) for day in near})
    ]


def _whole(unit: str, day: date, week_shift: int) -> tuple[date, date]:
    if unit == "month":
        first = day.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    if unit == "week":
        first = day - timedelta(days=(day.weekday() + week_shift) % len(WEEKDAYS))
        return first, first + timedelta(days=len(WEEKDAYS))
    return day, day + _DAY


def _label(unit: str, first: date) -> str:
    return f"{first:%Y-%m}" if unit == "month" else first.isoformat()


def _midnight(day: date, local: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, local).astimezone(UTC)
