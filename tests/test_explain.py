"""An explanation says all that decided on a cost, and its arithmetic is what was reckoned."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings

from spanledger.processors.pricing.explain import Explanation, explain
from spanledger.processors.pricing.price import price
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.pricing.rules_toml import read_rules
from tests.price_calls import CATALOGUE, GPT_4O, NOON, Row, batch
from tests.test_price import ROWS

BOOK = PriceBook(CATALOGUE)
RULES = read_rules(
    """
[[alias]]
provider = "azure.ai.openai"
model = "prod"
means = "azure/gpt-4o"

[[discount]]
name = "contract"
model = "azure/*"
percent = 12.5
"""
)


def one(book: PriceBook = BOOK, **said: Any) -> Explanation:
    return explain(batch([GPT_4O | said]), book)[0]


def test_it_names_what_was_tried_the_clause_the_row_and_the_vendors_page() -> None:
    told = one(request_model="GPT-5.2-20251211")
    assert told.tried == ["request_model: gpt-5.2-20251211", "request_model: gpt-5.2-2025-12-11"]
    assert (told.model_key, told.variant) == ("openai/gpt-5.2", "standard")
    assert told.rule == 'request_model equals "gpt-5.2-2025-12-11"'
    assert told.source is not None
    assert (told.source.price_id, told.source.page) == (
        "openai/gpt-5.2",
        "https://developers.openai.com/api/docs/pricing",
    )


def test_the_arithmetic_is_written_as_on_paper() -> None:
    told = one(cache_read_tokens=400, web_searches=0)
    assert list(told.arithmetic()) == [
        "600 input × $2.5 per million = $0.0015",
        "400 cache read × $1.25 per million = $0.0005",
        "100 output × $10 per million = $0.001",
        "= $0.003",
    ]


def test_it_says_what_a_place_and_a_rule_did() -> None:
    told = one(
        PriceBook(CATALOGUE, RULES), provider="azure.ai.openai", request_model="prod", deployment_type="DataZone"
    )
    factors = [(factor.factor, factor.applies_to) for factor in told.factors]
    assert factors == [("1.1", "tokens"), ("0.875", "all")]
    assert told.factors[0].page == "https://azure.microsoft.com/en-us/pricing/details/azure-openai/"
    assert told.factors[1].why == 'discount "contract", line 7'
    assert told.cost_usd == Decimal("0.0035") * Decimal("1.1") * Decimal("0.875")
    assert told.rule is not None
    assert told.rule.startswith('alias "prod" ')


def test_a_correction_says_why_it_is_none_of_the_data() -> None:
    told = one(request_model="o3", started_at=NOON.replace(year=2025, month=5), cache_read_tokens=500)
    assert told.source is not None
    assert told.source.page == "https://github.com/langfuse/langfuse/pull/7223"
    assert str(told.source.checked_on) == "2026-11-22"
    assert "before the price cut" in (told.source.why or "")


def test_a_promise_is_told_with_its_last_day() -> None:
    told = one(request_model="gpt-5.6-sol", started_at=NOON + timedelta(days=30))
    assert (told.price_status, told.source and str(told.source.verified_until)) == ("past_verified_until", "2026-11-21")
    assert list(told.arithmetic())[-1].startswith("the price was promised until an earlier day")


def test_an_unknown_cost_has_a_reason_and_no_arithmetic() -> None:
    told = one(request_model="my-own")
    assert (told.price_status, told.cost_usd, told.lines, told.source) == ("unknown_model", None, (), None)
    assert list(told.arithmetic()) == [
        "no model of this name is in the catalogue; an alias or a price of your own helps"
    ]


def test_it_is_json_with_amounts_and_days_as_text() -> None:
    said = json.loads(json.dumps(one(reported_cost_usd=Decimal("0.004")).to_json()))
    assert (said["cost_usd"], said["reported_cost_usd"], said["price_status"]) == ("0.0035", "0.004", "priced")
    assert said["lines"][0] == {
        "part": "cost_input_usd",
        "unit": "input",
        "count": 1000,
        "rate_usd": "2.5",
        "per": "million",
        "usd": "0.0025",
    }
    assert said["arithmetic"][-1] == "= $0.0035"


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_an_explanation_says_what_the_step_says(rows: list[Row]) -> None:
    calls = price(batch(rows), BOOK).to_pylist()
    for told, call in zip(explain(batch(rows), BOOK), calls, strict=True):
        assert (told.cost_usd, told.price_status, told.rule) == (
            call["cost_usd"],
            call["price_status"],
            call["price_rule"],
        )
        assert (told.source and told.source.price_id) == call["price_id"]
        if told.cost_usd is not None:
            assert sum((line.usd for line in told.lines), Decimal(0)) == told.cost_usd
