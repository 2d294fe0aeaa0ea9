"""Calls to be priced, as rows and as batches, and names of models to call."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa
from genai_prices.types import ClauseEquals, ClauseOr, MatchLogic

from spanledger.processors.pricing.bundled import bundled_catalogue
from spanledger.processors.pricing.price import price
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.storage.schema import COLUMNS, COSTS, LABEL, Batch, Step

CATALOGUE = bundled_catalogue()
PRICE: Step = partial(price, book=PriceBook(CATALOGUE))
SET = (*COSTS, "cost_basis", "price_status", "price_id", "price_rule", "catalogue_id")
NOON = datetime(2026, 11, 15, 12, tzinfo=UTC)
GPT_4O = {
    "provider": "openai",
    "request_model": "gpt-4o",
    "started_at": NOON,
    "input_tokens": 1000,
    "output_tokens": 100,
}

Row = dict[str, Any]


def batch(rows: Sequence[Row], *, without: Sequence[str] = SET) -> Batch:
    columns = {}
    for name, kind in COLUMNS.items():
        values = [row.get(name) for row in rows]
        if name not in without:
            columns[name] = (
                pa.array(values, pa.string()).dictionary_encode() if kind is LABEL else pa.array(values, kind)
            )
    return pa.table(columns)


def priced(*rows: Row) -> list[Row]:
    return PRICE(batch(rows)).to_pylist()


def literals(clause: MatchLogic) -> list[str]:
    """The names that a clause spells out."""
    if isinstance(clause, ClauseOr):
        return [name for part in clause.or_ for name in literals(part)]
    return [clause.equals] if isinstance(clause, ClauseEquals) else []
