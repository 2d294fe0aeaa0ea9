"""Costs equal those that `genai_prices` computes from the same data, except where the overlay corrects it."""

import random
import re
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cache

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from genai_prices.types import StartDateConstraint, TieredPrices, TimeOfDateConstraint

from spanledger.processors.pricing.bundled import bundled_overlay
from spanledger.processors.pricing.compare import diff
from spanledger.processors.pricing.conditions import matches
from spanledger.processors.pricing.genai_prices_data import compile_catalogue
from spanledger.processors.pricing.units import UNITS, UNPRICED
from spanledger.processors.pricing.variants import CONTEXTS, find_variant
from spanledger.storage.schema import PICO
from tests.price_calls import CATALOGUE, GPT_4O, NOON, Row, literals, priced

CALLS = 10_000
PARTS_OF_NAMES = re.compile(r"(?:starts_with|ends_with|contains)='([^']+)'")
ROW_OF = dict(zip(CATALOGUE.price_ids, (*CATALOGUE.rows, None), strict=True))
MODELS = {f"{provider.id}/{model.id}": model for provider in providers for model in provider.models}
OVERLAY = bundled_overlay()
WITHOUT_A_NAME = 3
"""Models that are known by regular expressions alone, which their own ids do not fit: so many are left out."""


@cache
def names() -> list[tuple[str, str]]:
    """A name for every model of the data: (provider, name)."""
    found = []
    for provider in providers:
        for model in provider.models:
            for name in (model.id, *literals(model.match), *PARTS_OF_NAMES.findall(repr(model.match))):
                match = CATALOGUE.resolve(provider.id, name)
                if match is not None and match.model_key == f"{provider.id}/{model.id}":
                    found.append((provider.id, name))
                    break
    return found


def key_of(row: Row) -> str:
    match = CATALOGUE.resolve(row["provider"], row["request_model"])
    assert match is not None
    return match.model_key


@cache
def is_rich(key: str) -> bool:
    """Whether a model has history, variants or more than three prices: where there is something to get wrong."""
    model = MODELS[key]
    return isinstance(model.prices, list) or bool(model.price_variants) or len(vars(model.prices)) > 3


