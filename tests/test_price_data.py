"""The price data becomes rows of integers: every date, window of the day, size of prompt and variant of a model."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data import providers
from genai_prices.types import (
    ClauseEquals,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from spanledger.processors.catalogue import UNITS, UNPRICED
from spanledger.processors.price_data import FREE, PriceRow, bundled_catalogue, compile_catalogue, flatten


def model(prices: ModelPrice | list[ConditionalPrice], variants: list[PriceVariant] | None = None) -> ModelInfo:
    return ModelInfo("m", ClauseEquals("m"), prices=prices, price_variants=variants)


def dollars(**prices: str) -> ModelPrice:
    return ModelPrice(**{name: Decimal(price) for name, price in prices.items()})


def rows(prices: ModelPrice | list[ConditionalPrice], variants: list[PriceVariant] | None = None) -> list[PriceRow]:
    return list(flatten("p", model(prices, variants)))


def rates(row: PriceRow) -> dict[str, int]:
    return {unit: rate for unit, rate in zip(UNITS, row.rates, strict=True) if rate != UNPRICED}


def test_dollars_per_million_tokens_become_pico_dollars_per_token() -> None:
    (row,) = rows(dollars(input_mtok="2.50", output_mtok="0.000001", web_searches_kcount="10", requests_kcount="12"))
    assert row.price_id == "p/m"
    assert rates(row) | {"input": 2_500_000, "output": 1, "web_search": 10 * 10**9, "request": 12 * 10**9} == rates(row)


def test_float_noise_is_rounded_to_the_pico_dollar() -> None:
    noisy = dollars(input_mtok="0.18000000000000002", cache_read_mtok="0.13999999999999999", output_mtok="0.0833333333")
    (row,) = rows(noisy)
    assert [rates(row)[unit] for unit in ("input", "cache_read", "output")] == [180_000, 140_000, 83_333]


def test_a_part_without_a_price_costs_what_the_whole_costs() -> None:
    (row,) = rows(dollars(input_mtok="4", cache_write_mtok="5", output_mtok="8"))
    priced = rates(row)
    assert {priced[unit] for unit in ("input", "cache_read", "input_audio", "cache_read_audio")} == {4_000_000}
    assert {priced[unit] for unit in ("cache_write", "cache_write_5m", "cache_write_1h")} == {5_000_000}
    assert {priced[unit] for unit in ("output", "reasoning", "output_audio", "output_image")} == {8_000_000}
    assert "web_search" not in priced


def test_no_price_is_not_a_price_of_nothing() -> None:
    assert rates(rows(ModelPrice())[0]) == {}
    assert rates(rows(dollars(audio_hours="0.36"))[0]) == {}


@pytest.mark.parametrize(
    ("provider", "name"), [("openrouter", "meta-llama/llama-3.3-70b-instruct:free"), ("google", "gemma-3")]
)
def test_a_model_that_is_free_costs_zero(provider: str, name: str) -> None:
    (row,) = flatten(provider, ModelInfo(name, ClauseEquals(name), prices=ModelPrice()))
    assert (rates(row)["input"], rates(row)["output"]) == (0, 0)


def test_the_free_models_are_still_in_the_data_and_still_without_prices() -> None:
    known = {f"{provider.id}/{entry.id}": entry.prices for provider in providers for entry in provider.models}
    assert {key: known.get(key) for key in FREE} == dict.fromkeys(FREE, ModelPrice())


def test_each_date_and_each_size_of_prompt_has_a_row() -> None:
    tiered = TieredPrices(Decimal(1), [Tier(200_000, Decimal(2)), Tier(500_000, Decimal(3))])
    prices = [
        ConditionalPrice(prices=dollars(input_mtok="9")),
        ConditionalPrice(StartDateConstraint(date(2026, 3, 1)), prices=ModelPrice(input_mtok=tiered)),
    ]
    found = [(row.price_id, rates(row)["input"]) for row in rows(prices)]
    assert found == [
        ("p/m", 9_000_000),
        ("p/m@2026-03-01", 1_000_000),
        ("p/m@2026-03-01>200000", 2_000_000),
        ("p/m@2026-03-01>500000", 3_000_000),
    ]


def test_windows_of_the_day_split_it_where_the_price_may_change() -> None:
    night = TimeOfDateConstraint(time(22, tzinfo=UTC), time(6, 30, tzinfo=UTC))
    prices = [ConditionalPrice(prices=dollars(input_mtok="2")), ConditionalPrice(night, prices=dollars(input_mtok="1"))]
    found = [(row.price_id, rates(row)["input"]) for row in rows(prices)]
    assert found == [("p/m@T00:00", 1_000_000), ("p/m@T06:30", 2_000_000), ("p/m@T22:00", 1_000_000)]


def test_a_variant_replaces_some_prices_keeps_the_others_and_starts_on_its_day() -> None:
    batch = PriceVariant({"processing": "batch"}, dollars(input_mtok="1"), StartDateConstraint(date(2026, 10, 14)))
    standard, before, after = rows(dollars(input_mtok="2", cache_read_mtok="0.5"), [batch])
    assert (standard.price_id, standard.offered, rates(standard)["input"]) == ("p/m", True, 2_000_000)
    assert (before.price_id, before.offered) == ("p/m+batch", False)
    assert (after.price_id, after.offered, rates(after)["input"]) == ("p/m@2026-10-14+batch", True, 1_000_000)
    assert rates(after)["cache_read"] == 500_000


def test_fast_is_a_service_tier_or_a_speed() -> None:
    for when in ({"service_tier": "fast"}, {"speed": "fast"}):
        assert [
            row.variant for row in rows(dollars(input_mtok="2"), [PriceVariant(when, dollars(input_mtok="4"))])
        ] == [
            "standard",
            "fast",
        ]


def test_a_variant_by_something_that_no_call_says_is_left_out() -> None:
    route = PriceVariant({"route": "mistral/eu"}, dollars(input_mtok="4"))
    assert [row.variant for row in rows(dollars(input_mtok="2"), [route])] == ["standard"]


def test_what_the_data_calls_the_default_tier_is_the_standard_price() -> None:
    """Price variants named default are taken for the standard list without being read; here is why that is right."""
    for entry in (entry for provider in providers for entry in provider.models):
        for variant in entry.price_variants or ():
            if variant.when == {"service_tier": "default"}:
                assert vars(variant.prices) == {}, entry.id


def test_every_row_of_the_real_data_has_a_name_of_its_own_and_no_negative_price() -> None:
    catalogue = bundled_catalogue()
    assert len(set(catalogue.price_ids)) == len(catalogue.price_ids) == catalogue.rates.shape[1]
    assert len(catalogue.price_ids) > 3_000
    assert (catalogue.rates >= UNPRICED).all()
    for keys in (catalogue.intervals, catalogue.windows, catalogue.prompts):
        assert (keys[1:] > keys[:-1]).all()


def one_provider(**changes: Any) -> Provider:
    entry = ModelInfo(
        "m", changes.get("match", ClauseEquals("m")), prices=dollars(input_mtok=changes.get("price", "1"))
    )
    return Provider("p", "P", "", fallback_model_providers=changes.get("lenders"), models=[entry])


def test_the_same_data_has_the_same_id_and_any_change_of_price_or_name_another() -> None:
    first = compile_catalogue([one_provider()], "a file")
    assert first.id == compile_catalogue([one_provider()], "another file").id
    changes: list[dict[str, Any]] = [{"price": "1.000001"}, {"match": ClauseStartsWith("m")}, {"lenders": ["q"]}]
    others = {compile_catalogue([one_provider(**change)], "a file").id for change in changes}
    assert len(others - {first.id}) == len(changes)


def test_the_id_is_short_hexadecimal_and_the_source_says_the_release() -> None:
    catalogue = bundled_catalogue()
    assert catalogue.id == bundled_catalogue().id
    assert len(bytes.fromhex(catalogue.id)) == 8
    assert catalogue.source.startswith("genai-prices ")


def test_a_moment_before_all_records_has_the_first_prices() -> None:
    assert rows(dollars(input_mtok="1"))[0].valid_from == datetime(1970, 1, 1, tzinfo=UTC).date()
