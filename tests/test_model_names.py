"""Names of models are matched by the clauses of the price data, the first model first, and by nothing else."""

import pytest
from genai_prices import types
from hypothesis import given
from hypothesis import strategies as st

from spanledger.processors.pricing.clauses import (
    And,
    Clause,
    Contains,
    EndsWith,
    Equals,
    Or,
    Regex,
    StartsWith,
    clause_from_json,
    clause_of,
    clause_to_json,
    describe,
)
from spanledger.processors.pricing.model_names import ModelNames, Named, spellings

TEXTS = st.text("ab", min_size=1, max_size=3)
SIMPLE = st.one_of(TEXTS.map(Equals), TEXTS.map(StartsWith), TEXTS.map(EndsWith), TEXTS.map(Contains))
CLAUSES = st.recursive(
    SIMPLE,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(Or) | st.lists(inner, min_size=1).map(tuple).map(And)
    ),
)


@given(st.lists(CLAUSES, max_size=6), TEXTS)
def test_the_first_model_whose_clause_matches_is_meant(clauses: list[Clause], name: str) -> None:
    keys = [f"p/{position}" for position in range(len(clauses))]
    expected = next((key for key, clause in zip(keys, clauses, strict=True) if clause.is_match(name)), None)
    found = ModelNames(keys, clauses).find(name)
    assert (found and found.model_key) == expected


def test_the_rule_names_the_clause_that_matched_and_not_its_neighbours() -> None:
    clause = Or((Equals("GPT-4o"), StartsWith("gpt-4o-2024")))
    names = ModelNames(["openai/gpt-4o"], [clause])
    assert names.find("gpt-4o") == Named("openai/gpt-4o", 'equals "gpt-4o"')
    assert names.find("gpt-4o-2024-08-06") == Named("openai/gpt-4o", 'starts with "gpt-4o-2024"')
    assert names.find("gpt-4o-mini") is None


@pytest.mark.parametrize(
    ("clause", "words"),
    [
        (EndsWith(":free"), 'ends with ":free"'),
        (Regex(r"^o\d$"), r"matches /^o\d$/"),
        (Or((Equals("a"), Contains("b"))), 'equals "a" or contains "b"'),
        (
            And((StartsWith("a"), Or((Equals("b"), Equals("c"))))),
            'starts with "a" and (equals "b" or equals "c")',
        ),
    ],
)
def test_a_clause_can_be_said_in_words(clause: Clause, words: str) -> None:
    assert describe(clause) == words


def test_a_clause_written_as_json_is_the_same_clause() -> None:
    clause = And((StartsWith("a"), Or((Equals("b"), Regex("c$"), EndsWith("d")))))
    said = clause_to_json(clause)
    assert said == {"and": [{"starts_with": "a"}, {"or": [{"equals": "b"}, {"regex": "c$"}, {"ends_with": "d"}]}]}
    assert clause_from_json(said) == clause


@given(CLAUSES, TEXTS)
def test_a_clause_of_the_package_is_read_as_it_means(clause: Clause, name: str) -> None:
    foreign = genai_clause(clause)
    assert clause_of(foreign) == clause
    assert clause_of(foreign).is_match(name) == foreign.is_match(name)


def genai_clause(clause: Clause) -> types.MatchLogic:
    match clause:
        case And(parts=parts):
            return types.ClauseAnd([genai_clause(part) for part in parts])
        case Or(parts=parts):
            return types.ClauseOr([genai_clause(part) for part in parts])
        case _:
            ((kind, text),) = clause_to_json(clause).items()
            return getattr(types, "Clause" + kind.title().replace("_", ""))(text)


@pytest.mark.parametrize("said", [{"near": "x"}, {"or": "x"}, {"equals": ["x"]}, {}, {"equals": "x", "regex": "y"}])
def test_json_of_another_form_is_no_clause(said: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        clause_from_json(said)


@pytest.mark.parametrize(
    ("name", "readings"),
    [
        ("GPT-4o ", ["gpt-4o"]),
        ("", []),
        ("models/gemini-2.5-pro", ["models/gemini-2.5-pro", "gemini-2.5-pro"]),
        ("publishers/google/models/gemini-2.5-pro", ["publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"]),
        (
            "projects/p/locations/l/publishers/anthropic/models/claude-opus-5",
            ["projects/p/locations/l/publishers/anthropic/models/claude-opus-5", "claude-opus-5"],
        ),
        ("accounts/fireworks/models/kimi-k2", ["accounts/fireworks/models/kimi-k2"]),
        ("gpt-5.2-20251211", ["gpt-5.2-20251211", "gpt-5.2-2025-12-11"]),
        ("gpt-5.2-20251311", ["gpt-5.2-20251311"]),
        ("claude-opus-4-1@20250805", ["claude-opus-4-1@20250805", "claude-opus-4-1-20250805"]),
        ("claude-opus-5@latest", ["claude-opus-5@latest", "claude-opus-5"]),
        ("claude-opus-5@2025", ["claude-opus-5@2025"]),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5",
            ["us.anthropic.claude-opus-5"],
        ),
        ("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-pro-v1:0", ["amazon.nova-pro-v1:0"]),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/gpt-4o", []),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/gpt-4o", []),
    ],
)
def test_a_name_can_be_read_in_several_ways_but_an_opaque_arn_in_none(name: str, readings: list[str]) -> None:
    assert list(spellings(name)) == readings
