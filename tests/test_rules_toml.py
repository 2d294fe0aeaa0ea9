"""`prices.toml` is read as a whole or refused in one sentence that names file, line and rule."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from spanledger.processors.pricing import rules_toml
from spanledger.processors.pricing.rules import NO_RULES, RulesError
from spanledger.processors.pricing.rules_toml import read_rules

EXAMPLE = rules_toml.__doc__ or ""
"""The file's own example: from the first rule on."""


def test_the_example_of_the_documentation_is_read() -> None:
    lines = [line.strip() for line in EXAMPLE.splitlines()]
    rules = read_rules("\n".join(lines[lines.index("[[alias]]") :]))
    assert [rule.kind for rule in rules] == ["alias", "model", "override", "discount", "subscription"]
    alias, model, override, discount, subscription = rules
    assert (alias.model, alias.means) == ("azure/my-gpt4o-prod", "azure/gpt-4o")  # type: ignore[attr-defined]
    assert rules.models[0].tiers == ((None, {"input": 100_000, "output": 300_000}),)
    assert rules.overrides[0].tiers == ((None, {"input": 2_400_000, "output": 12_000_000}),)
    assert (override.valid_from, override.valid_to) == (date(2026, 10, 1), date(2027, 10, 1))
    assert (rules.discounts[0].factor, rules.discounts[0].applies_to) == (Fraction(78, 100), "tokens")
    assert (model.name, discount.name, subscription.name) == ("ollama/llama3.3:70b", "openai/*", "claude-code*")
    assert rules.rate_on("EUR", date(2026, 11, 22)) == Decimal("0.86")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "format = 1\n"])
def test_a_file_without_rules_has_none(text: str) -> None:
    rules = read_rules(text)
    assert list(rules) == []
    assert rules.id == NO_RULES.id


def test_the_order_of_lines_and_comments_make_no_other_rule_and_any_change_of_meaning_does() -> None:
    first = read_rules('[[discount]]\nmodel = "openai/*"\npercent = 22\n').discounts[0]
    same = read_rules('# why\n\n[[discount]]\npercent = "22"  # off\nmodel = "openai/*"\n').discounts[0]
    other = read_rules('[[discount]]\nmodel = "openai/*"\npercent = 23\n').discounts[0]
    assert first.id == same.id != other.id
    assert (first.line, same.line) == (1, 3)


def test_long_prompts_may_have_prices_of_their_own() -> None:
    text = """
[[override]]
model = "anthropic/claude-x"
input = 3
output = 15
tiers = [{ prompt_above = 500_000, input = 9 }, { prompt_above = 200_000, input = 6 }]
"""
    assert read_rules(text).overrides[0].tiers == (
        (None, {"input": 3_000_000, "output": 15_000_000}),
        (200_000, {"input": 6_000_000, "output": 15_000_000}),
        (500_000, {"input": 9_000_000, "output": 15_000_000}),
    )


BEFORE = '[[alias]]\nmodel = "fine"\nmeans = "openai/gpt-4o"\n\n'
"""A good rule above the bad one: nothing of the file is taken."""


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ('[[discout]]\nmodel = "x"\n', 5, 'unknown key "discout"; there are alias, model, override'),
        ('[[override]]\nmodel = "x"\ninputs = 1\n', 7, 'override "x": unknown key "inputs"; there are name, tenant'),
        ('[[override]]\nmodel = "x"\ninput = -1\n', 7, 'override "x": input is -1, a negative price'),
        ('[[override]]\nname = "mine"\nmodel = "x"\noutput = "-0.5"\n', 8, 'override "mine": output is -0.5, a neg'),
        ('[[override]]\nmodel = "x"\ninput = "cheap"\n', 7, "input is 'cheap', no number"),
        ('[[override]]\nmodel = "x"\ninput = true\n', 7, "input is True, no number"),
        ('[[override]]\nmodel = "x"\ninput = "NaN"\n', 7, "input is 'NaN', no number"),
        ('[[override]]\nmodel = "x"\ninput = 2000000\n', 7, "input is 2000000; prices are dollars per million"),
        ('[[override]]\nmodel = "x"\ninput = 0.0000001\n', 7, "input is 1E-7; a price has at most 6 decimals"),
        ('[[override]]\nmodel = "x"\n', 5, "it has no price; give one of input, cache_read"),
        ('[[override]]\nmodel = "x"\ninput = 1\nvariant = "ultra"\n', 8, 'variant is "ultra", none of standard, batch'),
        ('[[override]]\nmodel = "x"\ninput = 1\ncurrency = "EUR"\n', 8, "prices are US dollars, not EUR"),
        ('[[override]]\nmodel = "x"\ninput = 1\ncurrency = "ABC"\n', 8, 'unknown currency "ABC"; write the code'),
        ('[[override]]\nmodel = "x"\ninput = 1\ntiers = 3\n', 8, "tiers is no list like [{ prompt_above"),
        ('[[override]]\nmodel = "x"\ninput = 1\ntiers = [{ input = 3 }]\n', 8, "prompt_above is None, no number"),
        ("[[model]]\ninput = 1\n", 5, "model: model is missing"),
        ('[[alias]]\nmodel = "x"\n', 5, 'alias "x": means is missing'),
        ('[[alias]]\nmodel = "x"\nmeans = "gpt-4o"\n', 7, 'means is "gpt-4o"; write provider and model'),
        ('[[discount]]\nmodel = "x"\n', 5, "percent is missing"),
        ('[[discount]]\nmodel = "x"\npercent = 101\n', 7, "101 per cent off is no discount"),
        ('[[discount]]\nmodel = "x"\npercent = 1.00001\n', 7, "percent 1.00001 has more than 4 decimals"),
        ('[[discount]]\nmodel = "x"\npercent = 1\napplies_to = "it"\n', 8, 'applies_to is "it", none of all, tokens'),
        ("[[discount]]\nmodel = 3\npercent = 1\n", 6, "model is 3, no text"),
        ('[[discount]]\npercent = 1\nvalid_from = "2026-01-01"\n', 7, "valid_from is '2026-01-01', no day"),
        ("[[discount]]\npercent = 1\nvalid_from = 2026-02-01\nvalid_to = 2026-02-01\n", 8, "is not after valid_from"),
        ('[[currency]]\ncode = "EURO"\nper_usd = 1\n', 6, 'currency "EURO": unknown currency "EURO"; write the code'),
        ('[[currency]]\ncode = "EUR"\n', 5, "per_usd is missing"),
        ('[[currency]]\ncode = "EUR"\nper_usd = 0\n', 7, "per_usd is 0; a rate is above 0"),
    ],
)
def test_what_cannot_be_is_refused_with_file_line_and_rule(text: str, line: int, sentence: str) -> None:
    with pytest.raises(RulesError) as refused:
        read_rules(BEFORE + text, "/data/prices.toml")
    assert str(refused.value).startswith(f"/data/prices.toml, line {line}")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[alias]\n", "prices.toml is no TOML: "),
        ('discount = "22"\n', "prices.toml, line 1: discount is no list of rules; write [[discount]] above it"),
        ("format = 2\n", "prices.toml is of format 2, and 1 is read here: update Spanledger"),
    ],
)
def test_a_file_of_another_form_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(RulesError) as refused:
        read_rules(text)
    assert str(refused.value).startswith(sentence)


