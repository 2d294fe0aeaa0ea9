"""What emitters do not say, or say wrongly: the differences from the truth that no receiver can make good.

Each is a row with its reason, shown in docs/emitters.md. A gap that explains nothing any more fails the tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e.emitter_judge import COST, COST_OF_TOKENS, NO_ROW, Difference, Verdict
from tests.e2e.truth import TOKENS, Truth

CACHE = ("cache_read_tokens", "cache_write_tokens")
LIFETIMES = ("cache_write_5m_tokens", "cache_write_1h_tokens")
REASONING = ("reasoning_tokens",)
UNBILLED = REASONING
"""Counts that are part of another: their absence changes no dollars."""


@dataclass(frozen=True)
class Gap:
    """One thing that some emitters leave out.

    `fields` of calls that fit `vendor`, `interfaces`, `streamed`, `usage_sent` and `left_early` (all that are given)
    are unknown in the ledger; with `wrong` they may also be there with another value. `rare` ones depend on the timing
    of a run and may have nothing to explain.
    """

    emitters: tuple[str, ...]
    fields: tuple[str, ...]
    reason: str
    wrong: bool = False
    rare: bool = False
    vendor: str | None = None
    interfaces: tuple[str, ...] = ()
    streamed: bool | None = None
    usage_sent: str | None = None
    left_early: bool | None = None
    calls: tuple[int, ...] = ()

    def fits(self, call: Truth) -> bool:
        """Whether the gap is about this call at all."""
        asked: dict[str, Any] = {
            "vendor": self.vendor,
            "streamed": self.streamed,
            "usage_sent": self.usage_sent,
            "left_early": self.left_early,
        }
        return (
            (not self.interfaces or call.api in self.interfaces)
            and (not self.calls or call.n in self.calls)
            and all(getattr(call, name) == value for name, value in asked.items() if value is not None)
        )

    def explains(self, difference: Difference, call: Truth) -> bool:
        """Whether this difference is the emitter's doing."""
        honest = difference.stored is None or difference.stored == "missing"
        return difference.field in self.fields and (honest or self.wrong) and self.fits(call)


