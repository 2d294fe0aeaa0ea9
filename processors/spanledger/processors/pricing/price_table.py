"""A catalogue's prices as a table, for questions in SQL: dollars as vendors state them, with the days they hold."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.pricing.catalogue import Catalogue
from spanledger.processors.pricing.price_rows import FIRST_DAY, PriceRow, days_text
from spanledger.processors.pricing.units import UNITS, UNPRICED, dollars_per
from spanledger.processors.pricing.variants import STANDARD

_PICO: Final = pa.decimal128(19, 0)
_DOLLARS_OF_ONE: Final = pa.decimal128(18, 12)
_DOLLARS: Final = pa.decimal128(38, 12)
"""What a product of the two is."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value", date, int)


def rate_column(unit: str) -> str:
    """Name the column of a unit's rate: dollars per million tokens, per thousand pieces, per hour of audio."""
    return "audio_hour_usd" if unit == "audio_second" else f"{unit}_usd"


COLUMNS: Final[dict[str, pa.DataType]] = {
    "price_id": pa.string(),
    "provider": pa.string(),
    "model": pa.string(),
    "variant": pa.string(),
    "conditions": pa.string(),  # where it holds; such rows have no rates, they say what the others are multiplied by
    "valid_from": pa.date32(),  # NULL: for as long as anybody knows
    "valid_to": pa.date32(),  # the first day on which it holds no more
    "from_second": pa.int32(),  # of the UTC day, where prices follow the clock
    "to_second": pa.int32(),  # NULL: until the day ends
    "weekdays": pa.string(),
    "prompt_above": pa.int64(),
    "offered": pa.bool_(),
    **{rate_column(unit): _DOLLARS for unit in UNITS},
    "source_url": pa.string(),
    "checked_on": pa.date32(),
    "verified_until": pa.date32(),
}


def rows(catalogue: Catalogue) -> pa.Table:
    """One row a price, with the columns of `COLUMNS`; then one a condition."""
    schema = pa.schema(list(COLUMNS.items()))
    conditions = [
        {
            "price_id": f"condition/{number}",
            "provider": one.provider,
            "model": ", ".join(one.models),
            "variant": one.variant or STANDARD,
            "conditions": one.text,
            "valid_from": one.valid_from,
            "valid_to": one.valid_to,
            "offered": not one.unsold,
            "source_url": one.page,
            "checked_on": one.checked_on,
        }
        for number, one in enumerate(catalogue.conditions, 1)
    ]
    prices = pa.table(_prices(catalogue), schema=schema)
    return pa.concat_tables([prices, pa.Table.from_pylist(conditions, schema=schema)])


def _ends(all_rows: Sequence[PriceRow]) -> list[tuple[date | None, int | None]]:
    """For each row the day and the second on which the next of its kind follows."""
    days = _followers((_list_of(row), row.valid_from) for row in all_rows)
    seconds = _followers((_day_of(row), row.second) for row in all_rows if row.second is not None)
    return [
        (
            days.get((_list_of(row), row.valid_from)),
            None if row.second is None else seconds.get((_day_of(row), row.second)),
        )
        for row in all_rows
    ]


def _list_of(row: PriceRow) -> tuple[str, str]:
    return row.model_key, row.variant


def _day_of(row: PriceRow) -> tuple[str, str, date, tuple[int, ...] | None]:
    return row.model_key, row.variant, row.valid_from, row.weekdays


def _followers(pairs: Iterable[tuple[_Key, _Value]]) -> dict[tuple[_Key, _Value], _Value]:
    """For each key and value the next greater value of that key; the last ones have none."""
    values: dict[_Key, set[_Value]] = {}
    for key, value in pairs:
        values.setdefault(key, set()).add(value)
    return {(key, one): later for key, some in values.items() for one, later in pairwise(sorted(some))}


def _prices(catalogue: Catalogue) -> dict[str, Any]:
    """The columns of all prices. Thousands of rows one by one would take a quarter of a new ledger's start."""
    all_rows = catalogue.rows
    models = [row.model_key.partition("/") for row in all_rows]
    ends = _ends(all_rows)
    columns: dict[str, Any] = {
        "price_id": catalogue.price_ids[: len(all_rows)],
        "provider": [provider for provider, _, _ in models],
        "model": [model for _, _, model in models],
        "variant": [row.variant for row in all_rows],
        "conditions": [None] * len(all_rows),
        "valid_from": [None if row.valid_from == FIRST_DAY else row.valid_from for row in all_rows],
        "valid_to": [valid_to for valid_to, _ in ends],
        "from_second": [row.second for row in all_rows],
        "to_second": [to_second for _, to_second in ends],
        "weekdays": [None if row.weekdays is None else days_text(row.weekdays) for row in all_rows],
        "prompt_above": [row.prompt_above for row in all_rows],
        "offered": [row.offered for row in all_rows],
        "source_url": [row.page for row in all_rows],
        "checked_on": [row.checked_on for row in all_rows],
        "verified_until": [row.verified_until for row in all_rows],
    }
    rates = np.array([row.rates for row in all_rows], np.int64).reshape(len(all_rows), len(UNITS))
    for place, unit in enumerate(UNITS):
        columns[rate_column(unit)] = _dollars(unit, rates[:, place])
    return {name: columns[name] for name in COLUMNS}


def _dollars(unit: str, rates: npt.NDArray[np.int64]) -> pa.Array:
    """Rates as vendors state them: pico-dollars times what one of them is for so many pieces, exactly."""
    priced = pa.array(rates, mask=rates == UNPRICED).cast(_PICO)
    return pc.multiply(priced, pa.scalar(dollars_per(unit, 1), _DOLLARS_OF_ONE))
