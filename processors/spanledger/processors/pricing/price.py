"""Price calls: what each cost as of its day, part by part, or the reason why that is not known.

Names are looked up once per distinct combination of a batch (see `quotes`); everything per row is integer arithmetic on
arrays (see `charges`). Of each whole, the parts with a price of their own are taken out and charged at that price, the
rest at the price of the whole. All of the prompt decides which price applies, for all of the request; of a sum of calls
no prompt is known, and the price is that of short ones.

An unknown cost is NULL, never 0. `price_status` says why:

- `priced`: the cost is known; a free model costs 0, and so does what a gateway answered from its own cache.
- `past_verified_until`: the cost is that of the last known price, which the vendor promised until an earlier day.
- `unknown_provider`, `unknown_model`: no such name in the catalogue (`response_model` is tried before `request_model`).
- `missing_usage`: the record does not say how much was used.
- `bad_usage`: the counts contradict each other (see `usage`), or come to a million dollars and more.
- `unpriced_unit`: what was used has no price in the catalogue: a service tier, web searches, provisioned throughput,
  any use of a model that is sold by the page, which no column counts.

`cost_basis` says what the amount is: `estimated` from the price list, `api_equivalent` for what a plan pays for,
`billed` where the seller itself reported the same amount, or where nobody was paid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.processors.distinct import combinations, dense
from spanledger.processors.pricing.catalogue import Integers
from spanledger.processors.pricing.charges import TOTAL, Factors, charge, multiply
from spanledger.processors.pricing.money import decimals, picos
from spanledger.processors.pricing.own_prices import OwnPrices
from spanledger.processors.pricing.price_book import DAY_US, PriceBook
from spanledger.processors.pricing.quotes import (
    BAD_USAGE,
    BASES,
    BILLED,
    MISSING_USAGE,
    PAST_VERIFIED_UNTIL,
    PRICED,
    STATUSES,
    UNKNOWN_MODEL,
    UNKNOWN_PROVIDER,
    UNPRICED_UNIT,
    Quote,
)
from spanledger.processors.pricing.units import UNITS
from spanledger.processors.pricing.usage import Usage, read_usage
from spanledger.storage.schema import PICO, Batch

Mask: TypeAlias = npt.NDArray[np.bool_]

SETS: Final = ("cost_basis", "price_status", "price_id", "price_rule", "catalogue_id")
"""The columns that pricing sets besides `schema.COSTS`."""

OF_A_SUM: Final = "a sum of calls: priced as short prompts"
"""Added to the rule of what several calls used together: some may have been long, so that the cost is the least it was.
"""

_REPORTED_WITHIN_PICO: Final = PICO // 10**6
"""A reported cost within a millionth of a dollar is ours: they are reported as floating point numbers, or rounded."""


@dataclass(frozen=True, eq=False)
class Reckoned:
    """How the costs of a batch came about, an entry per call in each array.

    `quotes[which[i]]` is the quote of call i, `price_ids[price[i]]` the id of its price, `rates` are pico-dollars by
    unit, `amounts` by cost column; amounts mean something where `known`, `cached` is where a gateway answered. `status`
    and `basis` are positions in `STATUSES` and `BASES`.
    """

    quotes: Sequence[Quote]
    which: Integers
    usage: Usage
    cells: Integers
    rates: Mapping[str, Integers]
    amounts: Mapping[str, Integers]
    status: Integers
    known: Mask
    cached: Mask
    basis: Integers
    price: Integers
    price_ids: Sequence[str]


def price(batch: Batch, book: PriceBook) -> Batch:
    """Set the columns of `schema.COSTS` and of `SETS`.

    `batch`: a table with the other columns of `schema.CALLS`; the named ones are replaced where they stand or appended.
    The parts of a cost add up to `cost_usd` exactly. The input is not changed, and `reported_cost_usd` never.
    """
    reckoned = reckon(batch, book)
    known, which = reckoned.known, reckoned.which
    everywhere = np.zeros(batch.num_rows, dtype=np.int64)
    always = np.ones(batch.num_rows, dtype=np.bool_)
    bought = known & ~reckoned.cached
    columns: dict[str, pa.Array] = {part: decimals(amount, known) for part, amount in reckoned.amounts.items()}
    columns["cost_basis"] = _labels(reckoned.basis, BASES, known)
    columns["price_status"] = _labels(reckoned.status, STATUSES, always)
    columns["price_id"] = _few_labels(reckoned.price, reckoned.price_ids, bought)
    rules = [rule_of(one, is_sum=is_sum) for is_sum in (False, True) for one in reckoned.quotes]
    columns["price_rule"] = _labels(which + len(reckoned.quotes) * reckoned.usage.is_sum, rules, always)
    columns["catalogue_id"] = _labels(everywhere, [book.catalogue.id], known)
    return _with_columns(batch, columns)


def reckon(batch: Batch, book: PriceBook) -> Reckoned:
    """Work out what the calls of a batch cost, and keep how."""
    catalogue = book.catalogue
    started = batch.column("started_at")
    started_us = started.cast(pa.int64()).fill_null(0).to_numpy()
    quotes, which = _quotes(batch, book, started_us)
    codes = _codes(quotes, which)
    usage = read_usage(batch, codes.audio_seconds_min)
    cells = catalogue.cells(codes.number, started_us, usage.prompt)
    own = OwnPrices(book, quotes, codes.own_price.astype(np.bool_), which, cells, usage.prompt)
    rates = own.put_into({unit: listed[cells] for unit, listed in zip(UNITS, catalogue.rates, strict=True)})
    charges = charge(usage, rates)
    amounts, too_much = _multiplied(charges.amounts, codes)

    status = codes.status
    past = (started_us // DAY_US > catalogue.verified_until[cells]) & ~own.mask
    status[past & (status == PRICED)] = PAST_VERIFIED_UNTIL
    reasons = (  # ascending in importance: the last one that applies stays
        (UNPRICED_UNIT, charges.unpriced | ~(catalogue.offered[cells] | own.mask)),
        (BAD_USAGE, usage.impossible | charges.impossible | too_much),
        (MISSING_USAGE, usage.missing | charges.ambiguous | started.is_null().to_numpy()),
    )
    unnamed = (status == UNKNOWN_PROVIDER) | (status == UNKNOWN_MODEL)
    for reason, applies in reasons:
        status[applies & ~unnamed] = reason
    cached = codes.cached.astype(np.bool_)
    if cached.any():
        status[cached] = PRICED
        amounts = {part: np.where(cached, 0, amount) for part, amount in amounts.items()}

    known = (status == PRICED) | (status == PAST_VERIFIED_UNTIL)
    basis = _basis(batch, codes, amounts[TOTAL], known)
    prices = cells.copy()
    prices[own.rows] = len(catalogue.price_ids) + own.price_of_row
    price_ids = (*catalogue.price_ids, *own.price_ids) if own.price_ids else catalogue.price_ids
    return Reckoned(quotes, which, usage, cells, rates, amounts, status, known, cached, basis, prices, price_ids)


def rule_of(quote: Quote, *, is_sum: bool) -> str | None:
    """What led to a price, for people; None where nothing did."""
    return f"{quote.rule}; {OF_A_SUM}" if is_sum and quote.rule is not None else quote.rule


def _quotes(batch: Batch, book: PriceBook, started_us: Integers) -> tuple[list[Quote], Integers]:
    """The distinct quotes of a batch, and which of them each call has."""
    names, which = combinations(batch, book.columns)
    if len(book.days) == 1:
        return [book.quote(one, 0) for one in names], which
    stretches = book.stretches(started_us)
    which, count = dense(which * len(book.days) + stretches, len(names) * len(book.days))
    row_of = np.zeros(count, dtype=np.int64)  # any row of each
    row_of[which] = np.arange(batch.num_rows)
    chosen = combinations(batch.take(pa.array(row_of)).select(book.columns), book.columns)
    return [book.quote(chosen[0][at], int(stretches[row])) for at, row in zip(chosen[1], row_of, strict=True)], which


class _Codes(NamedTuple):
    """The codes of the quote of each call (see `quotes.Codes`)."""

    status: Integers
    number: Integers
    basis: Integers
    audio_seconds_min: Integers
    cached: Integers
    own_price: Integers
    seller_tells: Integers
    multiplied: Integers
    tokens: Integers
    fees: Integers
    denominator: Integers


def _codes(quotes: Sequence[Quote], which: Integers) -> _Codes:
    table = np.array([one.codes for one in quotes], dtype=np.int64).reshape(-1, len(_Codes._fields)).T
    return _Codes(*(column[which] for column in table))


def _multiplied(amounts: Mapping[str, Integers], codes: _Codes) -> tuple[Mapping[str, Integers], Mask]:
    """The amounts after conditions and discounts, and where they are too large; most calls have neither."""
    too_much = np.zeros(len(codes.multiplied), dtype=np.bool_)
    rows = np.flatnonzero(codes.multiplied)
    if not len(rows):
        return amounts, too_much
    factors = Factors(codes.tokens[rows], codes.fees[rows], codes.denominator[rows])
    found, too_much[rows] = multiply({part: amount[rows] for part, amount in amounts.items()}, factors)
    whole = {part: amount.copy() for part, amount in amounts.items()}
    for part, amount in found.items():
        whole[part][rows] = amount
    return whole, too_much


def _basis(batch: Batch, codes: _Codes, cost: Integers, known: Mask) -> Integers:
    """What each amount is; billed where the seller itself reported what we worked out."""
    basis = codes.basis
    if codes.seller_tells.any():
        reported, said = picos(batch.column("reported_cost_usd"))
        same = np.abs(reported - cost) <= _REPORTED_WITHIN_PICO
        basis[codes.seller_tells.astype(np.bool_) & said & known & same] = BILLED
    return basis


def _few_labels(codes: Integers, values: Sequence[str], known: Mask) -> pa.DictionaryArray:
    """Labels of which only few of many values are used."""
    used, count = dense(np.where(known, codes, 0), len(values))
    code_of = np.zeros(count, dtype=np.int64)
    code_of[used] = np.where(known, codes, 0)
    return _labels(used, [values[code] for code in code_of.tolist()], known)


def _labels(codes: Integers, values: Sequence[str | None], known: Mask) -> pa.DictionaryArray:
    """Labels by their place in `values`; NULL is told by the row, never by the dictionary."""
    said = np.array([value is not None for value in values], dtype=np.bool_)
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32), mask=~(known & said[codes])),
        pa.array([value or "" for value in values], type=pa.string()),
    )


def _with_columns(batch: Batch, columns: Mapping[str, pa.Array]) -> Batch:
    for name, values in columns.items():
        place = batch.schema.get_field_index(name)
        if place < 0:
            batch = batch.append_column(pa.field(name, values.type), values)
        else:
            batch = batch.set_column(place, pa.field(name, values.type), values)
    return batch
