"""The price data of `genai_prices`, compiled into a catalogue: once per start, after which the package is not called.

Prices become integers of pico-dollars per token: dollars per million tokens times 10⁶. That is exact for prices of up
to six decimals, which is all that vendors publish; the few with more (float noise such as 0.18000000000000002, thirds
such as 0.0833333333333333) are rounded half-even to the pico-dollar.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from spanledger.processors.catalogue import DAYS, FIRST_DAY, PROMPTS, SECONDS, UNITS, UNPRICED, Catalogue
from spanledger.processors.model_names import ModelNames, describe
from spanledger.processors.price_variants import CONTEXTS, STANDARD

FREE: Final = frozenset(
    {
        "github-copilot/gpt-3.5-turbo",  # part of the subscription: the service itself reported a cost of zero
        "github-copilot/gpt-4.1",
        "github-copilot/gpt-4o",
        "github-copilot/gpt-4o-mini",
        "google/gemma-3",  # free of charge, without a paid tier: https://ai.google.dev/gemini-api/docs/pricing
        "google/gemma-3n",
        "google/gemma-4-26b-a4b-it",
        "google/gemma-4-31b-it",
        "openai/moderation",  # https://platform.openai.com/docs/guides/moderation: "free to use"
    }
)
"""Models whose empty price list means free, besides those whose name says so (`…:free`). Other empty lists belong to
models that left the market or are charged per piece: having no price is not being free."""

_FREE_BY_NAME: Final = ":free"
_PICO_PER_DOLLAR: Final = {"mtok": 10**6, "kcount": 10**9}
"""Ending of a price's name → pico-dollars for one piece at one dollar per million tokens, per thousand pieces."""
_ID_LENGTH: Final = 16


_Constraint: TypeAlias = StartDateConstraint | TimeOfDateConstraint | None


class PriceRow(NamedTuple):
    """What a model costs in one cell of the catalogue: from a day on, from a second of the day on, above a prompt size.

    `valid_from`: `FIRST_DAY` where the data does not say. `second`: None where prices do not follow the clock.
    `prompt_above`: None for the price of short prompts. `rates`: pico-dollars, in the order of `UNITS`.
    """

    model_key: str
    variant: str
    valid_from: date
    second: int | None
    prompt_above: int | None
    offered: bool
    rates: tuple[int, ...]

    @property
    def price_id(self) -> str:
        """Name the row: `openai/gpt-6-sol@2026-10-14+batch>272000`, each part only where it says something."""
        day = "" if self.valid_from == FIRST_DAY else f"{self.valid_from}"
        clock = "" if self.second is None else f"T{_clock(self.second):%H:%M}"
        since = f"@{day}{clock}" if day or clock else ""
        variant = "" if self.variant == STANDARD else f"+{self.variant}"
        size = "" if self.prompt_above is None else f">{self.prompt_above}"
        return f"{self.model_key}{since}{variant}{size}"


def bundled_catalogue() -> Catalogue:
    """Compile the prices that come with the installed `genai_prices`; no network."""
    from genai_prices.data import providers  # 1.6 MB of Python: only those who price pay for it

    return compile_catalogue(providers, f"genai-prices {version('genai-prices')}")


def compile_catalogue(providers: Sequence[Provider], source: str) -> Catalogue:
    """Compile price data into a catalogue; `source` tells people where the data is from."""
    rows = [row for provider in providers for model in provider.models for row in flatten(provider.id, model)]
    names = {provider.id: _names(provider) for provider in providers}
    lenders = {provider.id: tuple(provider.fallback_model_providers or ()) for provider in providers}
    lists: dict[tuple[str, str], int] = {}
    intervals: list[int] = []
    windows: list[int] = []
    prompts: list[int] = []
    for row in rows:
        number = lists.setdefault((row.model_key, row.variant), len(lists))
        _extend(intervals, number * DAYS + (row.valid_from - FIRST_DAY).days)
        _extend(windows, (len(intervals) - 1) * SECONDS + (row.second or 0))
        prompts.append((len(windows) - 1) * PROMPTS + (0 if row.prompt_above is None else row.prompt_above + 1))
    return Catalogue(
        id=_content_id(rows, names, lenders),
        source=source,
        rates=np.array([row.rates for row in rows], dtype=np.int64).reshape(-1, len(UNITS)).T.copy(),
        offered=np.array([row.offered for row in rows], dtype=np.bool_),
        price_ids=tuple(row.price_id for row in rows),
        intervals=np.array(intervals, dtype=np.int64),
        windows=np.array(windows, dtype=np.int64),
        prompts=np.array(prompts, dtype=np.int64),
        lists=lists,
        names=names,
        lenders=lenders,
    )


