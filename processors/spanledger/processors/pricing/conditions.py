"""Where and how a call was served, and what that adds to its price: regions, residency, kinds of deployments."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

PLACES: Final = ("residency", "region", "deployment_type")
"""The columns a condition may ask for."""

_SEPARATORS: Final = str.maketrans("", "", "_- ")
_PATTERNS_REMEMBERED: Final = 4096
_DIGITS_MAX: Final = 10
"""Decimals of a factor: more than any percentage has."""


@dataclass(frozen=True)
class Condition:
    """What it costs to be served in some place or way, by one provider.

    `models`: patterns of model keys it holds for ("anthropic/claude-opus-4-6*"). `column`: one of `PLACES`; it holds
    for calls whose value there is one of `values`, or with `elsewhere` any but these; an unsaid value is none.
    `factor`: what the tokens' cost is multiplied by; fees stay. `variant`: the price list that applies, None for that
    of the service tier. `unsold`: nothing of it is sold by the token. `page`, `checked_on`: where the vendor says so,
    and when somebody looked. `why`: one sentence for people.
    """

    provider: str
    models: tuple[str, ...]
    column: str
    values: tuple[str, ...]
    page: str
    checked_on: date
    why: str
    elsewhere: bool = False
    factor: Fraction = Fraction(1)
    variant: str | None = None
    unsold: bool = False
    valid_from: date | None = None
    valid_to: date | None = None
    _values: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_values", frozenset(map(place, self.values)))

    def holds(self, provider: str, model_key: str, places: Mapping[str, str | None], day: date) -> bool:
        """Whether it holds for a model of a provider, served in some places (column → value) on a day."""
        said = places.get(self.column)
        return (
            provider == self.provider
            and said is not None
            and (place(said) in self._values) != self.elsewhere
            and within(day, self.valid_from, self.valid_to)
            and any(matches(pattern, model_key) for pattern in self.models)
        )

    @property
    def text(self) -> str:
        """Say it in few words, for `price_rule`."""
        values = "/".join(self.values)
        effect = "not sold by the token" if self.unsold else f"× {decimal_text(self.factor)}"
        return f"{self.column} {'other than ' if self.elsewhere else ''}{values}: {effect}"


def within(day: date, valid_from: date | None, valid_to: date | None) -> bool:
    """Whether a day lies in a span of days; the first belongs to it, the last one named does not."""
    return (valid_from is None or day >= valid_from) and (valid_to is None or day < valid_to)


def place(name: str) -> str:
    """Reduce the name of a place to the form in which they are compared: `DataZoneStandard` is `data-zone-standard`."""
    return name.casefold().translate(_SEPARATORS)


@lru_cache(maxsize=_PATTERNS_REMEMBERED)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.casefold().split("*"))), re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """Whether a name is as a pattern says: `*` stands for any characters, case does not count."""
    return _compiled(pattern).fullmatch(name.casefold()) is not None


def decimal_text(number: Fraction) -> str:
    """A fraction as a decimal number where it is one: `1.1`, `0.78`; else as it is: `1/3`."""
    for digits in range(_DIGITS_MAX):
        scaled = number * 10**digits
        if scaled.denominator == 1:
            return str(Decimal(scaled.numerator).scaleb(-digits))
    return str(number)


def boundaries(spans: Sequence[tuple[date | None, date | None]]) -> list[date]:
    """The days on which something begins or ends to hold, in order."""
    return sorted({day for span in spans for day in span if day is not None})
