"""Price calls: what each cost as of its day, part by part, or the reason why that is not known.

Names are looked up once per distinct combination of a batch; everything per row is integer arithmetic on arrays. Of
each whole, the parts with a price of their own are taken out and charged at that price, the rest at the price of the
whole. All of the prompt decides which price applies, for all of the request.

An unknown cost is NULL, never 0. `price_status` says why:

- `priced`: the cost is known; a free model costs 0.
- `unknown_provider`, `unknown_model`: no such name in the catalogue (`response_model` is tried before `request_model`).
- `missing_usage`: the record does not say how much was used.
- `bad_usage`: the counts contradict each other (see `usage`), or come to a million dollars and more.
- `unpriced_unit`: what was used has no price in the catalogue: a service tier, web searches, any use of a model that is
  sold by the hour or the page, which no column counts.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.processors.catalogue import UNITS, UNPRICED, Catalogue
from spanledger.processors.distinct import combinations, dense
from spanledger.processors.money import PICO_MAX, decimals
from spanledger.processors.price_variants import STANDARD, find_variant
from spanledger.processors.usage import Usage, read_usage
from spanledger.storage.schema import Batch

Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

STATUSES: Final = ("priced", "unknown_provider", "unknown_model", "missing_usage", "bad_usage", "unpriced_unit")
"""Values of `price_status`; of several reasons the first in this order is given."""
PRICED, UNKNOWN_PROVIDER, UNKNOWN_MODEL, MISSING_USAGE, BAD_USAGE, UNPRICED_UNIT = range(len(STATUSES))

_NAMES: Final = ("provider", "request_model", "response_model", "service_tier", "speed")
"""The columns that decide on the price list."""
_CERTAINLY_TOO_MUCH: Final = 2.0 * PICO_MAX
"""Costs are estimated in floating point first: below this, integers cannot wrap and are compared exactly."""


class _Quote(NamedTuple):
    """What the names of a call lead to: a price list by its `number`, or a status that says why to none."""

    status: int
    number: int = 0
    rule: str | None = None


class _Charges(NamedTuple):
    """Pico-dollars by cost column, and the calls for which they are wrong: `ambiguous`, `impossible` or `unpriced`."""

    amounts: Mapping[str, Integers]
    ambiguous: Mask
    impossible: Mask
    unpriced: Mask


def price(batch: Batch, catalogue: Catalogue) -> Batch:
    """Set the columns of `schema.COSTS`, `cost_basis`, `price_status`, `price_id`, `price_rule` and `catalogue_id`.

    `batch`: a table with the other columns of `schema.CALLS`; the named ones are replaced where they stand or appended.
    The parts of a cost add up to `cost_usd` exactly. The input is not changed.
    """
    names, which = combinations(batch, _NAMES)
    quotes = [_quote(catalogue, *name) for name in names]
    usage = read_usage(batch)
    started = batch.column("started_at")
    numbers = np.array([quote.number for quote in quotes], dtype=np.int64)[which]
    cells = catalogue.cells(numbers, started.cast(pa.int64()).fill_null(0).to_numpy(), usage.input)
    charges = _charge(usage, {unit: rates[cells] for unit, rates in zip(UNITS, catalogue.rates, strict=True)})

    status = np.array([quote.status for quote in quotes], dtype=np.int64)[which]
    reasons = (  # ascending in importance: the last one that applies stays
        (UNPRICED_UNIT, charges.unpriced | ~catalogue.offered[cells]),
        (BAD_USAGE, usage.impossible | charges.impossible),
        (MISSING_USAGE, usage.missing | charges.ambiguous | started.is_null().to_numpy()),
    )
    unnamed = (status == UNKNOWN_PROVIDER) | (status == UNKNOWN_MODEL)
    for reason, applies in reasons:
        status[applies & ~unnamed] = reason

    priced = status == PRICED
    used_cells, cell_count = dense(np.where(priced, cells, 0), len(catalogue.price_ids))
    cell_of = np.empty(cell_count, dtype=np.int64)
    cell_of[used_cells] = np.where(priced, cells, 0)
    everywhere = np.zeros(batch.num_rows, dtype=np.int64)
    columns: dict[str, pa.Array] = {part: decimals(amount, priced) for part, amount in charges.amounts.items()}
    columns["cost_basis"] = _labels(everywhere, ["estimated"], priced)
    columns["price_status"] = _labels(status, STATUSES, np.ones(batch.num_rows, dtype=np.bool_))
    columns["price_id"] = _labels(used_cells, [catalogue.price_ids[cell] for cell in cell_of], priced)
    columns["price_rule"] = _labels(which, [quote.rule for quote in quotes], priced)
    columns["catalogue_id"] = _labels(everywhere, [catalogue.id], priced)
    return _with_columns(batch, columns)


def _quote(
    catalogue: Catalogue,
    provider: str | None,
    request_model: str | None,
    response_model: str | None,
    service_tier: str | None,
    speed: str | None,
) -> _Quote:
    for column, model in (("response_model", response_model), ("request_model", request_model)):
        if model and (match := catalogue.resolve(provider, model)):
            rule = f"{column} {match.rule}"
            number = catalogue.list_of(match, find_variant(service_tier, speed))
            if number is None:
                return _Quote(UNPRICED_UNIT, catalogue.lists[match.model_key, STANDARD], rule)
            return _Quote(PRICED, number, rule)
    named = (catalogue.provider_of(provider, model) for model in (response_model, request_model))
    return _Quote(UNKNOWN_MODEL if any(named) else UNKNOWN_PROVIDER)


def _charge(usage: Usage, rates: Mapping[str, Integers]) -> _Charges:
    """Multiply counts by rates: each token is charged once, at the price of the narrowest part it belongs to."""
    audio_apart = rates["input_audio"] != rates["input"]
    image_apart = rates["input_image"] != rates["input"]
    audio = np.where(audio_apart, usage.input_audio - usage.cache_read_audio, 0)
    image = np.where(image_apart, usage.input_image, 0)
    text = usage.input - usage.cache_read - usage.cache_write - audio - image
    reasoning = _apart(usage.reasoning, rates, "reasoning")
    spoken = _apart(usage.output_audio, rates, "output_audio")
    drawn = _apart(usage.output_image, rates, "output_image")
    written = usage.output - reasoning - spoken - drawn
    other_writes = usage.cache_write - usage.cache_write_5m - usage.cache_write_1h
    bill: dict[str, tuple[tuple[str, Integers], ...]] = {
        "cost_input_usd": (("input", text), ("input_audio", audio), ("input_image", image)),
        "cost_cache_read_usd": (
            ("cache_read", usage.cache_read - usage.cache_read_audio),
            ("cache_read_audio", usage.cache_read_audio),
        ),
        "cost_cache_write_usd": (
            ("cache_write", other_writes),
            ("cache_write_5m", usage.cache_write_5m),
            ("cache_write_1h", usage.cache_write_1h),
        ),
        "cost_output_usd": (
            ("output", written),
            ("reasoning", reasoning),
            ("output_audio", spoken),
            ("output_image", drawn),
        ),
        "cost_fees_usd": (
            ("web_search", usage.web_searches),
            ("request", np.where(rates["request"] == UNPRICED, 0, 1)),  # most models charge none
        ),
    }
    nothing = np.zeros_like(usage.input)
    amounts = {"cost_usd": nothing} | dict.fromkeys(bill, nothing)
    estimate = np.zeros(len(nothing))
    unpriced = (rates["input"] == UNPRICED) & (rates["output"] == UNPRICED)
    for part, items in bill.items():
        for unit, count in items:
            amount = count * rates[unit]
            amounts[part] = amounts[part] + amount
            estimate += count.astype(np.float64) * rates[unit]
            unpriced |= (count != 0) & (rates[unit] == UNPRICED)
        amounts["cost_usd"] = amounts["cost_usd"] + amounts[part]
    cached_apart = rates["cache_read"] != rates["input"]
    return _Charges(
        amounts,
        ambiguous=usage.overlap_unsaid & (audio_apart | image_apart) & (cached_apart | (text < 0)),
        impossible=(text < 0) | (written < 0) | (estimate > _CERTAINLY_TOO_MUCH) | (amounts["cost_usd"] > PICO_MAX),
        unpriced=unpriced,
    )


def _apart(count: Integers, rates: Mapping[str, Integers], unit: str) -> Integers:
    """A part of the output, where it has a price of its own; elsewhere it stays in the rest."""
    return np.where(rates[unit] == rates["output"], 0, count)


def _labels(codes: Integers, values: Sequence[str | None], known: Mask) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32), mask=~known), pa.array(values, type=pa.string())
    )


def _with_columns(batch: Batch, columns: Mapping[str, pa.Array]) -> Batch:
    for name, values in columns.items():
        place = batch.schema.get_field_index(name)
        if place < 0:
            batch = batch.append_column(pa.field(name, values.type), values)
        else:
            batch = batch.set_column(place, pa.field(name, values.type), values)
    return batch