def flatten(provider_id: str, model: ModelInfo) -> Iterator[PriceRow]:
    """List all prices of a model, in ascending order of variant, day, second and size of prompt."""
    model_key = f"{provider_id}/{model.id}"
    free = model_key in FREE or model_key.endswith(_FREE_BY_NAME)
    for variant in (STANDARD, *CONTEXTS):
        overrides = [entry for entry in model.price_variants or () if _selected(entry, variant)]
        if variant != STANDARD and not overrides:
            continue
        constraints = [*(record.constraint for record in _records(model)), *(entry.constraint for entry in overrides)]
        seconds = _seconds(constraints)
        for day in _days(constraints):
            for second in seconds:
                moment = datetime.combine(day, _clock(second), UTC)
                offered = variant == STANDARD or any(_active(entry, moment) for entry in overrides)
                prices = model.get_prices(moment, CONTEXTS.get(variant))
                for above in _sizes(prices):
                    rates = _rates(prices, above, free)
                    clock = second if len(seconds) > 1 else None
                    yield PriceRow(model_key, variant, day, clock, above, offered, rates)


def _records(model: ModelInfo) -> Sequence[ConditionalPrice]:
    return model.prices if isinstance(model.prices, list) else (ConditionalPrice(prices=model.prices),)


def _selected(entry: PriceVariant, variant: str) -> bool:
    return entry.when.items() <= CONTEXTS.get(variant, {}).items()


def _active(entry: PriceVariant, moment: datetime) -> bool:
    return entry.constraint is None or entry.constraint.active(moment)


def _days(constraints: Iterable[_Constraint]) -> list[date]:
    """The days on which a price may change, the first day of all first."""
    starts = {constraint.start_date for constraint in constraints if isinstance(constraint, StartDateConstraint)}
    return sorted({FIRST_DAY, *starts})


def _seconds(constraints: Iterable[_Constraint]) -> list[int]:
    """The seconds of the day, in UTC, at which a price may change; midnight first."""
    windows = [constraint for constraint in constraints if isinstance(constraint, TimeOfDateConstraint)]
    return sorted({0, *(_second(end) for window in windows for end in (window.start_time, window.end_time))})


def _second(clock: time) -> int:
    moment = datetime.combine(FIRST_DAY, clock)
    utc = moment.astimezone(UTC) if clock.tzinfo else moment
    return utc.hour * 3600 + utc.minute * 60 + utc.second


def _clock(second: int) -> time:
    return (datetime.min + timedelta(seconds=second)).time()


def _sizes(prices: ModelPrice) -> list[int | None]:
    """The sizes of prompt above which any of the prices changes; None, for below all of them, first."""
    tiered = [price for price in vars(prices).values() if isinstance(price, TieredPrices)]
    return [None, *sorted({tier.start for price in tiered for tier in price.tiers})]


def _rates(prices: ModelPrice, prompt_above: int | None, free: bool) -> tuple[int, ...]:
    priced = {name: _pico(name, price, prompt_above) for name, price in vars(prices).items() if price is not None}
    if free and not priced:
        priced = {"input_mtok": 0, "output_mtok": 0}
    return tuple(next((priced[name] for name in chain if name in priced), UNPRICED) for chain in UNITS.values())


def _pico(name: str, price: Decimal | TieredPrices, prompt_above: int | None) -> int:
    """The pico-dollars of one piece; 0 for prices per hour, page or pixel, which no unit asks for."""
    if isinstance(price, TieredPrices):
        reached = [tier.price for tier in price.tiers if prompt_above is not None and tier.start <= prompt_above]
        dollars = reached[-1] if reached else price.base
    else:
        dollars = price
    return int((dollars * _PICO_PER_DOLLAR.get(name.rpartition("_")[2], 0)).to_integral_value(ROUND_HALF_EVEN))


def _names(provider: Provider) -> ModelNames:
    return ModelNames(
        tuple(f"{provider.id}/{model.id}" for model in provider.models),
        tuple(model.match for model in provider.models),
    )


def _extend(keys: list[int], key: int) -> None:
    if not keys or keys[-1] != key:
        keys.append(key)


def _content_id(
    rows: Iterable[PriceRow], names: Mapping[str, ModelNames], lenders: Mapping[str, tuple[str, ...]]
) -> str:
    """Hash what decides on a price: all rates, and which names mean which model."""
    content = hashlib.sha256()
    for row in rows:
        content.update(f"{row.price_id} {row.offered:d} {row.rates}\n".encode())
    for provider, models in names.items():
        content.update(f"{provider} {lenders[provider]}\n".encode())
        for model_key, clause in zip(models.model_keys, models.clauses, strict=True):
            content.update(f"{model_key} {describe(clause)}\n".encode())
    return content.hexdigest()[:_ID_LENGTH]
