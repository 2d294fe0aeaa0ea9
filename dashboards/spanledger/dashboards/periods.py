"""Spans of time as people write them: `2026-01-31`, `2026-01`, `2026-01-31T12:00`, `7d`, `24h`, `2w`."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_BEFORE_NOW: Final = re.compile(r"(\d{1,5})([hdw])")
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")


class PeriodError(ValueError):
    """A time, a number of days or a zone that does not exist; the message is one sentence."""


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises PeriodError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PeriodError(f"There is no time zone {name[:60]!r}: write one like UTC or Europe/Vienna.") from error


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
            return _midnight(day, local), _midnight(day + timedelta(days=1), local)
        if month := _MONTH.fullmatch(text):
            first = date(int(month[1]), int(month[2]), 1)
            return _midnight(first, local), _midnight((first + timedelta(days=31)).replace(day=1), local)
        if len(text) == len("2026-01-31"):
            day = date.fromisoformat(text)
            return _midnight(day, local), _midnight(day + timedelta(days=1), local)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=local)
        return instant.astimezone(UTC), instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PeriodError(
            f"{text[:60]!r} is no time: write a date (2026-01-31), a month (2026-01), a time (2026-01-31T12:00), "
            "or how long ago (24h, 7d, 2w)."
        ) from error


def _midnight(day: date, local: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, local).astimezone(UTC)
