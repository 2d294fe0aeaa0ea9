"""The overlay: what we know better than `genai_prices`, every row with the vendor's page and the day it was checked.

The rows stand in `overlay.toml` beside this file. Of several corrections of one price that apply at one moment the last
in the file wins.
"""

import hashlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, time
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final, TypeAlias

from spanledger.processors.pricing.catalogue import CatalogueError
from spanledger.processors.pricing.conditions import PLACES, Condition, within
from spanledger.processors.pricing.price_rows import DAY_NAMES
from spanledger.processors.pricing.provider_names import comparable
from spanledger.processors.pricing.units import UNITS, own_price_name, pico
from spanledger.processors.pricing.variants import STANDARD

Table: TypeAlias = dict[str, Any]

FORMAT: Final = 1


@dataclass(frozen=True)
class Correction:
    """What some models cost, other than the data says.

    `models`: patterns of model keys. `prices`: price name → pico-dollars, of those prices that differ. It holds from
    `valid_from` until before `valid_to`, on `weekdays` (0 is Monday), within `hours` (seconds of the UTC day, from and
    until before), for prompts above `prompt_above`; None is no limit. `of_standard`: the variant costs this share of
    the standard price of tokens, where the data has no price for it. `backdated`: what the data says of the variant
    holds earlier as well, as long as the standard price was the same. `ends`: the variant is no longer for sale.
    `verified_until`: the last day for which the price is known; `known_from`: when it became known, if late.
    """

    models: tuple[str, ...]
    page: str
    checked_on: date
    why: str
    variant: str = STANDARD
    prices: Mapping[str, int] | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    weekdays: frozenset[int] | None = None
    hours: tuple[tuple[int, int], ...] | None = None
    prompt_above: int | None = None
    of_standard: Fraction | None = None
    backdated: bool = False
    ends: bool = False
    verified_until: date | None = None
    known_from: date | None = None

    def holds(self, day: date, weekday: int | None, second: int, above: int | None) -> bool:
        """Whether it applies at a moment to a size of prompt; `weekday` None: on any, since none makes a difference."""
        return (
            within(day, self.valid_from, self.valid_to)
            and (self.weekdays is None or weekday in self.weekdays)
            and (self.hours is None or any(start <= second < end for start, end in self.hours))
            and (self.prompt_above is None or (above is not None and above >= self.prompt_above))
        )


@dataclass(frozen=True)
class Promise:
    """Until when the vendor promised the price of some models that holds from a day on; `variant` None: all of them."""

    models: tuple[str, ...]
    valid_from: date
    verified_until: date
    page: str
    checked_on: date
    why: str
    variant: str | None = None


@dataclass(frozen=True)
class NewModel:
    """A model of its own that the data takes for part of another one, by its names."""

    key: str
    names: tuple[str, ...]
    page: str
    checked_on: date
    why: str


@dataclass(frozen=True)
class Overlay:
    """All rows of the overlay. `id` is the hash of its text."""

    id: str
    corrections: Sequence[Correction]
    promises: Sequence[Promise]
    models: Sequence[NewModel]
    conditions: Sequence[Condition]
    free: frozenset[str]
    providers: Mapping[str, str]
    passing_on: frozenset[str]
    lent_variants: Mapping[str, tuple[str, ...]]
    audio_seconds_min: Mapping[str, int]


EMPTY: Final = Overlay("", (), (), (), (), frozenset(), {}, frozenset(), {}, {})
"""No correction at all: what `genai_prices` says, and providers by their own ids."""


