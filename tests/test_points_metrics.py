"""The metrics that tell of usage: what each counts, and that the table says so for every one of them."""

import pytest

from spanledger.processors.points_metrics import KINDS, METRICS, UNITS, reading
from spanledger.storage.schema import POINT_KINDS


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: f"{metric.name} {','.join(metric.scopes)}")
def test_a_row_says_where_it_is_known_from_and_counts_something_that_is_compared(metric) -> None:
    assert metric.source
    assert {*filter(None, [metric.kind]), *metric.means.values()} <= set(POINT_KINDS)
    assert (metric.kind == "cost") == (metric.unit != "tokens")
    assert UNITS[metric.name] == metric.unit, "a metric has one unit, whoever speaks"


def test_every_row_is_the_first_that_fits_somebody() -> None:
    for metric in METRICS:
        scope = f"{metric.scopes[0]}x" if metric.scopes and metric.scopes[0].endswith(".") else (*metric.scopes, "")[0]
        first = next(
            one for one in METRICS if one.name == metric.name and one.speaks(scope, (*metric.providers, "")[0])
        )
        assert first is metric


@pytest.mark.parametrize("token_type", KINDS)
def test_a_token_type_is_read_in_any_case(token_type: str) -> None:
    kind, _ = reading("qwen-code.token.usage", "qwen-code", None, token_type.upper())
    assert kind == KINDS[token_type]


@pytest.mark.parametrize(
    ("name", "scope", "provider", "token_type", "kind"),
    [
        ("gen_ai.client.token.usage", "my.app", "openai", "input", "input"),
        ("gen_ai.client.token.usage", "my.app", "openai", "completion", "output"),
        ("gen_ai.client.token.usage", "gemini-cli", "gcp.gen_ai", "output", "output_without_reasoning"),
        ("gen_ai.client.token.usage", "opentelemetry.instrumentation.botocore.bedrock-runtime", None, "input",
         "uncached_input"),
        ("gen_ai.client.token.usage", "opentelemetry.instrumentation.genai.bedrock", None, "input", "uncached_input"),
        ("gen_ai.client.token.usage", "openlit.otel.metrics", "anthropic", "input", "uncached_input"),
        ("gen_ai.client.token.usage", "openlit.otel.metrics", "anthropic", "output", "output"),
        ("gen_ai.client.token.usage", "openlit.otel.metrics", "openai", "input", "input"),
        ("claude_code.token.usage", "com.anthropic.claude_code", None, "input", "uncached_input"),
        ("claude_code.token.usage", "com.anthropic.claude_code", None, "cacheCreation", "cache_write"),
        ("codex.turn.token_usage", "codex", None, "cached_input", "cache_read"),
        ("gemini_cli.token.usage", "gemini-cli", None, "thought", "reasoning"),
        ("gemini_cli.token.usage", "gemini-cli", None, "tool", None),
        ("openclaw.tokens", "openclaw", None, "input", "uncached_input"),
        ("openclaw.tokens", "openclaw", None, "prompt", "input"),
        ("gen_ai.client.inference.usage.reasoning.output_tokens", "x", None, None, "reasoning"),
        ("cline.cost.total", "cline", None, None, "cost"),
        ("gen_ai.client.token.usage", None, None, None, None),
        ("gen_ai.client.token.usage", None, None, "input_audio", None),
    ],
)  # fmt: skip
def test_what_a_number_counts(name, scope, provider, token_type, kind) -> None:
    assert reading(name, scope, provider, token_type)[0] == kind


def test_what_an_emitter_says_in_its_own_words_comes_before_the_conventions() -> None:
    own, conventions, part = (
        reading(name, "gemini-cli", None, "input")[1]
        for name in ("gemini_cli.token.usage", "gen_ai.client.token.usage",
                     "gen_ai.client.inference.operation.input_tokens")
    )  # fmt: skip
    assert own < conventions < part


def test_another_metric_is_none_of_ours() -> None:
    with pytest.raises(KeyError):
        reading("http.server.duration", "x", None, None)
