"""What every model cost, on every day: an immutable price list in arrays, and which model a name means.

Every price list (a model's standard prices, or one of its variants such as batch) consists of cells: one for each
interval of days, each window of the day where prices follow the clock, and each size of prompt from which on the whole
request costs another price. A cell holds one integer per unit of usage. Which cell a call belongs to is three binary
searches, for all rows at once. `price_data` compiles a catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from spanledger.processors.model_names import ModelNames, spellings
from spanledger.processors.price_variants import STANDARD
from spanledger.processors.provider_names import PASSING_ON, comparable, find_provider

Integers: TypeAlias = npt.NDArray[np.int64]

UNITS: Final[Mapping[str, tuple[str, ...]]] = {
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write": ("cache_write_mtok", "input_mtok"),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "input_audio": ("input_audio_mtok", "input_mtok"),
    "cache_read_audio": ("cache_audio_read_mtok", "cache_read_mtok", "input_audio_mtok", "input_mtok"),
    "input_image": ("input_image_mtok", "input_mtok"),
    "output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    "output_audio": ("output_audio_mtok", "output_mtok"),
    "output_image": ("output_image_mtok", "output_mtok"),
    "web_search": ("web_searches_kcount",),
    "request": ("requests_kcount",),
}
"""Unit → the prices it may have, its own first: a part without a price of its own costs what the whole costs.
The names are those of `genai_prices`: dollars per million tokens, dollars per thousand pieces."""

UNPRICED: Final = -1
"""The rate of a unit without a price: neither one of its own nor one of a whole that it is part of."""

FIRST_DAY: Final = date(1970, 1, 1)
"""Start of a model's first prices: the data does not say when they began."""
DAYS: Final = 1 << 17
SECONDS: Final = 24 * 60 * 60
PROMPTS: Final = 1 << 40
"""Room in a search key for days since 1970 (up to 2328), for seconds of the day, for tokens of a prompt."""

_MICROSECONDS: Final = 1_000_000
_REMEMBERED_MAX: Final = 100_000
"""Names whose meaning is kept: some 30 MB of real ones, whatever clients invent."""
_NAMES_LENGTH_MAX: Final = 500
"""Longer than any provider's and model's name together (an ARN has some 130 characters): no use in looking for them."""


class Match(NamedTuple):
    """What a provider and a model name mean.

    `model_key`: "openai/gpt-4o", the provider being the one whose price list applies; `rule`: the clause that matched;
    `borrowed`: the list is another provider's (Azure sells OpenAI's models), whose variants do not apply.
    """

    model_key: str
    rule: str
    borrowed: bool


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The prices of all models, identified by their content: the same data has the same `id` on any machine.

    `source`: where the data is from, for people. `rates`: pico-dollars, one row per unit of `UNITS`, one column per
    cell, `UNPRICED` where there is no price. `offered`: whether the cell's variant was for sale then. `price_ids`: a
    name for each cell. `intervals`, `windows`, `prompts`: ascending search keys (see `cells`). `lists`: (model key,
    variant) → number of the price list. `names`: provider → its models' names. `lenders`: provider → those whose models
    it sells as well.
    """

    id: str
    source: str
    rates: Integers
    offered: npt.NDArray[np.bool_]
    price_ids: tuple[str, ...]
    intervals: Integers
    windows: Integers
    prompts: Integers
    lists: Mapping[tuple[str, str], int]
    names: Mapping[str, ModelNames]
    lenders: Mapping[str, tuple[str, ...]]
    _own_ids: Mapping[str, str] = field(init=False, repr=False)
    _remembered: dict[tuple[str | None, str | None], Match | None] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_own_ids", {comparable(provider): provider for provider in self.names})
        for array in (self.rates, self.offered, self.intervals, self.windows, self.prompts):
            array.flags.writeable = False

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

    def list_of(self, match: Match, variant: str) -> int | None:
        """Find the number of a model's price list for a variant (see `price_variants`), or None if it has none."""
        if match.borrowed and variant != STANDARD:
            return None
        return self.lists.get((match.model_key, variant))

    def cells(self, lists: Integers, started_us: Integers, prompt_tokens: Integers) -> Integers:
        """Find the cell that each call is priced by; three arrays of one length.

        `started_us`: microseconds since 1970 in UTC; days begin at midnight UTC. All of the prompt counts for its size,
        cached or not, and the size decides for the whole request; a limit is exceeded, not reached ("over 200,000").
        """
        seconds = started_us // _MICROSECONDS
        days = np.clip(seconds // SECONDS, 0, DAYS - 1)
        interval = np.searchsorted(self.intervals, lists * DAYS + days, side="right") - 1
        window = np.searchsorted(self.windows, interval * SECONDS + seconds % SECONDS, side="right") - 1
        size = np.clip(prompt_tokens, 0, PROMPTS - 1)
        return np.searchsorted(self.prompts, window * PROMPTS + size, side="right") - 1

    def _read(self, provider: str | None, model: str | None) -> tuple[str | None, tuple[str, ...]]:
        """Tell the provider whose prices apply, and the names by which to look for the model."""
        if not provider:
            return None, ()
        name = model or ""
        head, slash, tail = name.partition("/")
        in_front = find_provider(head, self._own_ids) if slash else None
        if comparable(provider) in PASSING_ON:
            return in_front, (tail,)
        seller = find_provider(provider, self._own_ids)
        return seller, (name, tail) if in_front == seller else (name,)

    def _resolve(self, provider: str | None, model: str | None) -> Match | None:
        seller, names = self._read(provider, model)
        if seller is None or seller not in self.names:
            return None
        for name in names:
            for spelling in spellings(name):
                for owner in (seller, *self.lenders[seller]):
                    if found := self.names[owner].find(spelling):
                        borrowed = owner != seller
                        rule = f"{owner}: {found.rule}" if borrowed else found.rule
                        return Match(found.model_key, rule, borrowed)
        return None
