"""The metrics that tell of tokens or of cost, as data: every other metric is counted and left out.

A row says what the numbers of a metric count. Emitters mean different things by "input" and "output", in metrics as in
spans, so each token type is mapped to the kind of tokens that is really counted (`schema.POINT_KINDS`); usage is then
compared with calls kind by kind, and nothing is ever added up across kinds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

TOKENS: Final = "tokens"
PICO_PER_UNIT: Final[Mapping[str, float]] = {"usd": 1e12, "micro_usd": 1e6}
"""Pico-dollars in the units in which metrics tell of cost; every other metric counts tokens."""

OWN, CONVENTIONS, PARTS = 0, 1, 2
"""Precedence of metrics that tell of the same usage: what an emitter says in its own words is finer than what it says
in those of the conventions, and a distribution is not meant for totals."""

TOKEN_TYPE: Final = ("gen_ai.token.type", "token_type", "llm.usage.token_type", "openclaw.token", "type")
REQUEST_MODEL: Final = ("gen_ai.request.model", "llm.request.model", "openclaw.model", "model")
RESPONSE_MODEL: Final = ("gen_ai.response.model", "llm.response.model")
PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "openclaw.provider", "provider")
OPERATION: Final = ("gen_ai.operation.name",)
"""Attribute keys of data points, in order of precedence."""

KINDS: Final[Mapping[str, str]] = {
    "input": "input",
    "prompt": "input",
    "output": "output",
    "completion": "output",
    "cached_input": "cache_read",
    "cache": "cache_read",
    "cacheread": "cache_read",
    "cache_read": "cache_read",
    "cache_write": "cache_write",
    "cache_write_input": "cache_write",
    "cachecreation": "cache_write",
    "cache_creation": "cache_write",
    "cache_creation_input": "cache_write",
    "reasoning": "reasoning",
    "reasoning_output": "reasoning",
    "thought": "reasoning",
    "total": "total",
}
"""Token type, in lower case → kind. Types that are not listed (`tool`, `input_audio`, …) are parts of others."""

WITHOUT_CACHE: Final[Mapping[str, str]] = {"input": "uncached_input"}
WITHOUT_REASONING: Final[Mapping[str, str]] = {"output": "output_without_reasoning"}


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric tells of.

    `scopes`: instrumentation scopes that speak so, a prefix where it ends in a dot; none: any. `providers`: only of
    calls of these. `kind` is what is counted where the metric's name says it and no token type does; `means` has token
    types and kinds that the emitter means otherwise. `source` says where that is known from.
    """

    name: str
    source: str
    scopes: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    unit: str = TOKENS
    kind: str | None = None
    means: Mapping[str, str] = field(default_factory=dict)
    precedence: int = OWN

    def speaks(self, scope: str | None, provider: str | None) -> bool:
        """Whether this row is about what a scope says of a provider's calls."""
        named = not self.scopes or any(
            (scope or "").startswith(one) if one.endswith(".") else scope == one for one in self.scopes
        )
        return named and (not self.providers or provider in self.providers)


_CLIENT_USAGE: Final = "gen_ai.client.token.usage"
_INFERENCE: Final = "gen_ai.client.inference."
_SEMCONV: Final = "GenAI semantic conventions"
_BEDROCK: Final = (
    "opentelemetry.instrumentation.botocore.",
    "opentelemetry.instrumentation.genai.bedrock",
    "opentelemetry.instrumentation.bedrock",
)

