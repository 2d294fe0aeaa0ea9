"""Reading: counts become inclusive by the dialect's word, else by what the numbers allow; what is odd is flagged."""

import pytest

from spanledger.processors.reading import FLAGS, RULES
from tests.oracle import call, calls, processed
from tests.otlp_requests import body, span

IN, OUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
READ, WRITE = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"
REASONING, TOTAL = "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.total_tokens"
UNCACHED = "ai.usage.inputTokenDetails.noCacheTokens"
OPENAI, BEDROCK = "opentelemetry.instrumentation.genai.openai", "opentelemetry.instrumentation.genai.bedrock"
SPRING, VERTEX = "org.springframework.ai", "opentelemetry.instrumentation.vertexai"

# Scope, what is said, then the input, the output and the rule.
READINGS = {
    "the dialect's word": (OPENAI, {IN: 100, READ: 60, OUT: 5}, 100, 5, "inclusive"),
    "its word against the total": (OPENAI, {IN: 100, READ: 60, OUT: 5, TOTAL: 165}, 100, 5, "inclusive"),
    "its other word": (BEDROCK, {IN: 100, READ: 60, WRITE: 1, OUT: 5}, 161, 5, "exclusive"),
    "a provider that excludes": (SPRING, {IN: 9, READ: 6, "gen_ai.system": "anthropic"}, 15, None, "exclusive"),
    "any other provider": (SPRING, {IN: 9, READ: 6, "gen_ai.system": "openai"}, 9, None, "inclusive"),
    "a provider by an alias": (SPRING, {IN: 9, READ: 6, "gen_ai.system": "bedrock_converse"}, 15, None, "exclusive"),
    "no provider": (SPRING, {IN: 9, READ: 6}, 9, None, "inclusive"),
    "in and out are the total": ("", {IN: 100, READ: 60, OUT: 5, TOTAL: 105}, 100, 5, "total_inclusive"),
    "the total has the cache": ("", {IN: 100, READ: 60, OUT: 5, TOTAL: 165}, 160, 5, "total_exclusive"),
    "the total has reasoning": ("", {IN: 100, REASONING: 7, OUT: 5, TOTAL: 112}, 100, 12, "total_inclusive"),
    "the total has both": ("", {IN: 100, READ: 60, REASONING: 7, OUT: 5, TOTAL: 172}, 160, 12, "total_exclusive"),
    "more cached than there is": ("", {IN: 10, READ: 60, OUT: 5}, 70, 5, "exclusive_by_size"),
    "a total that cannot be": ("", {IN: 10, READ: 60, OUT: 5, TOTAL: 15}, 70, 5, "exclusive_by_size"),
    "a total of nothing": ("", {IN: 100, READ: 60, OUT: 5, TOTAL: 3}, 100, 5, "inclusive"),
    "a total as a text": ("", {IN: "100", READ: "60", OUT: "5", TOTAL: "165"}, 160, 5, "total_exclusive"),
    "nothing cached": ("", {IN: 100, OUT: 5}, 100, 5, "inclusive"),
    "the uncached part is less": ("ai", {IN: 100, READ: 60, UNCACHED: 40, OUT: 5}, 100, 5, "uncached_inclusive"),
    "the uncached part is all": ("", {IN: 40, READ: 60, UNCACHED: 40, OUT: 5}, 100, 5, "uncached_exclusive"),
    "the uncached part of no cache": ("", {IN: 40, UNCACHED: 40, OUT: 5}, 40, 5, "inclusive"),
}  # fmt: skip


@pytest.mark.parametrize(("scope", "said", "asked", "answered", "rule"), READINGS.values(), ids=READINGS)
def test_the_input_is_all_of_the_prompt_and_the_rule_says_how_that_was_found(scope, said, asked, answered, rule):
    row = call(said, scope=scope)
    assert (row["input_tokens"], row["output_tokens"], row["usage_rule"]) == (asked, answered, rule)


def test_every_rule_is_reached():
    assert {rule for *_, rule in READINGS.values()} == set(RULES)


