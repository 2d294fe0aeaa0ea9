"""What a call costs: the acceptance cases, and what must hold for any usage."""

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.processors.price import STATUSES
from spanledger.storage.schema import COLUMNS, COSTS, PICO
from tests.price_calls import CATALOGUE, GPT_4O, NOON, PRICE, SET, Row, batch, priced

PARTS = tuple(name for name in COSTS if name != "cost_usd")


def one(**said: Any) -> Row:
    return priced(GPT_4O | said)[0]


# The acceptance cases -------------------------------------------------------------------------------------------------

CASES = [json.loads(line) for line in (Path(__file__).parent / "data" / "pricing_cases.jsonl").read_text().splitlines()]
WAITING = {
    "oa-10": "a correction of the data: cached input of o3 cost $2.50 before June 2025",
    "oa-33": "a correction of the data: batch price of embeddings",
    "oa-34": "data residency: +10 %",
    "oa-41": "audio by the second is no column of a call",
    "an-19": "inference region: +10 %, on top of fast",
    "an-21": "inference region: +10 %",
    "an-33": "a correction of the data: Sonnet 4 above 200,000 tokens",
    "vx-02": "regional endpoint: +10 %",
    "vx-03": "regional endpoint: +10 %",
    "az-02": "data zone: +10 %",
    "az-05": "a tenant's alias of a deployment",
    "xa-05": "regional endpoint: +10 %",
    "ds-03": "a correction of the data: weekends are off-peak",
    "ds-04": "a correction of the data: peak prices began in August 2026",
    "tn-01": "a tenant's discount",
    "tn-04": "a tenant's discount on tokens",
}
"""Case → what it waits for. Everything else is exact today."""
COUNTS_OF_CASES = {
    "input_total": "input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
    "input_audio": "input_audio_tokens",
    "output_audio": "output_audio_tokens",
    "web_searches": "web_searches",
}


def of_case(case: Row) -> Row:
    context, usage = case["context"], case["usage"] or {}
    return {
        "provider": case["provider"],
        "request_model": case["model"],
        "response_model": context.get("response_model"),
        "service_tier": "batch" if context.get("batch") else context.get("service_tier"),
        "speed": context.get("speed"),
        "region": context.get("region"),
        "started_at": datetime.fromisoformat(case["timestamp"]),
    } | {COUNTS_OF_CASES[name]: count for name, count in usage.items() if name in COUNTS_OF_CASES}


@pytest.mark.parametrize("case", [case for case in CASES if case["scored"]], ids=lambda case: case["id"])
def test_an_acceptance_case_is_exact_or_waits_for_a_stated_reason(case: Row) -> None:
    expected = None if case["expected_usd"] is None else Decimal(case["expected_usd"])
    (call,) = priced(of_case(case))
    if case["id"] in WAITING:
        assert call["cost_usd"] != expected, f"{case['id']} waits no longer: take it off the list"
        assert call["cost_usd"] is None or call["cost_usd"] > 0
    else:
        assert call["cost_usd"] == expected, call


def test_only_cases_that_exist_are_waited_for() -> None:
    assert WAITING.keys() <= {case["id"] for case in CASES if case["scored"]}


# What must hold for any usage -----------------------------------------------------------------------------------------

COUNT = st.none() | st.integers(0, 300_000) | st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "provider": st.sampled_from([None, "openai", "anthropic", "gcp.vertex_ai", "azure.ai.openai", "ollama"]),
            "request_model": st.sampled_from(
                [None, "gpt-4o", "gpt-6-sol", "claude-opus-5", "gemini-2.5-flash", "whisper-1"]
            ),
            "response_model": st.sampled_from(
                [None, "gpt-4o-2024-08-06", "gpt-realtime", "claude-sonnet-4-5", "nobody"]
            ),
            "service_tier": st.sampled_from([None, "default", "batch", "flex"]),
            "started_at": st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
            "input_tokens": COUNT | st.integers(0, 400_000),
            "output_tokens": COUNT | st.integers(0, 400_000),
            "partial": st.none() | st.booleans(),
        },
        optional={
            name: COUNT
            for name in COLUMNS
            if (name.endswith("_tokens") or name == "web_searches") and name not in {"input_tokens", "output_tokens"}
        },
    ),
    max_size=8,
)
any_usage = settings(deadline=None, max_examples=100)


@any_usage
@given(ROWS)
def test_a_cost_is_the_sum_of_its_parts_and_an_unknown_one_is_null_with_a_reason(rows: list[Row]) -> None:
    for call in priced(*rows):
        assert call["price_status"] in STATUSES
        if call["price_status"] == "priced":
            assert call["cost_usd"] == sum(call[part] for part in PARTS)
            assert all(call[part] >= 0 for part in PARTS)
            assert (call["cost_basis"], call["catalogue_id"]) == ("estimated", CATALOGUE.id)
            assert call["price_id"] in CATALOGUE.price_ids
            assert call["price_rule"].startswith(("response_model ", "request_model "))
        else:
            assert [call[name] for name in SET if name != "price_status"] == [None] * (len(SET) - 1)