METRICS: Final[tuple[Metric, ...]] = (
    # The conventions, with what single emitters make of them; the first row that fits speaks.
    Metric(_CLIENT_USAGE, "recorded: Gemini CLI 0.61.0", ("gemini-cli",), means=WITHOUT_REASONING,
           precedence=CONVENTIONS),
    Metric(_CLIENT_USAGE, "recorded: botocore 0.66b2, genai-bedrock 1.3b0, OpenLLMetry 0.62.4", _BEDROCK,
           means=WITHOUT_CACHE, precedence=CONVENTIONS),
    Metric(_CLIENT_USAGE, "recorded: OpenLIT 1.45.0 on Anthropic", ("openlit.",), ("anthropic", "aws.bedrock"),
           means=WITHOUT_CACHE, precedence=CONVENTIONS),
    Metric(_CLIENT_USAGE, f"{_SEMCONV} 1.28", precedence=CONVENTIONS),
    Metric(f"{_INFERENCE}usage.input_tokens", _SEMCONV, kind="input", precedence=CONVENTIONS),
    Metric(f"{_INFERENCE}usage.output_tokens", _SEMCONV, kind="output", precedence=CONVENTIONS),
    Metric(f"{_INFERENCE}usage.cache_read.input_tokens", _SEMCONV, kind="cache_read", precedence=CONVENTIONS),
    Metric(f"{_INFERENCE}usage.cache_write.input_tokens", _SEMCONV, kind="cache_write", precedence=CONVENTIONS),
    Metric(f"{_INFERENCE}usage.reasoning.output_tokens", _SEMCONV, kind="reasoning", precedence=CONVENTIONS),
    Metric(f"{_INFERENCE}operation.input_tokens", _SEMCONV, kind="input", precedence=PARTS),
    Metric(f"{_INFERENCE}operation.output_tokens", _SEMCONV, kind="output", precedence=PARTS),
    Metric("gen_ai.usage.cost", "recorded: LiteLLM 1.109.1, OpenLIT 1.45.0", unit="usd", kind="cost"),
    Metric("operation.cost", "recorded: pydantic-ai 2.68.0", unit="usd", kind="cost"),
    # OpenLLMetry before it took the conventions' name
    Metric("llm.openai.chat_completions.tokens", "OpenLLMetry, older versions, source"),
    Metric("llm.anthropic.completion.tokens", "OpenLLMetry, older versions, source"),
    Metric("llm.watsonx.completions.tokens", "OpenLLMetry, older versions, source"),
    # Frameworks
    Metric("strands.event_loop.input.tokens", "recorded: Strands 1.62.0", kind="input"),
    Metric("strands.event_loop.output.tokens", "recorded: Strands 1.62.0", kind="output"),
    Metric("strands.event_loop.cache_read.input.tokens", "recorded: Strands 1.62.0", kind="cache_read"),
    Metric("strands.event_loop.cache_write.input.tokens", "recorded: Strands 1.62.0", kind="cache_write"),
    # Coding agents
    Metric("claude_code.token.usage", "recorded: Claude Code 2.1.330", means=WITHOUT_CACHE),
    Metric("claude_code.cost.usage", "recorded: Claude Code 2.1.330", unit="usd", kind="cost"),
    Metric("codex.turn.token_usage", "recorded: Codex 0.169.0; the compactions it makes remotely are missing"),
    Metric("codex.turn.cost_microusd", "Codex 0.169.0, source", unit="micro_usd", kind="cost"),
    Metric("gemini_cli.token.usage", "recorded: Gemini CLI 0.61.0", means=WITHOUT_REASONING),
    Metric("qwen-code.token.usage", "recorded: Qwen Code 0.24.4; thoughts are part of the output"),
    Metric("openclaw.tokens", "OpenClaw 2026.9.6, documentation", means={"input": "uncached_input", "prompt": "input"}),
    Metric("openclaw.cost.usd", "OpenClaw 2026.9.6, documentation", unit="usd", kind="cost"),
    Metric("cline.tokens.input.total", "Cline 4, source", kind="input"),
    Metric("cline.tokens.output.total", "Cline 4, source", kind="output"),
    Metric("cline.cache.read.tokens.total", "Cline 4, source", kind="cache_read"),
    Metric("cline.cache.write.tokens.total", "Cline 4, source", kind="cache_write"),
    Metric("cline.cost.total", "Cline 4, source", unit="usd", kind="cost"),
    Metric("goose.session_tokens", "Goose, source: the session's total", kind="total"),
)  # fmt: skip

UNITS: Final[Mapping[str, str]] = {metric.name: metric.unit for metric in METRICS}
"""Name of a metric → its unit; a metric that is not here tells of no usage."""


def reading(name: str, scope: str | None, provider: str | None, token_type: str | None) -> tuple[str | None, int]:
    """What the numbers of a metric count, None where nothing of POINT_KINDS, and the metric's precedence.

    Raises KeyError for a metric that tells of no usage.
    """
    for metric in METRICS:
        if metric.name == name and metric.speaks(scope, provider):
            said = (token_type or "").lower()
            kind = metric.means.get(said)
            if kind is None and (kind := metric.kind or KINDS.get(said)):
                kind = metric.means.get(kind, kind)
            return kind, metric.precedence
    raise KeyError(name)
