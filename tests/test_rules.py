"""Rules of one's own come upon the catalogue in a stated order, the most specific one of each kind."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.processors.pricing.price import price
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.pricing.rules_toml import read_rules
from spanledger.storage.schema import COSTS
from tests.price_calls import CATALOGUE, GPT_4O, NOON, Row, batch

LIST = Decimal("0.0035")
PARTS = tuple(name for name in COSTS if name != "cost_usd")


def call(toml: str, **said: Any) -> Row:
    return price(batch([{"tenant": "acme"} | GPT_4O | said]), PriceBook(CATALOGUE, read_rules(toml))).to_pylist()[0]


def cost(toml: str, **said: Any) -> Decimal | None:
    usd: Decimal | None = call(toml, **said)["cost_usd"]
    return usd


# Aliases --------------------------------------------------------------------------------------------------------------

DEPLOYMENT = '[[alias]]\nprovider = "azure"\nmodel = "prod-*"\nmeans = "azure/gpt-4o"\n'


def test_an_alias_says_which_model_a_deployment_is() -> None:
    said = {"provider": "azure.ai.openai", "request_model": "prod-eu"}
    priced = call(DEPLOYMENT, **said)
    assert (priced["cost_usd"], priced["price_id"]) == (LIST, "openai/gpt-4o")
    assert priced["price_rule"].startswith('alias "prod-*" ')
    assert cost(DEPLOYMENT, provider="openai", request_model="prod-eu") is None


def test_an_alias_counts_before_what_the_response_says() -> None:
    said = {"provider": "azure", "request_model": "prod-1", "response_model": "gpt-4o-mini"}
    assert cost(DEPLOYMENT, **said) == LIST
    assert cost("", **said) == Decimal("0.00021")


def test_an_alias_may_name_an_application_profile_by_its_arn() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
    toml = f'[[alias]]\nmodel = "{arn}"\nmeans = "aws/us.anthropic.claude-sonnet-4-5-20250929-v1:0"\n'
    assert cost(toml, provider="aws.bedrock", request_model=arn) == Decimal("0.00495")


def test_an_alias_of_a_model_that_nobody_knows_leaves_it_unknown() -> None:
    priced = call('[[alias]]\nmodel = "x"\nmeans = "azure/gpt-99"\n', request_model="x")
    assert (priced["price_status"], priced["cost_usd"]) == ("unknown_model", None)


def test_an_alias_may_mean_a_model_of_ones_own() -> None:
    toml = '[[alias]]\nmodel = "x"\nmeans = "home/llama"\n[[model]]\nmodel = "home/llama"\ninput = 1\noutput = 1\n'
    assert cost(toml, request_model="x") == Decimal("0.0011")


# Own models and replacement prices ------------------------------------------------------------------------------------

OWN = """
[[model]]
model = "ollama/llama*"
input = 0.10
cache_read = 0.01
output = 0.30
request = 5
tiers = [{ prompt_above = 1000, input = 0.20 }]
"""


def test_a_model_of_ones_own_costs_what_its_rule_says_by_the_size_of_the_prompt() -> None:
    said = {"provider": "ollama", "request_model": "llama3.3:70b", "cache_read_tokens": 400}
    short, long = call(OWN, **said), call(OWN, **said, input_tokens=1001)
    assert short["cost_usd"] == (600 * Decimal("0.1") + 400 * Decimal("0.01") + 100 * Decimal("0.3")) / 10**6 + Decimal(
        "0.005"
    )
    assert long["cost_usd"] == (601 * Decimal("0.2") + 400 * Decimal("0.01") + 100 * Decimal("0.3")) / 10**6 + Decimal(
        "0.005"
    )
    summed = call(OWN, **said, input_tokens=1001, flags="sum")
    assert summed["cost_input_usd"] < long["cost_input_usd"], "no one prompt of a sum is known to be long"
    rule = read_rules(OWN).models[0]
    assert summed["price_id"] == f"model/{rule.id}"
    assert (short["price_id"], long["price_id"]) == (f"model/{rule.id}", f"model/{rule.id}>1000")
    assert short["price_rule"] == f'model "ollama/llama*" {rule.id}'


def test_what_a_model_of_ones_own_has_no_price_for_is_unpriced() -> None:
    toml = '[[model]]\nmodel = "ollama/embed"\ninput = 0.01\n'
    said = {"provider": "ollama", "request_model": "embed"}
    assert call(toml, **said)["price_status"] == "unpriced_unit"
    assert cost(toml, **said, output_tokens=0) == Decimal("0.00001")


def test_a_replacement_price_takes_the_place_of_what_it_names_and_what_follows_it() -> None:
    toml = '[[override]]\nmodel = "openai/gpt-4o"\ninput = 1\n'
    priced = call(toml, cache_read_tokens=400, input_audio_tokens=200)
    assert priced["cost_input_usd"] == Decimal("0.0006"), "audio has no price of its own: it follows the input"
    assert priced["cost_cache_read_usd"] == Decimal("0.0005"), "the list price of cache reads stays"
    assert priced["cost_output_usd"] == Decimal("0.001")
    assert priced["price_id"].startswith("override/")


def test_a_replacement_price_holds_for_its_variant_only() -> None:
    standard, batches = (
        f'[[override]]\nmodel = "gpt-4o"\nvariant = "{one}"\noutput = 0\n' for one in ("standard", "batch")
    )
    assert cost(standard, service_tier="batch") == Decimal("0.00175")
    assert cost(batches, service_tier="batch") == Decimal("0.00125")
    assert cost(batches) == LIST


def test_a_replacement_price_is_never_past_what_the_vendor_promised() -> None:
    late = datetime(2026, 12, 24, tzinfo=UTC)
    toml = '[[override]]\nmodel = "openai/gpt-5.6-sol"\ninput = 4\noutput = 20\n'
    assert call(toml, request_model="gpt-5.6-sol", started_at=late)["price_status"] == "priced"
    assert call("", request_model="gpt-5.6-sol", started_at=late)["price_status"] == "past_verified_until"


def test_a_place_multiplies_a_replacement_price_too() -> None:
    toml = '[[override]]\nmodel = "gpt-6-sol"\ninput = 1\noutput = 10\n'
    assert cost(toml, request_model="gpt-6-sol", residency="eu") == Decimal("0.0022")


# Discounts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("applies_to", "usd"), [("all", "0.05175"), ("tokens", "0.05675"), ("fees", "0.0525")])
def test_a_discount_is_taken_off_what_it_applies_to(applies_to: str, usd: str) -> None:
    toml = f'[[discount]]\nprovider = "anthropic"\npercent = 10\napplies_to = "{applies_to}"\n'
    said = {"provider": "anthropic", "request_model": "claude-opus-5", "web_searches": 5}
    assert cost("", **said) == Decimal("0.0575"), "0.0075 for tokens, 0.05 for searches"
    assert cost(toml, **said) == Decimal(usd)


def test_a_discount_comes_after_the_place_and_the_replacement_price() -> None:
    toml = (
        '[[override]]\nmodel = "gpt-6-sol"\ninput = 1\noutput = 10\n[[discount]]\nmodel = "gpt-6-sol"\npercent = 50\n'
    )
    assert cost(toml, request_model="gpt-6-sol", residency="eu") == Decimal("0.0011")


def test_a_surcharge_is_a_negative_discount_and_all_of_it_may_be_taken_off() -> None:
    assert cost("[[discount]]\npercent = -10\n") == LIST * Decimal("1.1")
    assert cost("[[discount]]\npercent = 100\n") == 0


def test_a_surcharge_that_makes_a_call_unbelievable_is_refused() -> None:
    priced = call("[[discount]]\npercent = -1000\n", input_tokens=399_999_999_999)
    assert (priced["price_status"], priced["cost_usd"]) == ("bad_usage", None)


# Scope ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('tenant = "acme"', 'model = "openai/gpt-4o"\nprovider = "openai"'),
        ('model = "gpt-4o"', 'model = "gpt-4o*"'),
        ('model = "gpt-4*"', 'model = "gpt*"'),
        ('model = "gpt-4o"\nprovider = "openai"', 'model = "gpt-4o"'),
        ('provider = "openai"', ""),
    ],
)
def test_the_more_specific_rule_applies_wherever_it_stands(first: str, second: str) -> None:
    rules = [f"[[discount]]\n{first}\npercent = 50\n", f"[[discount]]\n{second}\npercent = 10\n"]
    assert cost("".join(rules)) == cost("".join(reversed(rules))) == LIST / 2


def test_of_two_equally_specific_ones_the_later_applies() -> None:
    rules = ['[[discount]]\nmodel = "*gpt-4"\npercent = 10\n', '[[discount]]\nmodel = "gpt-4*"\npercent = 50\n']
    assert cost("".join(rules)) == LIST / 2


@pytest.mark.parametrize(
    ("scope", "applies"),
    [
        ('tenant = "acme"', True),
        ('tenant = "other"', False),
        ('provider = "azure"', True),
        ('provider = "azure.ai.openai"', True),
        ('provider = "openai"', False),
        ('model = "azure/*"', True),
        ('model = "openai/*"', False),
        ('model = "azure/gpt-4o"', True),
        ('model = "GPT-4o-2024-08-06"', True),
        ('model = "gpt-4"', False),
    ],
)
def test_a_scope_is_compared_with_whom_the_call_was_bought_from(scope: str, applies: bool) -> None:
    said = {"provider": "azure.ai.openai", "request_model": "gpt-4o-2024-08-06"}
    assert cost(f"[[discount]]\n{scope}\npercent = 50\n", **said) == (LIST / 2 if applies else LIST)


def test_a_gateways_model_is_not_that_of_the_vendor_it_names() -> None:
    said = {"provider": "openrouter", "request_model": "openai/gpt-4o"}
    assert cost('[[discount]]\nmodel = "openai/*"\npercent = 50\n', **said) == LIST
    assert cost('[[discount]]\nmodel = "openrouter/openai/*"\npercent = 50\n', **said) == LIST / 2


def test_a_rule_holds_from_midnight_utc_of_its_first_day_until_that_of_the_day_after_its_last() -> None:
    toml = "[[discount]]\npercent = 50\nvalid_from = 2026-10-01\nvalid_to = 2026-10-02\n"
    moments = {
        datetime(2026, 9, 30, 23, 59, 59, 999999, UTC): LIST,
        datetime(2026, 10, 1, tzinfo=UTC): LIST / 2,
        datetime(2026, 10, 1, 23, 59, 59, 999999, UTC): LIST / 2,
        datetime(2026, 10, 2, tzinfo=UTC): LIST,
    }
    book = PriceBook(CATALOGUE, read_rules(toml))
    calls = price(batch([GPT_4O | {"started_at": moment} for moment in moments]), book)
    assert calls.column("cost_usd").to_pylist() == list(moments.values())


# Subscriptions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "applies"),
    [
        ('dialect = "claude-code*"', True),
        ('dialect = "codex*"', False),
        ('team = "platform"', True),
        ('team = "sales"', False),
        ('service_name = "cli"\ntenant = "acme"', True),
        ('dialect = "claude-code*"\nvalid_to = 2026-01-01', False),
    ],
)
def test_a_subscription_says_what_the_amount_is_and_changes_it_not(scope: str, applies: bool) -> None:
    said = {"dialect": "claude-code-event", "team": "platform", "service_name": "cli"}
    priced = call(f"[[subscription]]\n{scope}\n", **said)
    assert (priced["cost_usd"], priced["cost_basis"]) == (LIST, "api_equivalent" if applies else "estimated")


# What must hold for any rules -----------------------------------------------------------------------------------------

PERCENT = st.decimals(-300, 100, places=4)


@settings(deadline=None, max_examples=100)
@given(PERCENT, PERCENT, st.integers(0, 10**9), st.integers(0, 10**6), st.booleans())
def test_the_parts_add_up_to_the_total_and_the_total_is_rounded_half_even_once(
    on_all: Decimal, on_fees: Decimal, prompt: int, output: int, eu: bool
) -> None:
    toml = (
        f'[[discount]]\npercent = {on_all}\n[[discount]]\nmodel = "gpt-5*"\napplies_to = "fees"\npercent = {on_fees}\n'
    )
    said = {"input_tokens": prompt, "output_tokens": output, "cache_read_tokens": prompt // 3, "web_searches": 3}
    priced = call(toml, request_model="gpt-5.4", residency="eu" if eu else None, **said)
    listed = call("", request_model="gpt-5.4", **said)
    assert priced["cost_usd"] == sum(priced[part] for part in PARTS)
    tokens = (listed["cost_usd"] - listed["cost_fees_usd"]) * (Decimal("1.1") if eu else 1)
    exact = tokens + listed["cost_fees_usd"] * (1 - on_fees / 100)
    assert priced["cost_usd"] == round(exact, 12)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["acme", "other"]), st.integers(0, 60)), max_size=12), st.integers(0, 12))
def test_order_and_batching_do_not_matter_with_dated_rules_of_tenants(calls: list[tuple[str, int]], cut: int) -> None:
    toml = """
[[discount]]
tenant = "acme"
percent = 20
valid_from = 2026-10-01
valid_to = 2026-11-01
[[override]]
tenant = "other"
model = "gpt-4o"
input = 1
valid_from = 2026-10-15
"""
    book = PriceBook(CATALOGUE, read_rules(toml))
    rows = [GPT_4O | {"tenant": tenant, "started_at": NOON - timedelta(days)} for tenant, days in calls]
    whole = price(batch(rows), book).to_pylist()
    pieces = [price(batch(rows[:cut]), book).to_pylist(), price(batch(rows[cut:]), book).to_pylist()]
    assert whole == pieces[0] + pieces[1]
    assert price(batch(rows[::-1]), book).to_pylist() == whole[::-1]