SPANS = '[[discount]]\nmodel = "openai/*"\npercent = 5\nvalid_from = {}\nvalid_to = {}\n'


def test_two_rules_of_one_scope_must_not_hold_on_one_day() -> None:
    after = SPANS.format("2026-01-01", "2026-02-01") + SPANS.format("2026-02-01", "2026-03-01")
    assert len(read_rules(after).discounts) == 2
    overlapping = SPANS.format("2026-01-01", "2026-02-02") + SPANS.format("2026-02-01", "2026-03-01")
    with pytest.raises(RulesError) as refused:
        read_rules(overlapping)
    assert str(refused.value) == (
        'prices.toml, line 6, discount "openai/*": it holds at the same time as the discount of the same scope on '
        "line 1; end one with valid_to before the other begins"
    )


@pytest.mark.parametrize(
    "more",
    [
        '[[discount]]\nmodel = "openai/gpt-4o"\npercent = 5\n',
        '[[discount]]\nmodel = "openai/*"\ntenant = "acme"\npercent = 5\n',
        '[[discount]]\nmodel = "openai/*"\nprovider = "openai"\npercent = 5\n',
        '[[override]]\nmodel = "openai/*"\ninput = 5\n',
    ],
)
def test_rules_of_another_scope_or_kind_may_hold_at_the_same_time(more: str) -> None:
    assert len(list(read_rules('[[discount]]\nmodel = "openai/*"\npercent = 5\n' + more))) == 2


def test_overrides_of_different_variants_may_hold_at_the_same_time_and_rates_of_one_currency_not() -> None:
    text = '[[override]]\nmodel = "x"\ninput = 5\n[[override]]\nmodel = "x"\nvariant = "batch"\ninput = 2\n'
    assert len(read_rules(text).overrides) == 2
    with pytest.raises(RulesError, match='line 4, currency "EUR": it holds at the same time'):
        read_rules('[[currency]]\ncode = "EUR"\nper_usd = 1\n[[currency]]\ncode = "EUR"\nper_usd = 2\n')


def test_a_currency_is_told_by_day_and_one_without_a_rate_is_refused() -> None:
    rules = read_rules(
        '[[currency]]\ncode = "EUR"\nper_usd = 0.9\nvalid_to = 2026-02-01\n'
        '[[currency]]\ncode = "EUR"\nper_usd = 0.8\nvalid_from = 2026-02-01\nvalid_to = 2026-03-01\n'
    )
    assert [rules.rate_on("EUR", date(2026, month, 15)) for month in (1, 2)] == [Decimal("0.9"), Decimal("0.8")]
    with pytest.raises(RulesError, match=r"no rate for EUR on 2026-03-15 in prices.toml; add a"):
        rules.rate_on("EUR", date(2026, 3, 15))
    with pytest.raises(RulesError, match=r"no rate for CHF \(there are: EUR\) in prices.toml; add a"):
        rules.rate_on("CHF", date(2026, 1, 15))
