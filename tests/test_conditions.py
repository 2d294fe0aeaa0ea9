"""Conditions hold for places however they are written, and patterns for names."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from spanledger.processors.pricing.conditions import Condition, decimal_text, matches, within

DAY = date(2026, 11, 15)
EU = Condition(
    "azure", ("openai/*",), "deployment_type", ("DataZoneStandard",), "https://x", DAY, "", factor=Fraction("1.1")
)


def holds(condition: Condition, said: str | None, *, model: str = "openai/gpt-4o", day: date = DAY) -> bool:
    return condition.holds("azure", model, {condition.column: said}, day)


@pytest.mark.parametrize("said", ["DataZoneStandard", "datazonestandard", "data-zone-standard", "Data_Zone Standard"])
def test_a_place_is_compared_without_regard_to_how_it_is_written(said: str) -> None:
    assert holds(EU, said)


def test_a_place_that_is_not_said_is_none() -> None:
    assert not holds(EU, None)
    assert not holds(replace(EU, elsewhere=True), None)


def test_elsewhere_is_any_other_place() -> None:
    assert not holds(replace(EU, elsewhere=True), "DataZoneStandard")
    assert holds(replace(EU, elsewhere=True), "GlobalStandard")


def test_it_holds_for_its_models_its_provider_and_its_days_only() -> None:
    assert not holds(EU, "DataZoneStandard", model="deepseek/deepseek-v4-pro")
    assert not EU.holds("openai", "openai/gpt-4o", {"deployment_type": "DataZoneStandard"}, DAY)
    dated = replace(EU, valid_from=DAY)
    assert holds(dated, "DataZoneStandard")
    assert not holds(dated, "DataZoneStandard", day=date(2026, 11, 14))


def test_it_says_itself_in_few_words() -> None:
    assert EU.text == "deployment_type DataZoneStandard: × 1.1"
    assert replace(EU, elsewhere=True).text == "deployment_type other than DataZoneStandard: × 1.1"
    assert replace(EU, unsold=True).text == "deployment_type DataZoneStandard: not sold by the token"


def test_the_first_day_belongs_to_a_span_and_the_last_one_named_does_not() -> None:
    span = (date(2026, 1, 1), date(2026, 2, 1))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 1)]
    assert [within(day, *span) for day in days] == [False, True, True, False]
    assert within(DAY, None, None)


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("gpt-4o", "GPT-4o", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4*", "gpt-4o-mini", True),
        ("*", "", True),
        ("a*c", "abbc", True),
        ("a.c", "abc", False),
        ("a*", "a\nb", True),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_is_special(pattern: str, name: str, found: bool) -> None:
    assert matches(pattern, name) is found


@pytest.mark.parametrize(
    ("number", "text"), [("1.1", "1.1"), ("1", "1"), ("0.78", "0.78"), ("1/3", "1/3"), ("0.0625", "0.0625")]
)
def test_a_factor_is_written_as_a_decimal_where_it_is_one(number: str, text: str) -> None:
    assert decimal_text(Fraction(number)) == text
