"""What every model cost, on every day: an immutable price list in arrays, and which model a name means.

Every price list (a model's standard prices, or one of its variants such as batch) consists of cells: one for each
interval of days, each window of the week where prices follow the clock, and each size of prompt from which on the whole
request costs another price. A cell holds one integer per unit of usage. Which cell a call belongs to is three binary
searches, for all rows at once. `genai_prices_data` compiles a catalogue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from spanledger.processors.pricing.conditions import Condition, boundaries
from spanledger.processors.pricing.model_names import ModelNames, spellings
from spanledger.processors.pricing.price_rows import FIRST_DAY, PriceRow
from spanledger.processors.pricing.provider_names import comparable, find_provider
from spanledger.processors.pricing.units import UNITS, UNPRICED
from spanledger.processors.pricing.variants import STANDARD

Integers: TypeAlias = npt.NDArray[np.int64]

DAYS: Final = 1 << 17
PROMPTS: Final = 1 << 40
"""Room in a search key for days since 1970 (up to 2328), and for tokens of a prompt."""
DAY_S: Final = 24 * 60 * 60
WEEK_S: Final = 7 * DAY_S
_EPOCH_WEEKDAY: Final = FIRST_DAY.weekday()
_NEVER: Final = DAYS
"""Day on which the verification of a price ends that nobody limited."""

_MICROSECONDS: Final = 1_000_000
_REMEMBERED_MAX: Final = 100_000
"""Names whose meaning is kept: some 30 MB of real ones, whatever clients invent."""
_NAMES_LENGTH_MAX: Final = 500
"""Longer than any provider's and model's name together (an ARN has some 130 characters): no use in looking for them."""


class CatalogueError(Exception):
    """Price data that cannot be read, in one sentence: what it is, and what to do."""


class Match(NamedTuple):
    """What a provider and a model name mean.

    `model_key`: "openai/gpt-4o", the provider being the one whose price list applies; `rule`: the clause that matched;
    `seller`: who sold the call: where Azure sells OpenAI's models, the list is borrowed.
    """

    model_key: str
    rule: str
    seller: str

    @property
    def borrowed(self) -> bool:
        """Whether the list is another provider's."""
        return not self.model_key.startswith(f"{self.seller}/")


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The prices of all models, identified by their content: the same data has the same `id` on any machine.

    `source`: where the data is from, for people. `rows`: one per cell. `names`: provider → its models' names.
    `lenders`: provider → those whose models it sells as well. `lent_variants`: provider → variants of their lists that
    it sells too. `providers`: every name of a provider, as compared → its id. `passing_on`: names of those who sell
    nothing, and put the provider in front of the model. `conditions`: what places and kinds of deployments cost.
    `audio_seconds_min`: model key → seconds that are billed at least.

    Made of these: `rates`: pico-dollars, one row per unit of `UNITS`, one column per cell, `UNPRICED` where there is no
    price. `offered`: whether the cell's variant was for sale then. `verified_until`: days since 1970. `price_ids`: a
    name for each cell. `intervals`, `windows`, `prompts`: ascending search keys, and `cell_at` what they lead to (see
    `cells`). `lists`: (model key, variant) → number of the price list; `nothing` is the number of one without prices.
    """

    id: str
    source: str
    rows: Sequence[PriceRow]
    names: Mapping[str, ModelNames]
    lenders: Mapping[str, tuple[str, ...]]
    lent_variants: Mapping[str, tuple[str, ...]]
    providers: Mapping[str, str]
    passing_on: frozenset[str]
    conditions: Sequence[Condition]
    audio_seconds_min: Mapping[str, int]
    rates: Integers = field(init=False, repr=False)
    offered: npt.NDArray[np.bool_] = field(init=False, repr=False)
    verified_until: Integers = field(init=False, repr=False)
    price_ids: Sequence[str] = field(init=False, repr=False)
    intervals: Integers = field(init=False, repr=False)
    windows: Integers = field(init=False, repr=False)
    prompts: Integers = field(init=False, repr=False)
    cell_at: Integers = field(init=False, repr=False)
    lists: Mapping[tuple[str, str], int] = field(init=False, repr=False)
    nothing: int = field(init=False, repr=False)
    boundaries: Sequence[date] = field(init=False, repr=False)
    _known: Mapping[str, str] = field(init=False, repr=False)
    _remembered: dict[tuple[str | None, str | None], Match | None] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        nothing = PriceRow("", STANDARD, FIRST_DAY, None, None, None, True, (UNPRICED,) * len(UNITS))
        rows = [*self.rows, nothing]
        limits = [(row.verified_until - FIRST_DAY).days if row.verified_until else _NEVER for row in rows]
        own_ids = {comparable(provider): provider for provider in self.names}
        made = {
            "rates": np.array([row.rates for row in rows], dtype=np.int64).T.copy(),
            "offered": np.array([row.offered for row in rows], dtype=np.bool_),
            "verified_until": np.array(limits, dtype=np.int64),
            "price_ids": tuple(row.price_id for row in rows),
            "boundaries": boundaries([(one.valid_from, one.valid_to) for one in self.conditions]),
            "_known": own_ids | dict(self.providers),
            **_search_keys(rows),
        }
        for name, value in made.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, name, value)
        object.__setattr__(self, "nothing", self.lists["", STANDARD])

    def provider_of(self, provider: str | None, model: str | None) -> str | None:
        """Find the provider whose price list applies to a call, or None if none that we know is named."""
        return self._read(provider, model)[0]

    def resolve(self, provider: str | None, model: str | None) -> Match | None:
        """Find the model that two names mean, or None: unknown, and never replaced by a similar one.

        Each spelling of the name is tried among the provider's own models, then among those of the providers whose
        models it sells too. Answers are remembered, "unknown" as well.
        """
        asked = (provider, model)
        if len(provider or "") + len(model or "") > _NAMES_LENGTH_MAX:
            return None
        if asked not in self._remembered:
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[asked] = self._resolve(provider, model)
        return self._remembered[asked]

    def spellings(self, provider: str | None, model: str | None) -> tuple[str, ...]:
        """List the names by which a model is looked for, in the order in which they are tried."""
        return tuple(dict.fromkeys(one for name in self._read(provider, model)[1] for one in spellings(name)))

    def list_of(self, match: Match, variant: str) -> int | None:
        """Find the number of a model's price list for a variant (see `variants`), or None if it has none."""
        if match.borrowed and variant != STANDARD and variant not in self.lent_variants.get(match.seller, ()):
            return None
        return self.lists.get((match.model_key, variant))

    def cells(self, lists: Integers, started_us: Integers, prompt_tokens: Integers) -> Integers:
        """Find the cell that each call is priced by; three arrays of one length.

        `started_us`: microseconds since 1970 in UTC; days begin at midnight UTC. All of the prompt counts for its size,
        cached or not, and the size decides for the whole request; a limit is exceeded, not reached ("over 200,000").
        """
        seconds = started_us // _MICROSECONDS
        days = np.clip(seconds // DAY_S, 0, DAYS - 1)
        interval = np.searchsorted(self.intervals, lists * DAYS + days, side="right") - 1
        of_week = (seconds + _EPOCH_WEEKDAY * DAY_S) % WEEK_S
        window = np.searchsorted(self.windows, interval * WEEK_S + of_week, side="right") - 1
        size = np.clip(prompt_tokens, 0, PROMPTS - 1)
        return self.cell_at[np.searchsorted(self.prompts, window * PROMPTS + size, side="right") - 1]

    def _read(self, provider: str | None, model: str | None) -> tuple[str | None, tuple[str, ...]]:
        """Tell the provider whose prices apply, and the names by which to look for the model."""
        if not provider:
            return None, ()
        name = model or ""
        head, slash, tail = name.partition("/")
        in_front = find_provider(head, self._known) if slash else None
        if comparable(provider) in self.passing_on:
            return in_front, (tail,)
        seller = find_provider(provider, self._known)
        return seller, (name, tail) if in_front == seller else (name,)

    def _resolve(self, provider: str | None, model: str | None) -> Match | None:
        seller, names = self._read(provider, model)
        if seller is None or seller not in self.names:
            return None
        for name in names:
            for spelling in spellings(name):
                for owner in (seller, *self.lenders[seller]):
                    if found := self.names[owner].find(spelling):
                        rule = f"{owner}: {found.rule}" if owner != seller else found.rule
                        return Match(found.model_key, rule, seller)
        return None


def _search_keys(rows: Sequence[PriceRow]) -> dict[str, object]:
    """Lay out rows for binary search: by list, day, second of the week and size of prompt."""
    lists: dict[tuple[str, str], int] = {}
    places: list[tuple[int, int, int, int, int]] = []
    for cell, row in enumerate(rows):
        number = lists.setdefault((row.model_key, row.variant), len(lists))
        day = (row.valid_from - FIRST_DAY).days
        places += [(number, day, second, _prompt_from(row), cell) for second in _begins(row)]
    number, day, second, size, cell_at = np.array(sorted(places), np.int64).T
    of_day = number * DAYS + day
    opens_interval = np.diff(of_day, prepend=-1) != 0
    of_window = (np.cumsum(opens_interval) - 1) * WEEK_S + second
    opens_window = np.diff(of_window, prepend=-1) != 0
    return {
        "lists": lists,
        "intervals": of_day[opens_interval],
        "windows": of_window[opens_window],
        "prompts": (np.cumsum(opens_window) - 1) * PROMPTS + size,
        "cell_at": cell_at.copy(),
    }


def _begins(row: PriceRow) -> Sequence[int]:
    """The seconds of the week from which on a row applies."""
    if row.second is None and row.weekdays is None:
        return (0,)
    return [weekday * DAY_S + (row.second or 0) for weekday in (range(7) if row.weekdays is None else row.weekdays)]


def _prompt_from(row: PriceRow) -> int:
    return 0 if row.prompt_above is None else row.prompt_above + 1
