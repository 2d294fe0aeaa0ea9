"""Costs equal those that the engine of `genai_prices` computes, one call at a time, from the same data."""

import random
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from genai_prices import Usage, calc_price
from genai_prices.data import providers
from genai_prices.types import StartDateConstraint, TieredPrices, TimeOfDateConstraint

from spanledger.processors.price_variants import CONTEXTS, find_variant
from spanledger.storage.schema import PICO
from tests.price_calls import CATALOGUE, GPT_4O, NOON, Row, literals, priced

NAMED = [
    (provider.id, name) for provider in providers for model in provider.models for name in literals(model.match)[:2]
]
RICH = [
    (provider.id, name)
    for provider in providers
    for model in provider.models
    if isinstance(model.prices, list) or model.price_variants or len(vars(model.prices)) > 3
    for name in literals(model.match)[:1]
]
"""Names of models with history, variants or more than three prices: where there is something to get wrong."""


def random_row(chance: random.Random) -> Row:
    provider, model = chance.choice(RICH if chance.random() < 0.8 else NAMED)
    prompt = chance.choice([0, 1, 5_000, 99_999, 128_001, 200_000, 200_001, 272_001, 600_000])
    read, write_5m, write_1h = (chance.choice([0, prompt // 5]) for _ in range(3))
    audio, image = (chance.choice([0, 0, prompt // 10]) for _ in range(2))
    output = chance.choice([0, 7, 10_000])
    return {
        "provider": provider,
        "request_model": model,
        "started_at": datetime(2024, 6, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(3 * 365 * 86_400)),
        **chance.choice(
            [
                {},
                {},
                {"service_tier": "default"},
                {"service_tier": "batch"},
                {"service_tier": "flex"},
                {"service_tier": "priority"},
                {"speed": "fast"},
            ]
        ),
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
        "web_searches": chance.choice([0, 0, 0, 3]),
    }


def oracle(row: Row) -> Decimal:
    names = {"cache_read_audio_tokens": "cache_audio_read_tokens", "reasoning_tokens": "output_reasoning_tokens"}
    counts = {
        names.get(name, name): count
        for name, count in row.items()
        if name.endswith("_tokens") or name == "web_searches"
    }
    cached_image = {"cache_image_read_tokens": 0}
    return calc_price(
        Usage(**counts, **cached_image),
        row["request_model"],
        provider_id=row["provider"],
        genai_request_timestamp=row["started_at"],
        price_context=CONTEXTS.get(find_variant(row.get("service_tier"), row.get("speed"))),
    ).total_price


def rounding_of(row: Row) -> Decimal:
    """How far a price with more than six decimals may lead from the exact product: half a pico-dollar a token."""
    match = CATALOGUE.resolve(row["provider"], row["request_model"])
    assert match is not None
    provider, _, name = match.model_key.partition("/")
    model = next(m for p in providers if p.id == provider for m in p.models if m.id == name)
    records = [record.prices for record in model.prices] if isinstance(model.prices, list) else [model.prices]
    prices = [entry for record in records for entry in vars(record).values()]
    flat = [entry.base if isinstance(entry, TieredPrices) else entry for entry in prices]
    exact = all(entry * 10**6 == int(entry * 10**6) for entry in flat)
    return Decimal(0) if exact else Decimal(row["input_tokens"] + row["output_tokens"]) / 2 / PICO


def test_any_usage_of_any_model_on_any_day_costs_what_the_package_says() -> None:
    chance = random.Random(20261122)
    rows = [random_row(chance) for _ in range(4000)]
    compared = 0
    for row, call in zip(rows, priced(*rows), strict=True):
        assert call["price_status"] in {"priced", "unpriced_unit"}, row
        if call["price_status"] == "priced":
            compared += 1
            assert abs(call["cost_usd"] - oracle(row)) <= rounding_of(row), (row, call)
    assert compared > 1000, "too few of the calls have a price to compare"


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


def test_prices_change_on_the_microsecond_on_which_they_change_in_the_package() -> None:
    rows = [
        GPT_4O | {"provider": provider, "request_model": name, "started_at": moment}
        for provider, name, constraint in random.Random(1).sample(BOUNDARIES, 120)
        for edge in edges(constraint)
        for moment in (edge - timedelta(microseconds=1), edge)
    ]
    for row, call in zip(rows, priced(*rows), strict=True):
        if call["price_status"] == "priced":
            assert abs(call["cost_usd"] - oracle(row)) <= rounding_of(row), (row, call)