@pytest.mark.parametrize(
    ("scope", "said", "flags"),
    [
        (OPENAI, {IN: 10, OUT: 5}, None),
        (OPENAI, {IN: 10, OUT: 5, READ: 60}, "cache_above_input"),
        (BEDROCK, {IN: 10, OUT: 5, READ: 60}, None),
        ("", {IN: 10, OUT: 5, READ: 60}, None),
        (OPENAI, {IN: 10, OUT: 5, TOTAL: 99}, "total_differs"),
        (OPENAI, {IN: 100, OUT: 5, READ: 60, TOTAL: 165}, None),
        (OPENAI, {IN: 10, OUT: 5, "llm.usage.prompt_tokens": 11}, "two_values"),
        (OPENAI, {IN: 10, OUT: 5, "llm.usage.prompt_tokens": "10"}, None),
        (OPENAI, {IN: 10, OUT: 5, WRITE: 3, "gen_ai.usage.cache_creation.input_tokens": 4}, "two_values"),
        (OPENAI, {IN: 10, OUT: 5, "llm.usage.prompt_tokens": -1}, None),
        (OPENAI, {IN: 10, OUT: -5}, "bad_count"),
        (OPENAI, {OUT: 5, TOTAL: 99}, None),
        (OPENAI, {IN: 1, OUT: "x", READ: 60, TOTAL: 99}, "bad_count,cache_above_input,total_differs"),
    ],
)
def test_numbers_that_contradict_each_other_are_flagged(scope, said, flags):
    assert call(said, scope=scope)["flags"] == flags
    assert flags is None or set(flags.split(",")) <= set(FLAGS)


@pytest.mark.parametrize("yes", [True, "true"])
def test_replayed_logs_say_that_they_do_not_know_all_or_add_up_calls(yes):
    row = call({IN: 10, OUT: 5, "spanledger.partial": yes}, scope="spanledger.replay.agent")
    assert (row["partial"], row["flags"], row["input_tokens"], row["attributes"]) == (True, None, 10, None)
    row = call({IN: 10, OUT: 5, READ: 60, "spanledger.adds_up": yes}, scope="spanledger.replay.agent")
    assert (row["partial"], row["flags"], row["attributes"]) == (False, "cache_above_input,sum", None)


@pytest.mark.parametrize("no", [False, "no", 1])
def test_only_yes_means_yes(no):
    row = call({IN: 10, OUT: 5, "spanledger.partial": no, "spanledger.adds_up": no}, scope="spanledger.replay.agent")
    assert (row["partial"], row["flags"]) == (False, None)


def test_flags_are_listed_in_order():
    assert list(FLAGS) == sorted(FLAGS)


@pytest.mark.parametrize("operation", ["invoke_agent", "execute_event_loop_cycle"])
def test_a_roll_up_over_more_than_what_lies_beneath_it_is_flagged(operation):
    result = processed([body(span({"gen_ai.operation.name": operation, IN: 9}), scope="strands.telemetry.tracer")])
    assert result.spans.column("flags").to_pylist() == ["cumulative"]
    assert call({IN: 9, OUT: 1}, scope="strands.telemetry.tracer")["flags"] is None


def test_an_output_that_hides_reasoning_is_not_all_that_is_billed():
    row = call({IN: 10, OUT: 5}, scope=VERTEX)
    assert (row["output_tokens"], row["partial"]) == (5, True)
    assert call({IN: 10, OUT: 5, REASONING: 2}, scope=VERTEX)["partial"] is False


def test_readings_do_not_mix_between_the_scopes_of_a_batch():
    said = {"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", IN: 10, READ: 30, OUT: 1, TOTAL: 41}
    rows = calls(*[body(span(said), scope=scope) for scope in (BEDROCK, OPENAI, "", SPRING)])
    assert [row["input_tokens"] for row in rows] == [40, 10, 40, 40]
    assert [row["usage_rule"] for row in rows] == ["exclusive", "inclusive", "total_exclusive", "exclusive"]
    assert [row["flags"] for row in rows] == [None, "cache_above_input", None, None]
