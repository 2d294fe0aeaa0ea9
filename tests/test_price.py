"""What a call costs: what must hold for any usage, and what its status, its parts and its basis say."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.processors.pricing.quotes import STATUSES
from spanledger.storage.schema import COLUMNS, COSTS, PICO
from tests.price_calls import CATALOGUE, GPT_4O, NOON, PRICE, SET, Row, batch, priced

HAVING_A_COST = {"priced", "past_verified_until"}
PARTS = tuple(name for name in COSTS if name != "cost_usd")


def one(**said: Any) -> Row:
    return priced(GPT_4O | said)[0]


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
            if (name.endswith("_tokens") or name in {"web_searches", "audio_seconds"})
            and name not in {"input_tokens", "output_tokens"}
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
        if call["price_status"] in HAVING_A_COST:
            assert call["cost_usd"] == sum(call[part] for part in PARTS)
            assert all(call[part] >= 0 for part in PARTS)
            assert (call["cost_basis"], call["catalogue_id"]) == ("estimated", CATALOGUE.id)
            assert call["price_id"] in CATALOGUE.price_ids
            assert call["price_rule"].startswith(("response_model ", "request_model "))
        else:
            unsaid = [name for name in SET if name not in {"price_status", "price_rule"}]
            assert [call[name] for name in unsaid] == [None] * len(unsaid)


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
@given(st.integers(271_990, 272_010), st.integers(0, 272_010), st.integers(0, 272_010))
def test_all_of_the_prompt_decides_on_the_price_of_all_of_the_request(prompt: int, read: int, written: int) -> None:
    read = min(read, prompt)
    said = {"cache_read_tokens": read, "cache_write_tokens": min(written, prompt - read)}
    call = one(request_model="gpt-6-sol", input_tokens=prompt, **said)
    assert call["price_id"] == ("openai/gpt-6-sol>272000" if prompt > 272_000 else "openai/gpt-6-sol")


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
        ({"provider": "azure.ai.openai", "service_tier": "batch"}, "priced"),
        ({"provider": "azure.ai.openai", "service_tier": "flex"}, "unpriced_unit"),
        ({"provider": "azure.ai.openai", "deployment_type": "ProvisionedManaged"}, "unpriced_unit"),
        ({"request_model": "whisper-1", "input_tokens": None, "output_tokens": None, "audio_seconds": 7}, "priced"),
        ({"request_model": "gpt-5.6-sol"}, "priced"),
        ({"request_model": "gpt-5.6-sol", "started_at": NOON + timedelta(days=6)}, "priced"),
        ({"request_model": "gpt-5.6-sol", "started_at": NOON + timedelta(days=7)}, "past_verified_until"),
    ],
)
def test_a_call_is_priced_or_says_why_not(said: Row, status: str) -> None:
    call = one(**said)
    assert call["price_status"] == status
    assert (call["cost_usd"] is not None) == (status in HAVING_A_COST)


def test_a_service_tier_without_a_price_then_is_not_priced_as_standard() -> None:
    later = one(service_tier="priority")
    assert (later["cost_usd"], later["price_id"]) == (Decimal("0.00595"), "openai/gpt-4o@2026-10-12+priority")
    assert one(service_tier="priority", started_at=NOON - timedelta(days=60))["price_status"] == "unpriced_unit"
    assert one(service_tier="default", started_at=NOON - timedelta(days=60))["price_id"] == "openai/gpt-4o"


def test_a_promise_that_lapsed_is_said_and_the_last_known_price_given() -> None:
    kept, lapsed = one(request_model="gpt-5.6-sol"), one(request_model="gpt-5.6-sol", started_at=NOON + timedelta(9))
    assert lapsed["cost_usd"] == kept["cost_usd"]
    assert lapsed["price_id"] == kept["price_id"] == "openai/gpt-5.6-sol@2026-08-21"


@pytest.mark.parametrize(
    ("provider", "model", "one_prompt", "many"),
    [
        ("openai", "gpt-5.4", "5", "2.5"),
        ("anthropic", "claude-sonnet-4-5", "6", "3"),
    ],
)
@pytest.mark.parametrize("flags", ["sum", "bad_count,sum", "sum,two_values"])
def test_a_sum_of_calls_is_priced_as_short_prompts(
    provider: str, model: str, one_prompt: str, many: str, flags: str
) -> None:
    said = {"provider": provider, "request_model": model, "input_tokens": 1_000_000, "output_tokens": 0}
    said["started_at"] = datetime(2026, 4, 15, tzinfo=UTC)
    long, summed, other = priced(*({**GPT_4O, **said, "flags": flag} for flag in (None, flags, "summary")))
    assert (long["cost_input_usd"], summed["cost_input_usd"]) == (Decimal(one_prompt), Decimal(many))
    assert summed["price_rule"] == f"{long['price_rule']}; a sum of calls: priced as short prompts"
    assert other["cost_usd"] == long["cost_usd"]


def test_a_sum_of_calls_of_an_unknown_model_has_no_rule() -> None:
    assert one(request_model="gpt-7", flags="sum")["price_rule"] is None


# Where and by whom a call was served ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "times"),
    [
        ({"request_model": "gpt-6-sol", "residency": "eu"}, "1.1"),
        ({"request_model": "gpt-6-sol", "residency": "global"}, "1"),
        ({"request_model": "gpt-4o", "residency": "eu"}, "1"),
        ({"provider": "anthropic", "request_model": "claude-opus-5", "residency": "us"}, "1.1"),
        ({"provider": "anthropic", "request_model": "claude-opus-5", "residency": "not_available"}, "1"),
        ({"provider": "anthropic", "request_model": "claude-opus-4-1", "residency": "us"}, "1"),
        ({"provider": "x_ai", "request_model": "grok-4.7", "region": "us", "residency": "us"}, "1.1"),
        ({"provider": "gcp.vertex_ai", "request_model": "claude-opus-5", "region": "europe-west1"}, "1.1"),
        ({"provider": "gcp.vertex_ai", "request_model": "claude-opus-5", "region": "global"}, "1"),
        ({"provider": "gcp.vertex_ai", "request_model": "gemini-2.5-pro", "region": "europe-west1"}, "1"),
        ({"provider": "azure", "deployment_type": "DataZoneStandard"}, "1.1"),
        ({"provider": "azure", "deployment_type": "data-zone-standard"}, "1.1"),
        ({"provider": "azure", "deployment_type": "GlobalStandard"}, "1"),
        ({"provider": "azure", "deployment_type": "GlobalBatch"}, "0.5"),
        ({"provider": "azure", "deployment_type": "DataZoneBatch"}, "0.55"),
    ],
)
def test_a_place_multiplies_what_tokens_cost(said: Row, times: str) -> None:
    elsewhere = {key: value for key, value in said.items() if key not in {"region", "residency", "deployment_type"}}
    assert one(**said)["cost_usd"] == one(**elsewhere)["cost_usd"] * Decimal(times)


def test_fees_are_not_multiplied_by_a_place() -> None:
    said = {"provider": "anthropic", "request_model": "claude-opus-5", "web_searches": 3}
    assert one(**said, residency="us")["cost_fees_usd"] == one(**said)["cost_fees_usd"] == Decimal("0.03")


def test_the_rule_says_which_condition_applied() -> None:
    rule = one(request_model="gpt-6-sol", residency="eu")["price_rule"]
    assert rule.startswith('request_model equals "gpt-6-sol"; residency other than global/')
    assert rule.endswith(": × 1.1")


# What the amount is ---------------------------------------------------------------------------------------------------


def test_what_a_gateway_answered_from_its_cache_costs_nothing_and_says_so() -> None:
    for said in ({}, {"request_model": "nobody's"}, {"input_tokens": None}):
        call = one(gateway_cache="hit", **said)
        assert (call["cost_usd"], call["price_status"], call["price_id"]) == (0, "priced", None)
        assert call["price_rule"] == "answered by a gateway from its own cache"
    assert one(gateway_cache="miss")["cost_usd"] == one()["cost_usd"]


@pytest.mark.parametrize("plan", ["Chatgpt", "chatgpt", "oauth-personal", "LOGIN_WITH_GOOGLE", "qwen-oauth"])
def test_what_a_plan_pays_for_has_its_list_price_and_says_that_it_is_one(plan: str) -> None:
    call = one(plan=plan)
    assert (call["cost_basis"], call["cost_usd"]) == ("api_equivalent", one()["cost_usd"])


@pytest.mark.parametrize("plan", [None, "ApiKey", "gemini-api-key", "vertex-ai"])
def test_what_is_billed_by_the_token_is_an_estimate(plan: str | None) -> None:
    assert one(plan=plan)["cost_basis"] == "estimated"


def test_a_cost_that_the_seller_reports_alike_is_billed_and_any_other_stays_apart() -> None:
    said = {"provider": "openrouter", "request_model": "openai/gpt-4o", "dialect": "openrouter"}
    cost = one(**said)["cost_usd"]
    same = one(**said, reported_cost_usd=cost + Decimal("0.0000001"))
    assert (same["cost_basis"], same["cost_usd"]) == ("billed", cost)
    other = one(**said, reported_cost_usd=cost * 2)
    assert (other["cost_basis"], other["cost_usd"], other["reported_cost_usd"]) == ("estimated", cost, cost * 2)
    assert one(**said | {"dialect": "openlit"}, reported_cost_usd=cost)["cost_basis"] == "estimated"


def test_listening_is_charged_by_the_second_where_the_model_is_sold_so() -> None:
    unsaid = {"input_tokens": None, "output_tokens": None, "audio_seconds": 90}
    call = one(request_model="whisper-1", **unsaid)
    assert (call["cost_usd"], call["cost_input_usd"]) == (Decimal("0.009"), Decimal("0.009"))
    assert one(audio_seconds=90)["cost_usd"] == one()["cost_usd"]
    least = one(provider="groq", request_model="whisper-large-v3", **unsaid | {"audio_seconds": 3})
    assert least["cost_usd"] == 10 * Decimal("0.000030833333")


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