@any_usage
@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 8))
def test_order_and_batching_do_not_matter(rows: list[Row], chance: random.Random, cut: int) -> None:
    whole = PRICE(batch(rows)).select(SET).to_pylist()
    order = chance.sample(range(len(rows)), len(rows))
    shuffled = PRICE(batch([rows[index] for index in order])).select(SET).to_pylist()
    assert shuffled == [whole[index] for index in order]
    pieces = [batch(rows[:cut]), batch(rows[cut:])]
    assert PRICE(pa.concat_tables(pieces)).select(SET).to_pylist() == whole
    assert [call for piece in pieces for call in PRICE(piece).select(SET).to_pylist()] == whole


@any_usage
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_huge_counts_are_exact_or_refused_and_never_wrap(prompt: int, output: int) -> None:
    call = one(input_tokens=prompt, output_tokens=output)
    exact = prompt * 2_500_000 + output * 10_000_000
    possible = exact < 10**18 and max(prompt, output) <= 10**15
    assert call["cost_usd"] == (Decimal(exact) / PICO if possible else None)
    assert call["price_status"] == ("priced" if possible else "bad_usage")


@pytest.mark.parametrize(
    ("prompt", "status"),
    [
        (399_999_999_999, "priced"),
        (400_000_000_000, "bad_usage"),
        (3_700_000_000_000, "bad_usage"),
        (10**15, "bad_usage"),
    ],
)
def test_a_million_dollars_is_where_a_call_stops_being_believed(prompt: int, status: str) -> None:
    assert one(input_tokens=prompt, output_tokens=0)["price_status"] == status


# The shape of the step ------------------------------------------------------------------------------------------------


def test_the_input_stays_as_it_was_and_other_columns_pass_unchanged() -> None:
    rows = [GPT_4O | {"user_id": "u", "attributes": "{}"}, GPT_4O | {"request_model": "nobody"}]
    before, untouched = batch(rows), batch(rows)
    after = PRICE(before)
    assert before.equals(untouched)
    assert after.column_names[: before.num_columns] == before.column_names
    assert after.select(before.column_names).equals(before)
    assert {name: after.schema.field(name).type for name in SET} == {name: COLUMNS[name] for name in SET}


def test_cost_columns_that_are_there_are_replaced_in_place() -> None:
    stale = {"cost_usd": Decimal(7), "price_status": "priced", "catalogue_id": "old", "reported_cost_usd": Decimal(1)}
    before = batch([GPT_4O | stale], without=())
    after = PRICE(before)
    assert after.column_names == before.column_names == list(COLUMNS)
    (call,) = after.to_pylist()
    assert (call["cost_usd"], call["catalogue_id"]) == (Decimal("0.0035"), CATALOGUE.id)
    assert call["reported_cost_usd"] == 1
    assert PRICE(after).equals(after)


def test_an_empty_batch_gets_its_columns() -> None:
    after = PRICE(pa.schema([(name, kind) for name, kind in COLUMNS.items() if name not in SET]).empty_table())
    assert (after.num_rows, set(after.column_names)) == (0, set(COLUMNS))


def test_the_parts_say_what_was_paid_for() -> None:
    call = one(
        request_model="claude-opus-5",
        provider="anthropic",
        input_tokens=10_000,
        cache_read_tokens=5_000,
        cache_write_tokens=3_000,
        cache_write_5m_tokens=1_000,
        cache_write_1h_tokens=1_500,
        web_searches=2,
    )
    assert {name: str(call[name].normalize()) for name in COSTS} == {
        "cost_usd": "0.059375",
        "cost_input_usd": "0.01",  # 2,000 at $5
        "cost_cache_read_usd": "0.0025",  # 5,000 at $0.50
        "cost_cache_write_usd": "0.024375",  # 1,000 and 500 of unsaid lifetime at $6.25, 1,500 at $10
        "cost_output_usd": "0.0025",  # 100 at $25
        "cost_fees_usd": "0.02",  # 2 at $10 per thousand
    }