GAPS = (
    Gap(("otel-openai-v2", "openai-v2-double", "semantic-kernel", "mlflow-genai", "node-otel-openai",
         "node-traceloop"), CACHE + REASONING,
        "Tells neither cached nor reasoning tokens: what was cached is priced as fresh.", vendor="openai"),
    Gap(("otel-openai-v2",), (NO_ROW,), "Does not instrument the Responses API.", interfaces=("responses",)),
    Gap(("traceloop-openai", "openinference-litellm", "langsmith"), ("cache_write_tokens",),
        "Does not tell the cache writes of OpenAI.", vendor="openai"),
    Gap(("traceloop-langchain", "strands-openai", "litellm-otel-v2", "vercel-ai"), REASONING,
        "Does not tell reasoning tokens."),
    Gap(("traceloop-openai", "traceloop-crewai"), REASONING, "Does not tell reasoning tokens of streams.",
        streamed=True),
    Gap(("otel-genai-langchain", "traceloop-langchain", "openinference-langchain"), (NO_ROW,),
        "LangChain has no callbacks for embeddings: the vendor's SDK has to be instrumented as well.",
        interfaces=("embeddings",)),
    Gap(("openlit-openai",), REASONING, "Does not tell reasoning tokens of chat completions.",
        interfaces=("chat.completions",)),
    Gap(("openlit-openai",), (*TOKENS, COST),
        "Counts words itself when a stream comes without usage, and says so nowhere.",
        wrong=True, usage_sent="none", left_early=False),
    Gap(("openlit-openai",), (NO_ROW,), "Makes no span for a stream that is left early.", left_early=True),
    Gap(("langsmith", "mlflow-openai", "mlflow-genai"), (NO_ROW,),
        "Tells a stream that is left early as a failed call.", left_early=True),
    Gap(("langsmith",), (NO_ROW,), "Does not wrap embeddings.", interfaces=("embeddings",)),
    Gap(("openinference-llama-index",), CACHE, "Responses: does not tell cached tokens.", interfaces=("responses",)),
    Gap(("openinference-llama-index",), TOKENS, "Responses, streamed: tells no tokens.",
        interfaces=("responses",), streamed=True),
    Gap(("openinference-llama-index", "traceloop-llama-index", "mlflow-genai"), TOKENS,
        "Tells no tokens of embeddings.", interfaces=("embeddings",)),
    Gap(("mlflow-anthropic",), (*TOKENS, NO_ROW),
        "Tells no tokens of streams, and nothing of the SDK's helper for streams.", streamed=True),
    Gap(("mlflow-anthropic",), (*TOKENS, NO_ROW), "Does not wrap beta.messages.", calls=(5,)),
    Gap(("otel-google-genai", "openinference-google-genai"), (NO_ROW,),
        "Functions that the SDK calls by itself: one span for two requests, with the usage of the second.", calls=(6,)),
    Gap(("otel-botocore-bedrock", "otel-genai-bedrock", "traceloop-bedrock", "strands-bedrock",
         "openinference-bedrock", "openlit-bedrock",
         "openinference-litellm", "litellm-otel-v2", "litellm-gateway-v2", "vercel-ai"), LIFETIMES,
        "Tells cache writes without their lifetime: those of an hour are priced as those of five minutes."),
    Gap(("otel-botocore-bedrock",), ("input_tokens", *CACHE),
        "InvokeModel: tells no cached tokens, and the input without them.",
        wrong=True, interfaces=("invoke", "invoke-with-response-stream")),
    Gap(("traceloop-bedrock",), ("input_tokens", *CACHE),
        "InvokeModel, streamed: tells no cached tokens, and the input without them.",
        wrong=True, interfaces=("invoke-with-response-stream",)),
    Gap(("traceloop-bedrock",), ("input_tokens", *CACHE, "output_tokens"),
        "InvokeModel with the id of a global profile: tells neither input nor output.",
        interfaces=("invoke", "invoke-with-response-stream")),
    Gap(("openinference-bedrock",), CACHE, "InvokeModel, streamed: does not tell which of the input was cached.",
        interfaces=("invoke-with-response-stream",)),
    Gap(("openlit-bedrock",), (NO_ROW,), "Does not end its span of a streamed Converse.",
        interfaces=("converse-stream",)),
    Gap(("openlit-bedrock",), (NO_ROW,), "Does not instrument InvokeModel.",
        interfaces=("invoke", "invoke-with-response-stream")),
    Gap(("traceloop-bedrock",), ("model", COST, COST_OF_TOKENS),
        "Converse: cuts the profile (us., global.) off the model's id, and with it the price.",
        wrong=True, interfaces=("converse", "converse-stream")),
    Gap(("openinference-litellm",), ("model",), "Leaves LiteLLM's prefix on the model's name (openai/…).", wrong=True),
    Gap(("litellm-otel", "litellm-otel-v2", "litellm-gateway", "litellm-gateway-v2"), ("response_id",),
        "Gives the vendor's answers ids of its own.", wrong=True),
    Gap(("litellm-otel-v2",), (NO_ROW,), "Makes no span for a synchronous call.", calls=(8, 9, 10)),
    Gap(("node-traceloop",), (*TOKENS, COST),
        "Counts the words of a streamed chat completion itself, or tells no tokens where it does not know the model.",
        wrong=True, interfaces=("chat.completions",), streamed=True),
    Gap(("node-traceloop",), (NO_ROW,), "Does not instrument embeddings.", interfaces=("embeddings",)),
)  # fmt: skip


@dataclass(frozen=True)
class Sorted:
    """The differences of one emitter: those with a reason, and those that are ours to explain."""

    explained: dict[Gap, tuple[Difference, ...]]
    unexplained: tuple[Difference, ...]
    unused: tuple[Gap, ...]


def sort_out(name: str, verdict: Verdict, gaps: Sequence[Gap] = GAPS) -> Sorted:
    """Give each difference its gap; dollars that differ because of tokens that do are explained with them."""
    mine = [gap for gap in gaps if name in gap.emitters]
    calls = {call.n: call for call in verdict.truth}
    explained: dict[Gap, list[Difference]] = {gap: [] for gap in mine}
    rest = []
    dearer_or_cheaper = set()
    for difference in verdict.differences:
        call = calls.get(difference.call)
        gap = next((gap for gap in mine if call is not None and gap.explains(difference, call)), None)
        if gap is None:
            rest.append(difference)
        else:
            explained[gap].append(difference)
            if difference.field in TOKENS and difference.field not in UNBILLED:
                dearer_or_cheaper.add(difference.call)
    unexplained = [each for each in rest if each.field != COST or each.call not in dearer_or_cheaper]
    return Sorted(
        {gap: tuple(found) for gap, found in explained.items() if found},
        tuple(unexplained),
        tuple(gap for gap, found in explained.items() if not found and not gap.rare),
    )