def random_row(chance: random.Random, provider: str, model: str) -> Row:
    """Any usage on any day; of variants and searches mostly those that the model has a price for."""
    entry = MODELS[key_of({"provider": provider, "request_model": model})]
    sold = {value for variant in entry.price_variants or () for value in variant.when.values()}
    tier = chance.choice([None, None, "default", *sorted(sold & {"batch", "flex", "priority"}), "batch"])
    searched = "web_searches_kcount" in repr(entry.prices) or chance.random() < 0.1
    prompt = chance.choice([0, 1, 5_000, 99_999, 128_001, 200_000, 200_001, 272_001, 600_000])
    read, write_5m, write_1h = (chance.choice([0, prompt // 5]) for _ in range(3))
    audio, image = (chance.choice([0, 0, prompt // 10]) for _ in range(2))
    output = chance.choice([0, 7, 10_000])
    return {
        "provider": provider,
        "request_model": model,
        "started_at": datetime(2024, 6, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(3 * 365 * 86_400)),
        "service_tier": tier,
        "speed": "fast" if tier is None and "fast" in sold and chance.random() < 0.5 else None,
        "input_tokens": prompt,
        "cache_read_tokens": read,
        "cache_write_tokens": write_5m + write_1h,
        "cache_write_5m_tokens": write_5m,
        "cache_write_1h_tokens": write_1h,
        "input_audio_tokens": audio,
        "cache_read_audio_tokens": min(audio, read) // 2,
        "input_image_tokens": 0 if read else image,
        "output_tokens": output,
        "reasoning_tokens": output // 2,
        "output_audio_tokens": output // 4,
        "web_searches": chance.choice([0, 3]) if searched else 0,
        "audio_seconds": chance.choice([0, 0, 7, 90]),
    }


def oracle(row: Row) -> Decimal:
    names = {"cache_read_audio_tokens": "cache_audio_read_tokens", "reasoning_tokens": "output_reasoning_tokens"}
    counts = {
        names.get(name, name): count
        for name, count in row.items()
        if name.endswith("_tokens") or name in {"web_searches", "audio_seconds"}
    }
    heard = {"cache_image_read_tokens": 0, "input_audio_seconds": row.get("audio_seconds", 0)}
    return calc_price(
        Usage(**counts, **heard),
        row["request_model"],
        provider_id=row["provider"],
        genai_request_timestamp=row["started_at"],
        price_context=CONTEXTS.get(find_variant(row.get("service_tier"), row.get("speed"))),
    ).total_price


def rounding_of(row: Row) -> Decimal:
    """How far a price with more decimals than the pico-dollar may lead from the exact product: half of one a piece."""
    model = MODELS[key_of(row)]
    records = [record.prices for record in model.prices] if isinstance(model.prices, list) else [model.prices]
    records += [variant.prices for variant in model.price_variants or ()]
    rounded = Decimal(0)
    for name, entry in ((name, entry) for record in records for name, entry in vars(record).items()):
        amounts = [entry.base, *(t.price for t in entry.tiers)] if isinstance(entry, TieredPrices) else [entry]
        if name.endswith("_hours"):
            rounded = max(rounded, Decimal(row.get("audio_seconds", 0)) / 2 / PICO)
        elif any(amount * 10**6 != int(amount * 10**6) for amount in amounts):
            rounded = max(rounded, Decimal(row["input_tokens"] + row["output_tokens"]) / 2 / PICO)
    return rounded


def test_nearly_every_model_of_the_data_has_a_name_to_call_it_by() -> None:
    assert len(names()) >= len(MODELS) - WITHOUT_A_NAME


def test_every_model_costs_on_any_day_what_the_package_says_except_where_the_overlay_corrects_it() -> None:
    chance = random.Random(20261122)
    rich = [one for one in names() if is_rich(key_of({"provider": one[0], "request_model": one[1]}))]
    more = CALLS - 2 * len(names())
    chosen = [*names(), *names(), *(chance.choice(rich) for _ in range(more))]
    rows = [random_row(chance, *one) for one in chosen]
    compared, otherwise = 0, set()
    for row, call in zip(rows, priced(*rows), strict=True):
        if call["price_status"] == "unpriced_unit":
            continue  # the package says 0, or the standard price
        assert call["cost_usd"] is not None, (row, call)
        theirs = oracle(row)
        if abs(call["cost_usd"] - theirs) <= rounding_of(row):
            compared += 1
        else:
            used = ROW_OF[call["price_id"]]
            assert used is not None, (row, call, theirs)
            assert used.why is not None, (row, call, theirs)
            otherwise.add(key_of(row))
    assert len(rows) == CALLS
    assert compared > CALLS // 2, "too few of the calls have a price to compare"
    named = [pattern for correction in OVERLAY.corrections for pattern in correction.models]
    assert {key for key in otherwise if not any(matches(pattern, key) for pattern in named)} == set()


def test_what_is_not_sold_by_any_unit_we_count_is_unpriced_and_all_else_has_a_price() -> None:
    rows = [GPT_4O | {"provider": provider, "request_model": name} for provider, name in names()]
    for row, call in zip(rows, priced(*rows), strict=True):
        if call["price_status"] == "unpriced_unit":
            key = key_of(row)
            rates = [dict(zip(UNITS, one.rates, strict=True)) for one in CATALOGUE.rows if one.model_key == key]
            assert any(UNPRICED in {one["input"], one["output"]} for one in rates), row


def test_the_overlay_changes_what_it_names_and_nothing_else() -> None:
    """The models whose prices are not the package's, by computation; each row of the overlay changes some price."""
    changed = diff(compile_catalogue(providers, ""), CATALOGUE)
    keys = {change.model_key for change in changed.changed} | set(changed.added)
    for correction in OVERLAY.corrections:
        named = {key for key in keys if any(matches(pattern, key) for pattern in correction.models)}
        assert named, f"{correction.models} {correction.variant}: it corrects no price any more"
    patterns = [pattern for correction in OVERLAY.corrections for pattern in correction.models]
    assert {key for key in keys if not any(matches(pattern, key) for pattern in patterns)} <= OVERLAY.free
    assert set(changed.renamed) == set()
    assert set(changed.removed) == set()


BOUNDARIES = [
    (provider.id, literals(model.match)[0], record.constraint)
    for provider in providers
    for model in provider.models
    if isinstance(model.prices, list) and literals(model.match)
    for record in model.prices
    if record.constraint is not None
]


def edges(constraint: StartDateConstraint | TimeOfDateConstraint) -> list[datetime]:
    if isinstance(constraint, StartDateConstraint):
        return [datetime.combine(constraint.start_date, time(), UTC)]
    return [datetime.combine(NOON, constraint.start_time), datetime.combine(NOON, constraint.end_time)]


@pytest.mark.parametrize("seed", [1, 2])
def test_prices_change_on_the_microsecond_on_which_they_change_in_the_package(seed: int) -> None:
    rows = [
        GPT_4O | {"provider": provider, "request_model": name, "started_at": moment}
        for provider, name, constraint in random.Random(seed).sample(BOUNDARIES, 120)
        for edge in edges(constraint)
        for moment in (edge - timedelta(microseconds=1), edge)
    ]
    for row, call in zip(rows, priced(*rows), strict=True):
        used = ROW_OF.get(call["price_id"])
        if call["cost_usd"] is not None and (used is None or used.why is None):
            assert abs(call["cost_usd"] - oracle(row)) <= rounding_of(row), (row, call)
