"""The prices as a table: dollars as the vendors state them, with the days and the hours they hold."""

from datetime import date
from decimal import Decimal
from typing import Any

from spanledger.processors.pricing.price_table import COLUMNS, rows
from tests.price_calls import CATALOGUE

TABLE = rows(CATALOGUE).to_pylist()


def of(provider: str, model: str, variant: str = "standard") -> list[dict[str, Any]]:
    return [row for row in TABLE if (row["provider"], row["model"], row["variant"]) == (provider, model, variant)]


def test_every_price_and_every_condition_is_a_row() -> None:
    assert len(TABLE) == len(CATALOGUE.rows) + len(CATALOGUE.conditions)
    assert set(TABLE[0]) == set(COLUMNS)


def test_a_price_has_its_first_day_and_the_first_one_without_it() -> None:
    before, after = of("openai", "o3")
    assert (before["valid_from"], before["valid_to"]) == (None, date(2025, 6, 10))
    assert (after["valid_from"], after["valid_to"]) == (date(2025, 6, 10), None)
    assert (before["cache_read_usd"], before["checked_on"]) == (Decimal("2.50"), date(2026, 11, 22))
    assert (after["input_usd"], after["web_search_usd"], after["audio_hour_usd"]) == (Decimal(2), Decimal(10), None)


def test_hours_and_days_of_the_week_are_told() -> None:
    found = [
        (row["weekdays"], row["from_second"], row["to_second"], row["input_usd"])
        for row in of("deepseek", "deepseek-v4-pro")
        if row["valid_from"] == date(2026, 8, 23)
    ]
    assert found == [
        ("Mon-Fri", 0, 3600, Decimal("0.66")),
        ("Mon-Fri", 3600, 14400, Decimal("1.32")),
        ("Mon-Fri", 14400, 21600, Decimal("0.66")),
        ("Mon-Fri", 21600, 36000, Decimal("1.32")),
        ("Mon-Fri", 36000, None, Decimal("0.66")),
        ("Sat,Sun", None, None, Decimal("0.66")),
    ]


def test_audio_that_is_sold_by_the_time_has_its_price_of_an_hour() -> None:
    assert [row["audio_hour_usd"] for row in of("openai", "whisper-1")] == [Decimal("0.36")]


def test_a_condition_says_where_it_holds_and_has_no_rates() -> None:
    (row,) = [row for row in TABLE if row["conditions"] and row["provider"] == "anthropic"]
    assert (row["conditions"], row["input_usd"]) == ("residency us: × 1.1", None)
