"""A catalogue's prices as a table, for questions in SQL: dollars as vendors state them, with the days they hold."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from spanledger.processors.pricing.catalogue import Catalogue
from spanledger.processors.pricing.price_rows import FIRST_DAY, PriceRow, days_text
from spanledger.processors.pricing.units import UNITS, UNPRICED, dollars_per
from spanledger.processors.pricing.variants import STANDARD

_DOLLARS: Final = pa.decimal128(38, 12)
_EXACT: Final = Decimal(1).scaleb(-_DOLLARS.scale)


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
    found = [_price(row, valid_to, to_second) for row, valid_to, to_second in _ends(catalogue.rows)]
    found += [
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
    return pa.Table.from_pylist(found, schema=pa.schema(list(COLUMNS.items())))


def _ends(all_rows: Sequence[PriceRow]) -> list[tuple[PriceRow, date | None, int | None]]:
    """Each row with the day and the second on which the next of its kind follows."""
    days: dict[tuple[str, str], set[date]] = {}
    seconds: dict[tuple[str, str, date, tuple[int, ...] | None], set[int]] = {}
    for row in all_rows:
        days.setdefault((row.model_key, row.variant), set()).add(row.valid_from)
        if row.second is not None:
            key = (row.model_key, row.variant, row.valid_from, row.weekdays)
            seconds.setdefault(key, set()).add(row.second)
    ends = []
    for row in all_rows:
        later = [day for day in days[row.model_key, row.variant] if day > row.valid_from]
        mine = seconds.get((row.model_key, row.variant, row.valid_from, row.weekdays), set())
        after = [second for second in mine if row.second is not None and second > row.second]
        ends.append((row, min(later, default=None), min(after, default=None)))
    return ends


def _price(row: PriceRow, valid_to: date | None, to_second: int | None) -> dict[str, Any]:
    provider, _, model = row.model_key.partition("/")
    rates: dict[str, Decimal | None] = {
        rate_column(unit): None if rate == UNPRICED else dollars_per(unit, rate).quantize(_EXACT)
        for unit, rate in zip(UNITS, row.rates, strict=True)
    }
    return {
        "price_id": row.price_id,
        "provider": provider,
        "model": model,
        "variant": row.variant,
        "valid_from": None if row.valid_from == FIRST_DAY else row.valid_from,
        "valid_to": valid_to,
        "from_second": row.second,
        "to_second": to_second,
        "weekdays": None if row.weekdays is None else days_text(row.weekdays),
        "prompt_above": row.prompt_above,
        "offered": row.offered,
        "source_url": row.page,
        "checked_on": row.checked_on,
        "verified_until": row.verified_until,
        **rates,
    }