# Statuses -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, "priced"),
        ({"input_tokens": 0, "output_tokens": 0}, "priced"),
        ({"output_tokens": None}, "priced"),
        ({"provider": "ollama"}, "unknown_provider"),
        ({"provider": None}, "unknown_provider"),
        ({"request_model": "gpt-7"}, "unknown_model"),
        ({"request_model": ""}, "unknown_model"),
        ({"request_model": None}, "unknown_model"),
        ({"request_model": "gpt-7", "input_tokens": None}, "unknown_model"),
        ({"input_tokens": None, "output_tokens": None}, "missing_usage"),
        ({"input_tokens": None}, "missing_usage"),
        ({"output_tokens": None, "partial": True}, "missing_usage"),
        ({"started_at": None}, "missing_usage"),
        ({"cache_read_tokens": 1001}, "bad_usage"),
        ({"input_tokens": -1}, "bad_usage"),
        ({"reasoning_tokens": 101}, "bad_usage"),
        ({"reasoning_tokens": 101, "service_tier": "nobody's"}, "bad_usage"),
        ({"service_tier": "nobody's"}, "unpriced_unit"),
        ({"speed": "fast", "service_tier": "batch"}, "unpriced_unit"),
        ({"request_model": "whisper-1"}, "unpriced_unit"),
        ({"request_model": "whisper-1", "input_tokens": 0, "output_tokens": 0}, "unpriced_unit"),
        ({"request_model": "text-embedding-3-small"}, "unpriced_unit"),
        ({"request_model": "text-embedding-3-small", "output_tokens": 0}, "priced"),
        ({"request_model": "text-embedding-3-small", "output_tokens": None}, "priced"),
        ({"request_model": "text-embedding-3-small", "output_tokens": 0, "web_searches": 1}, "unpriced_unit"),
        ({"provider": "azure.ai.openai"}, "priced"),
        ({"provider": "azure.ai.openai", "service_tier": "batch"}, "unpriced_unit"),
    ],
)
def test_a_call_is_priced_or_says_why_not(said: Row, status: str) -> None:
    call = one(**said)
    assert call["price_status"] == status
    assert (call["cost_usd"] is not None) == (status == "priced")


def test_a_service_tier_without_a_price_then_is_not_priced_as_standard() -> None:
    later = one(service_tier="batch")
    assert (later["cost_usd"], later["price_id"]) == (Decimal("0.00175"), "openai/gpt-4o@2026-10-14+batch")
    assert one(service_tier="batch", started_at=NOON - timedelta(days=60))["price_status"] == "unpriced_unit"
    assert one(service_tier="default", started_at=NOON - timedelta(days=60))["price_id"] == "openai/gpt-4o"


def test_a_free_model_costs_zero_and_an_unknown_one_nothing_that_is_known() -> None:
    free, unknown = priced(
        GPT_4O | {"provider": "openrouter", "request_model": "meta-llama/llama-3.3-70b-instruct:free"},
        GPT_4O | {"provider": "openrouter", "request_model": "no-such-model:free"},
    )
    assert (free["cost_usd"], free["price_status"]) == (0, "priced")
    assert (unknown["cost_usd"], unknown["price_status"]) == (None, "unknown_model")


def test_the_model_that_answered_is_priced_and_the_one_asked_for_only_if_that_is_unknown() -> None:
    answered = one(request_model="gpt-4o", response_model="gpt-4o-mini-2024-07-18")
    assert answered["price_rule"] == 'response_model equals "gpt-4o-mini-2024-07-18"'
    asked = one(request_model="gpt-4o", response_model="my-deployment")
    assert asked["price_rule"] == 'request_model equals "gpt-4o"'


def test_audio_has_its_own_price_where_there_is_one_and_else_that_of_text() -> None:
    speaks = one(request_model="gpt-realtime", input_audio_tokens=500, output_audio_tokens=50)
    assert speaks["cost_input_usd"] == (500 * Decimal(4) + 500 * Decimal(32)) / 10**6
    assert speaks["cost_output_usd"] == (50 * Decimal(16) + 50 * Decimal(64)) / 10**6
    assert one(input_audio_tokens=500, cache_read_tokens=800)["cost_usd"] == one(cache_read_tokens=800)["cost_usd"]


def test_cached_audio_is_not_guessed_where_it_makes_a_difference() -> None:
    said = {"request_model": "gpt-realtime", "cache_read_tokens": 600, "input_audio_tokens": 500}
    assert one(**said)["price_status"] == "missing_usage"
    known = one(**said, cache_read_audio_tokens=200)
    assert known["cost_cache_read_usd"] == 600 * Decimal("0.4") / 10**6
    assert known["cost_input_usd"] == (300 * Decimal(32) + 100 * Decimal(4)) / 10**6
    assert one(**said, cache_read_audio_tokens=0)["price_status"] == "bad_usage"


def test_cached_audio_needs_no_saying_where_being_cached_makes_no_difference() -> None:
    said = {"request_model": "gpt-audio", "input_audio_tokens": 500}
    assert one(**said, cache_read_tokens=400)["cost_usd"] == one(**said)["cost_usd"]
    assert one(**said, cache_read_tokens=800)["price_status"] == "missing_usage"


def test_a_fee_per_request_is_charged_once() -> None:
    call = one(provider="perplexity", request_model="sonar-pro")
    assert call["cost_fees_usd"] == Decimal("0.014")
