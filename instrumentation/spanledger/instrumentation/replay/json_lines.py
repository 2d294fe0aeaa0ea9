"""Values out of decoded JSON, tolerant in one place: null, a wrong type or an absurd number is None, never an error."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, cast

import orjson

Object = Mapping[str, object]

NOTHING: Final[Object] = {}

COUNT_MAX: Final = 10**12
"""No call has more tokens; a greater number is a mistake."""
MONEY_MAX: Final = Decimal(10**6)
"""Dollars; the ledger holds no more for one call."""

NS: Final = 10**9
_SECONDS_MAX: Final = 10**11
_MILLISECONDS_MAX: Final = 10**14
_MICROSECONDS_MAX: Final = 10**17
_TIME_MAX_NS: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def dig(found: object, path: str) -> object:
    """What stands under a path of keys with dots between them; None where something on the way is missing."""
    if not isinstance(found, dict):
        return None
    if "." not in path:
        return found.get(path)
    for key in path.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found


@lru_cache(maxsize=4)
def objects_in(head: bytes) -> tuple[Object, ...]:
    """The JSON objects among the first lines of a file, of which the last is seldom whole: to tell what it is."""
    found = []
    for line in head.removeprefix(b"\xef\xbb\xbf").splitlines():
        try:
            one = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(one, dict):
            found.append(one)
    return tuple(found)


def inner(found: object, path: str) -> Object:
    """The object under a path; an empty one where there is none."""
    value = dig(found, path)
    return cast(Object, value) if isinstance(value, dict) else NOTHING


def items(found: object, path: str) -> Iterator[Object]:
    """The objects of the list under a path; what is no object is left out."""
    value = dig(found, path)
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def text(found: object, path: str) -> str | None:
    """The text under a path (a number as text); None where there is none or it is empty."""
    value = found.get(path) if type(found) is dict and "." not in path else dig(found, path)
    if type(value) is str:
        return value.strip() or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def count(found: object, path: str) -> int | None:
    """The count under a path: a number or its text, never negative or absurd."""
    value = found.get(path) if type(found) is dict and "." not in path else dig(found, path)
    if type(value) is int:
        return value if 0 <= value <= COUNT_MAX else None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        value = _number(value)
    if not isinstance(value, int | float) or not 0 <= value <= COUNT_MAX:
        return None
    return int(value)


def number(found: object, path: str) -> float | None:
    """The finite number under a path, or the number that its text says."""
    value = dig(found, path)
    if isinstance(value, str):
        value = _number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < float("inf") else None


def money(found: object, path: str) -> Decimal | None:
    """The amount under a path, exactly as it is written; None where it is negative, absurd or missing."""
    return amount(dig(found, path))


def amount(value: object) -> Decimal | None:
    """An amount of money, exactly as it is written; None where it is negative, absurd or none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        exact = Decimal(str(value).strip().removeprefix("$").replace(",", ""))
    except InvalidOperation:
        return None
    return exact if exact.is_finite() and 0 <= exact < MONEY_MAX else None


def time_ns(found: object, path: str) -> int | None:
    """The time under a path in nanoseconds since 1970: RFC 3339, or a number of s, ms, us or ns, told by its size."""
    value = dig(found, path)
    if isinstance(value, str):
        return moment_ns(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _of_number(value)


def moment_ns(written: str) -> int | None:
    """A time as it is written, in nanoseconds since 1970; UTC where it names no zone."""
    # Written as JavaScript does, as nearly all are: 2026-01-31T12:34:56.789Z
    if len(written) == 24 and written[23] == "Z":
        try:
            since = datetime.fromisoformat(written) - _EPOCH
        except ValueError:
            return _any_moment_ns(written)
        return _sane((since.days * 86_400 + since.seconds) * NS + since.microseconds * 1000)
    return _any_moment_ns(written)


def _any_moment_ns(written: str) -> int | None:
    plain = _number(written)
    if plain is not None:
        return _of_number(plain)
    whole, nanoseconds, zone = _without_fraction(written)
    try:
        moment = datetime.fromisoformat(whole + zone)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        since = moment - _EPOCH
    except OverflowError:
        return None
    return _sane((since.days * 86_400 + since.seconds) * NS + nanoseconds)


def _without_fraction(written: str) -> tuple[str, int, str]:
    """A time without its fraction of a second, the fraction in nanoseconds, and the zone."""
    whole, dot, rest = written.partition(".")
    if not dot:
        return written.removesuffix(" UTC"), 0, ""
    digits = len(rest) - len(rest.lstrip("0123456789"))
    fraction, zone = rest[:digits], rest[digits:].strip()
    return whole, int(fraction[:9].ljust(9, "0") or 0), "Z" if zone == "UTC" else zone


def _of_number(value: int | float) -> int | None:
    if not 0 < value < _TIME_MAX_NS:
        return None
    if value < _SECONDS_MAX:
        return _scaled(value, NS)
    if value < _MILLISECONDS_MAX:
        return _scaled(value, 1_000_000)
    return _scaled(value, 1_000) if value < _MICROSECONDS_MAX else int(value)


def _scaled(value: int | float, unit: int) -> int | None:
    # Through a decimal, so that 1767312001.123 keeps its milliseconds exactly.
    return _sane(value * unit if isinstance(value, int) else int(Decimal(repr(value)) * unit))


def _sane(time_ns: int) -> int | None:
    return time_ns if 0 < time_ns < _TIME_MAX_NS else None


def _number(written: str) -> int | float | None:
    try:
        return int(written)
    except ValueError:
        pass
    try:
        return float(written)
    except ValueError:
        return None
