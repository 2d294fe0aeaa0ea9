"""All prices of a model lie flat: every date, window of the week, size of prompt and variant, corrections included."""

from datetime import UTC, date, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

from genai_prices.data import providers
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from spanledger.processors.pricing.flatten import flatten
from spanledger.processors.pricing.overlay import Correction, Promise
from spanledger.processors.pricing.price_rows import FIRST_DAY, PriceRow
from spanledger.processors.pricing.units import UNITS, UNPRICED


def model(prices: ModelPrice | list[ConditionalPrice], variants: list[PriceVariant] | None = None) -> ModelInfo:
    return ModelInfo("m", ClauseEquals("m"), prices=prices, price_variants=variants)


def dollars(**prices: str) -> ModelPrice:
    return ModelPrice(**{name: Decimal(price) for name, price in prices.items()})


def rows(
    prices: ModelPrice | list[ConditionalPrice],
    variants: list[PriceVariant] | None = None,
    corrections: list[Correction] | None = None,
) -> list[PriceRow]:
    return list(flatten("p", model(prices, variants), corrections or ()))


def corrected(**said: Any) -> Correction:
    return Correction(("p/m",), "https://vendor.example/prices", date(2026, 11, 22), "because", **said)


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
    assert rates(rows(dollars(input_document_kpages="4"))[0]) == {}


def test_dollars_an_hour_become_pico_dollars_a_second() -> None:
    assert rates(rows(dollars(audio_hours="0.36"))[0]) == {"audio_second": 100_000_000}


def test_a_model_that_is_free_costs_zero() -> None:
    (row,) = flatten("p", model(ModelPrice()), free=True)
    assert (rates(row)["input"], rates(row)["output"]) == (0, 0)


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


def test_a_moment_before_all_records_has_the_first_prices() -> None:
    assert rows(dollars(input_mtok="1"))[0].valid_from == FIRST_DAY


# Corrections ----------------------------------------------------------------------------------------------------------


def test_a_correction_replaces_the_prices_it_names_within_its_days_and_says_whom_it_is_from() -> None:
    fix = corrected(prices={"cache_read_mtok": 7}, valid_from=date(2026, 1, 1), valid_to=date(2026, 2, 1))
    before, within, after = rows(dollars(input_mtok="2", cache_read_mtok="1"), corrections=[fix])
    assert [rates(row)["cache_read"] for row in (before, within, after)] == [1_000_000, 7, 1_000_000]
    assert rates(within)["input"] == 2_000_000
    assert [row.price_id for row in (before, within, after)] == ["p/m", "p/m@2026-01-01", "p/m@2026-02-01"]
    assert (within.page, within.checked_on, within.why) == (fix.page, fix.checked_on, "because")
    assert (before.page, before.checked_on, before.why) == (None, None, None)


def test_a_correction_may_hold_at_some_hours_of_some_days_only() -> None:
    peak = corrected(prices={"input_mtok": 8}, weekdays=frozenset({0, 4}), hours=((3600, 7200),))
    found = [(row.price_id, rates(row)["input"]) for row in rows(dollars(input_mtok="2"), corrections=[peak])]
    assert found == [
        ("p/m@T00:00(Mon,Fri)", 2_000_000),
        ("p/m@T01:00(Mon,Fri)", 8),
        ("p/m@T02:00(Mon,Fri)", 2_000_000),
        ("p/m@(Tue,Wed,Thu,Sat,Sun)", 2_000_000),
    ]


def test_a_correction_may_add_a_price_of_long_prompts() -> None:
    long = corrected(prices={"input_mtok": 4}, prompt_above=200_000)
    found = [(row.price_id, rates(row)["input"]) for row in rows(dollars(input_mtok="2"), corrections=[long])]
    assert found == [("p/m", 2_000_000), ("p/m>200000", 4)]


def test_of_two_corrections_the_last_one_wins() -> None:
    first, last = corrected(prices={"input_mtok": 1}), corrected(prices={"input_mtok": 2})
    (row,) = rows(dollars(input_mtok="9"), corrections=[first, last])
    assert rates(row)["input"] == 2


def test_a_variant_that_the_data_does_not_know_is_made_of_the_standard_prices() -> None:
    fast = corrected(variant="fast", prices={"input_mtok": 12}, valid_from=date(2026, 1, 1), valid_to=date(2026, 2, 1))
    standard, *variant = rows(dollars(input_mtok="2", output_mtok="3"), corrections=[fast])
    assert standard.variant == "standard"
    assert [(row.offered, rates(row)["input"]) for row in variant] == [
        (False, 2_000_000), (True, 12), (False, 2_000_000)
    ]  # fmt: skip
    assert rates(variant[1])["output"] == 3_000_000


def test_a_share_of_the_standard_price_halves_tokens_and_no_fees() -> None:
    half = corrected(variant="batch", of_standard=Fraction(1, 2))
    _, batch = rows(dollars(input_mtok="0.13", web_searches_kcount="10"), corrections=[half])
    assert (rates(batch)["input"], rates(batch)["web_search"]) == (65_000, 10 * 10**9)


RECORDED = PriceVariant({"processing": "batch"}, dollars(input_mtok="0.9"), StartDateConstraint(date(2026, 10, 14)))


def test_what_the_data_says_of_a_variant_holds_earlier_as_long_as_the_standard_price_was_the_same() -> None:
    prices = [
        ConditionalPrice(prices=dollars(input_mtok="4")),
        ConditionalPrice(constraint=StartDateConstraint(date(2026, 3, 1)), prices=dollars(input_mtok="2")),
    ]
    since = corrected(variant="batch", backdated=True, valid_from=date(2026, 1, 1))
    found = [
        (row.price_id, row.offered, rates(row)["input"])
        for row in rows(prices, [RECORDED], [since])
        if row.variant == "batch"
    ]
    assert found == [
        ("p/m+batch", False, 4_000_000),
        ("p/m@2026-03-01+batch", True, 900_000),
        ("p/m@2026-10-14+batch", True, 900_000),
    ]


def test_a_share_is_not_taken_where_the_data_has_a_price() -> None:
    half = corrected(variant="batch", of_standard=Fraction(1, 2))
    _, before, after = rows(dollars(input_mtok="2"), [RECORDED], [half])
    assert [rates(row)["input"] for row in (before, after)] == [1_000_000, 900_000]


def test_a_variant_that_ended_is_no_longer_for_sale() -> None:
    end = corrected(variant="batch", ends=True, valid_from=date(2026, 12, 1))
    assert [row.offered for row in rows(dollars(input_mtok="2"), [RECORDED], [end]) if row.variant == "batch"] == [
        False, True, False
    ]  # fmt: skip


def test_a_promise_limits_the_price_that_holds_from_its_day_on() -> None:
    prices = [
        ConditionalPrice(prices=dollars(input_mtok="4")),
        ConditionalPrice(constraint=StartDateConstraint(date(2026, 8, 21)), prices=dollars(input_mtok="2")),
    ]
    promise = Promise(("p/m",), date(2026, 8, 21), date(2026, 11, 21), "https://vendor.example", date(2026, 11, 22), "")
    before, promised = flatten("p", model(prices), (), [promise])
    assert (before.verified_until, promised.verified_until) == (None, date(2026, 11, 21))
