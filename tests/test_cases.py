"""The acceptance cases are exact to the pico-dollar, and anyone's own are read the same way."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spanledger.processors.pricing.cases import Cases, CasesError, read_cases
from spanledger.processors.pricing.explain import Explanation, explain
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.pricing.quotes import STATUSES
from tests.price_calls import CATALOGUE

LINES = (Path(__file__).parent / "data" / "pricing_cases.jsonl").read_text().splitlines()
CASES: list[dict[str, Any]] = [json.loads(line) for line in LINES]
BOOK = PriceBook(CATALOGUE)

UNSCORED = {
    "oa-22": "a promise that lapsed: the last known price, and the status says so",
    "un-11": "audio that a model has no price for costs what its text costs, as in genai-prices",
}
"""Cases that are not scored, and what becomes of them here, where that is a decision."""

WHY_WE_DIFFER = {
    "oa-10": "cached input of o3 cost $2.50 before the price cut of 2025-06-10; the data has $0.50 for both",
    "oa-33": "embeddings cost half in a batch; the data has no batch price for them",
    "oa-34": "a residency endpoint of OpenAI costs 10 % more; the package knows no residency",
    "an-19": "inference_geo us costs 10 % more, on top of fast mode; the package knows no inference_geo",
    "an-21": "inference_geo us costs 10 % more; the package knows no inference_geo",
    "an-33": "Sonnet 4 cost double above 200,000 tokens on the direct API too; the data has no such tier",
    "vx-02": "a regional endpoint of Vertex AI costs 10 % more; the package prices the global one",
    "vx-03": "a regional endpoint of Vertex AI costs 10 % more; the package prices the global one",
    "vx-04": "publishers/google/models/… is a model's path; the package finds no model",
    "az-02": "a data zone deployment of Azure costs 10 % more; the package prices global ones",
    "az-05": "a deployment's name means what a rule of the tenant says",
    "xa-05": "the US endpoint of xAI costs 10 % more; the package knows no region",
    "ds-03": "DeepSeek bills weekends off-peak; the package cannot say days of the week",
    "ds-04": "DeepSeek's peak hours began on 2026-08-17; the package cannot combine a date with hours",
    "tn-01": "a discount of the tenant",
    "tn-04": "a discount of the tenant, on tokens only",
}
"""Scored case → why our cost is not what genai-prices 0.2.3 says."""


@pytest.fixture(scope="module")
def explained() -> dict[str, Explanation]:
    cases = read_cases(LINES, CATALOGUE, "pricing_cases.jsonl")
    return dict(zip(cases.ids, explain(cases.batch, cases.book(BOOK)), strict=True))


@pytest.mark.parametrize("case", [case for case in CASES if case["scored"]], ids=lambda case: case["id"])
def test_an_acceptance_case_is_exact(case: dict[str, Any], explained: dict[str, Explanation]) -> None:
    expected = None if case["expected_usd"] is None else Decimal(case["expected_usd"])
    assert explained[case["id"]].cost_usd == expected, explained[case["id"]]


def test_a_case_that_is_not_scored_is_as_expected_or_a_decision(explained: dict[str, Explanation]) -> None:
    for case in CASES:
        if not case["scored"] and case["id"] not in UNSCORED:
            expected = None if case["expected_usd"] is None else Decimal(case["expected_usd"])
            assert explained[case["id"]].cost_usd == expected, case["id"]
    lapsed = explained["oa-22"]
    assert (lapsed.price_status, lapsed.cost_usd) == ("past_verified_until", Decimal("0.148"))


def test_where_the_package_disagrees_there_is_a_reason_and_nowhere_else() -> None:
    differing = {
        case["id"]
        for case in CASES
        if case["scored"] and case["engines"] and not same(case["engines"]["genai_prices_0.2.3"], case["expected_usd"])
    }
    assert differing == WHY_WE_DIFFER.keys()


def same(theirs: str | None, ours: str | None) -> bool:
    if theirs is None or ours is None or theirs == "n/a":
        return theirs in {None, "n/a"} and ours is None
    return Decimal(theirs) == Decimal(ours)


def test_the_printed_lines_and_factors_add_up_to_the_cost(explained: dict[str, Explanation]) -> None:
    for name, one in explained.items():
        if one.cost_usd is None:
            continue
        factors = {"tokens": Decimal(1), "fees": Decimal(1)}
        for factor in one.factors:
            for kind in factors:
                factors[kind] *= Decimal(factor.factor) if factor.applies_to in {"all", kind} else 1
        sums = (line.usd * factors["fees" if line.part == "cost_fees_usd" else "tokens"] for line in one.lines)
        assert sum(sums, Decimal(0)) == one.cost_usd == sum(one.parts.values(), Decimal(0)), name


def case(**changes: Any) -> str:
    return json.dumps(
        {
            "id": "mine",
            "provider": "openai",
            "model": "gpt-4o",
            "timestamp": "2026-11-15T12:00:00Z",
            "usage": {"input_total": 1000, "output": 100},
            "context": {},
        }
        | changes
    )


def cost(line: str) -> Decimal | None:
    cases = read_cases([line], CATALOGUE)
    return explain(cases.batch, cases.book(BOOK))[0].cost_usd


LIST = Decimal("0.0035")


@pytest.mark.parametrize(
    ("rule", "usd"),
    [
        ({"match": "openai/*", "discount_pct": "22"}, LIST * Decimal("0.78")),
        ({"match": "gpt-4*", "discount_pct": 10}, LIST * Decimal("0.9")),
        ({"match": "anthropic/*", "discount_pct": "22"}, LIST),
        ({"match": "openai/gpt-4o", "discount_pct": "10", "valid_from": "2026-11-16"}, LIST),
        ({"match": "openai/gpt-4o", "discount_pct": "10", "valid_to": "2026-11-15"}, LIST),
        ({"match": "openai/gpt-4o", "price": {"input": "1", "output": "2"}}, Decimal("0.0012")),
        ({"match": "openai/gpt-4o", "price": {"input": "1"}, "discount_pct": "50"}, Decimal("0.001")),
        ([{"match": "openai/*", "discount_pct": "50"}, {"match": "openai/gpt-4o", "discount_pct": "10"}],
         LIST * Decimal("0.9")),
    ],
)  # fmt: skip
def test_a_case_may_bring_rules_of_its_own(rule: Any, usd: Decimal) -> None:
    assert cost(case(context={"tenant_rule": rule})) == usd


def test_the_rules_of_a_case_hold_for_no_other_one() -> None:
    lines = [case(context={"tenant_rule": {"match": "*", "discount_pct": "100"}}), case()]
    cases = read_cases(lines, CATALOGUE)
    assert [one.cost_usd for one in explain(cases.batch, cases.book(BOOK))] == [0, LIST]


def test_a_model_of_ones_own_has_the_price_its_rule_gives() -> None:
    rule = {"match": "ollama/llama*", "price": {"input": "0.1", "output": "0.3"}}
    assert cost(case(provider="ollama", model="llama3.3:70b", context={"tenant_rule": rule})) == Decimal("0.00013")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "mine.jsonl, line 2: Expecting property name"),
        ('{"provider": "openai"}', "mine.jsonl, line 2: model is missing"),
        (case(usage={"input": 3}), 'usage has an unknown count "input"; there are input_total, '),
        (case(usage={"input_total": "3"}), "input_total is '3', no whole number"),
        (case(context={"tier": "x"}), 'context has an unknown key "tier"'),
        (case(timestamp="yesterday"), "Invalid isoformat string: 'yesterday'"),
        (case(context={"tenant_rule": {"match": "*", "off": 1}}), 'tenant_rule has an unknown key "off"'),
        (case(context={"tenant_rule": {"match": "*", "price": {"inputs": 1}}}), 'price has an unknown unit "inputs"'),
        (case(context={"tenant_rule": {"match": "*", "price": {"input": "-1"}}}), "input is -1, a negative price"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, sentence: str) -> None:
    with pytest.raises(CasesError) as refused:
        read_cases([case(), line], CATALOGUE, "mine.jsonl")
    assert str(refused.value).startswith("mine.jsonl, line 2: ")
    assert sentence in str(refused.value)


def test_what_is_not_known_here_and_says_nothing_is_passed_over() -> None:
    assert cost(case(usage={"input_total": 1000, "output": 100, "pages": 0}, context={"route": None})) == LIST


def test_empty_lines_are_passed_over_and_a_case_without_a_name_is_called_by_its_line() -> None:
    cases: Cases = read_cases(["", case(id="a"), "  ", json.dumps(json.loads(case()) | {"id": 7})], CATALOGUE)
    assert cases.ids == ["a", "7"]


def test_every_status_of_a_case_is_one_of_the_statuses(explained: dict[str, Explanation]) -> None:
    assert {one.price_status for one in explained.values()} <= set(STATUSES)
