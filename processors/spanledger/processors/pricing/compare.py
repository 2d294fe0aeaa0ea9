"""Compare price lists: two catalogues with each other, and ours with LiteLLM's list."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np

from spanledger.processors.pricing.catalogue import Catalogue, CatalogueError
from spanledger.processors.pricing.clauses import describe
from spanledger.processors.pricing.price_rows import PriceRow
from spanledger.processors.pricing.units import UNITS, UNPRICED, dollars_per
from spanledger.processors.pricing.variants import STANDARD

LITELLM_PRICES: Final[Mapping[str, str]] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
}
"""Prices of LiteLLM's list, dollars for one token → unit."""
_LITELLM_SELLERS: Final[Mapping[str, str]] = {
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "text-completion-openai": "openai",
    "azure_text": "azure",
    "azure_ai": "azure",
}
"""Providers of LiteLLM's list that are not called so anywhere else; what follows a hyphen is a family of models."""
_PER_TOKEN_TO_MILLION: Final = 10**6
_NOISE: Final = Decimal("1e-6")
"""LiteLLM's prices are floating point numbers: below a millionth of a dollar per million tokens they are noise."""
_SAMPLE: Final = "sample_spec"


@dataclass(frozen=True)
class PriceChange:
    """A price that differs: unit → dollars as vendors state them, in each that differs; None where there is none."""

    price_id: str
    model_key: str
    before: Mapping[str, Decimal | None]
    after: Mapping[str, Decimal | None]


@dataclass(frozen=True)
class Difference:
    """What a new catalogue changes: models by their keys, prices, whose names changed, conditions in words."""

    added: Sequence[str]
    removed: Sequence[str]
    changed: Sequence[PriceChange]
    renamed: Sequence[str]
    conditions_added: Sequence[str]
    conditions_removed: Sequence[str]

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.changed, self.renamed, self._conditions))

    @property
    def _conditions(self) -> bool:
        return bool(self.conditions_added or self.conditions_removed)


@dataclass(frozen=True)
class Disagreement:
    """A price on which our two sources differ, dollars as vendors state them."""

    model_key: str
    litellm_name: str
    unit: str
    ours: Decimal | None
    theirs: Decimal


@dataclass(frozen=True)
class Agreement:
    """How far LiteLLM's list agrees with ours: `compared` models are in both, `disagreements` are sorted by model."""

    compared: int
    disagreements: Sequence[Disagreement]

    @property
    def agreeing(self) -> int:
        """Models of which all prices that both state are the same."""
        return self.compared - len({one.litellm_name for one in self.disagreements})


def diff(old: Catalogue, new: Catalogue) -> Difference:
    """Find what changes from one catalogue to another."""
    before, after = _prices(old), _prices(new)
    models_before, models_after = _clauses(old), _clauses(new)
    both = models_before.keys() & models_after.keys()
    conditions_before, conditions_after = _conditions(old), _conditions(new)
    return Difference(
        added=sorted(models_after.keys() - models_before.keys()),
        removed=sorted(models_before.keys() - models_after.keys()),
        changed=[
            change
            for one in dict.fromkeys([*before, *after])
            if (change := _change(one, before.get(one), after.get(one), both)) is not None
        ],
        renamed=sorted(key for key in both if models_before[key] != models_after[key]),
        conditions_added=[one for one in conditions_after if one not in conditions_before],
        conditions_removed=[one for one in conditions_before if one not in conditions_after],
    )


def disagreements(catalogue: Catalogue, litellm: bytes, day: date, name: str = "LiteLLM's list") -> Agreement:
    """Compare a catalogue's prices of a day, for short prompts, with LiteLLM's `model_prices_and_context_window.json`.

    Raises CatalogueError for what is no such list; `name` is the file, for people.
    """
    compared = 0
    found: list[Disagreement] = []
    for litellm_name, entry in _litellm(litellm, name):
        seller = str(entry.get("litellm_provider") or "")
        match = catalogue.resolve(_LITELLM_SELLERS.get(seller, seller.partition("-")[0]), litellm_name)
        theirs = {unit: entry[key] for key, unit in LITELLM_PRICES.items() if _is_price(entry.get(key))}
        number = None if match is None else catalogue.list_of(match, STANDARD)
        if match is None or number is None or "input" not in theirs:
            continue
        compared += 1
        ours = _rates(catalogue, number, day)
        for unit, dollars in theirs.items():
            stated = (Decimal(dollars) * _PER_TOKEN_TO_MILLION).quantize(_NOISE)
            mine = None if ours[unit] == UNPRICED else dollars_per(unit, ours[unit])
            if mine is None or abs(mine - stated) > _NOISE:
                found.append(Disagreement(match.model_key, litellm_name, unit, mine, stated.normalize() + 0))
    return Agreement(compared, sorted(found, key=lambda one: (one.model_key, one.litellm_name, one.unit)))


def _litellm(content: bytes, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        entries = json.loads(content, parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise CatalogueError(f"{name} is no JSON: {error}") from error
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise CatalogueError(f"{name} is no list of models; give LiteLLM's model_prices_and_context_window.json")
    yield from ((key, entry) for key, entry in entries.items() if key != _SAMPLE)


def _is_price(value: object) -> bool:
    return isinstance(value, Decimal)


def _rates(catalogue: Catalogue, number: int, day: date) -> dict[str, int]:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    started_us = np.array([int(noon.timestamp()) * 10**6])
    (cell,) = catalogue.cells(np.array([number]), started_us, np.array([1]))
    return dict(zip(UNITS, catalogue.rates[:, cell].tolist(), strict=True))


def _prices(catalogue: Catalogue) -> dict[str, PriceRow]:
    return {row.price_id: row for row in catalogue.rows}


def _clauses(catalogue: Catalogue) -> dict[str, str]:
    """Every model, and what its names are."""
    return {
        key: describe(clause)
        for names in catalogue.names.values()
        for key, clause in zip(names.model_keys, names.clauses, strict=True)
    }


def _conditions(catalogue: Catalogue) -> list[str]:
    return [f"{one.provider}, {', '.join(one.models)}: {one.text}" for one in catalogue.conditions]


def _change(price_id: str, before: PriceRow | None, after: PriceRow | None, both: "set[str]") -> PriceChange | None:
    """What became of a price of a model that both have; models that came or went are told as such."""
    model_key = (after or before or _NO_ROW).model_key
    old, new = _dollars(before), _dollars(after)
    differing = [unit for unit in UNITS if old[unit] != new[unit]]
    if model_key not in both or not differing:
        return None
    return PriceChange(
        price_id, model_key, {unit: old[unit] for unit in differing}, {unit: new[unit] for unit in differing}
    )


def _dollars(row: PriceRow | None) -> dict[str, Decimal | None]:
    if row is None or not row.offered:
        return dict.fromkeys(UNITS)
    return {
        unit: None if rate == UNPRICED else dollars_per(unit, rate) for unit, rate in zip(UNITS, row.rates, strict=True)
    }


_NO_ROW: Final = PriceRow("", STANDARD, date.min, None, None, None, False, ())