def read_overlay(text: str, name: str = "overlay.toml") -> Overlay:
    """Read an overlay. Raises CatalogueError, which names the file, the row and what is wrong with it."""
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name} is no TOML: {error}") from error
    if tables.pop("format", None) != FORMAT:
        raise CatalogueError(f"{name} is of another format than {FORMAT}, which this version reads")
    if unknown := set(tables) - set(_KINDS):
        raise CatalogueError(f'{name} has rows of an unknown kind "{min(unknown)}"; there are {", ".join(_KINDS)}')
    read: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
    for kind, make in _KINDS.items():
        for number, table in enumerate(tables.get(kind, []), 1):
            try:
                read[kind].append(make(dict(table)))
            except (KeyError, TypeError, ValueError, InvalidOperation) as error:
                raise CatalogueError(f"{name}, row {number} of [[{kind}]]: {_said(error)}") from error
    return Overlay(
        id=hashlib.sha256(text.encode()).hexdigest(),
        corrections=read["price"],
        promises=read["promise"],
        models=read["model"],
        conditions=read["condition"],
        free=frozenset(key for keys in read["free"] for key in keys),
        providers={comparable(name): provider for provider, names in read["provider"] for name in names},
        passing_on=frozenset(comparable(name) for names in read["gateway"] for name in names),
        lent_variants=dict(read["lent"]),
        audio_seconds_min=dict(read["minimum"]),
    )


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _source(table: Table) -> dict[str, Any]:
    """The vendor's page and the day it was looked at: no row without."""
    page, checked_on, why = table.pop("page"), table.pop("checked_on"), table.pop("why")
    if not page.startswith("https://"):
        raise ValueError(f'"{page}" is no page')
    if type(checked_on) is not date:
        raise ValueError(f'checked_on is "{checked_on}", not a day')
    return {"page": page, "checked_on": checked_on, "why": why}


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{value!r} is no list of texts")
    return tuple(value)


def _rest(table: Table, kind: type) -> Table:
    if unknown := set(table) - {field.name for field in fields(kind)}:
        raise ValueError(f'unknown key "{min(unknown)}"')
    return table


def _correction(table: Table) -> Correction:
    source = _source(table)
    prices = {}
    for unit in UNITS:
        if unit in table:
            price_name = own_price_name(unit)
            prices[price_name] = pico(price_name, Decimal(str(table.pop(unit))))
            if prices[price_name] < 0:
                raise ValueError(f"{unit} is negative")
    given: dict[str, Any] = {"models": _strings(table.pop("models")), "prices": prices or None}
    if "weekdays" in table:
        given["weekdays"] = frozenset(DAY_NAMES.index(day) for day in _strings(table.pop("weekdays")))
    if "hours" in table:
        given["hours"] = tuple(_hours(span) for span in _strings(table.pop("hours")))
    if "of_standard" in table:
        given["of_standard"] = Fraction(str(table.pop("of_standard")))
    made = Correction(**source, **given, **_rest(table, Correction))
    if not (made.prices or made.of_standard is not None or made.backdated or made.ends):
        raise ValueError("it changes nothing")
    return made


def _hours(span: str) -> tuple[int, int]:
    start, end = (time.fromisoformat(end) for end in span.split("-"))
    return start.hour * 3600 + start.minute * 60, end.hour * 3600 + end.minute * 60


def _promise(table: Table) -> Promise:
    source = _source(table)
    models = _strings(table.pop("models"))
    return Promise(models=models, **source, **_rest(table, Promise))


def _model(table: Table) -> NewModel:
    source = _source(table)
    names = _strings(table.pop("names"))
    return NewModel(names=names, **source, **_rest(table, NewModel))


def _condition(table: Table) -> Condition:
    source = _source(table)
    given: dict[str, Any] = {"models": _strings(table.pop("models")), "values": _strings(table.pop("values"))}
    if "factor" in table:
        given["factor"] = Fraction(str(table.pop("factor")))
    made = Condition(**source, **given, **_rest(table, Condition))
    if made.column not in PLACES:
        raise ValueError(f'"{made.column}" is none of {", ".join(PLACES)}')
    return made


def _free(table: Table) -> tuple[str, ...]:
    _source(table)
    return _strings(table.pop("models"))


def _provider(table: Table) -> tuple[str, tuple[str, ...]]:
    _source(table)
    return table.pop("id"), _strings(table.pop("names"))


def _gateway(table: Table) -> tuple[str, ...]:
    _source(table)
    return _strings(table.pop("names"))


def _lent(table: Table) -> tuple[str, tuple[str, ...]]:
    _source(table)
    return table.pop("seller"), _strings(table.pop("variants"))


def _minimum(table: Table) -> tuple[str, int]:
    _source(table)
    return table.pop("model"), int(table.pop("audio_seconds"))


_KINDS: Final[Mapping[str, Callable[[Table], Any]]] = {
    "provider": _provider,
    "gateway": _gateway,
    "free": _free,
    "model": _model,
    "price": _correction,
    "promise": _promise,
    "condition": _condition,
    "lent": _lent,
    "minimum": _minimum,
}
