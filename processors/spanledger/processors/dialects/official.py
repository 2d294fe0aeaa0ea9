"""The official instrumentations of OpenTelemetry, and the vendors' own SDKs."""

from dataclasses import replace
from typing import Final

from spanledger.processors.dialects.dialect import EXCLUSIVE, INCLUSIVE, Dialect, Sign

DETAILS: Final = "gen_ai.client.inference.operation.details"
"""The event that repeats what the span of a call says."""


def with_event(dialect: Dialect, *, in_context: bool = True) -> tuple[Dialect, Dialect]:
    """The dialect of a package's spans, and of its details event; the event lies `in_context` of the call's span.

    The span goes first: it knows when the call began.
    """
    event = replace(
        dialect, name=f"{dialect.name}-event", signal="logs", rank=dialect.rank + 1, events=(DETAILS,),
        operations={DETAILS: "chat"}, in_context=in_context, traps="repeats its span",
    )  # fmt: skip
    return event, replace(dialect, signal="traces")


_INVOKED_WITH_A_CACHE: Final = (Sign(r"^InvokeModel", key="rpc.method"),)

OFFICIAL: Final[tuple[Dialect, ...]] = (
    Dialect(
        "anthropic-sdk", rank=0, who_rank=6, scopes=("com.anthropic.sdk.",), source="anthropic 2.12.0 (recorded)",
        reading=INCLUSIVE, provider="anthropic",
        traps="on by default as soon as a tracer provider exists; the only source of the 5m/1h split and of the request"
        " id; a sibling of other spans of the call, or in a trace of its own",
    ),
    Dialect(
        "claude-platform", rank=0, who_rank=8, scopes=("com.anthropic.claude-platform",), services=("claude-platform",),
        source="Claude API documentation, beta 2026", reading=INCLUSIVE, provider="anthropic",
        traps="the vendor's own span of a call that the client tells of, too",
    ),
    *with_event(Dialect(
        "otel-genai-openai", rank=1, scopes=("opentelemetry.instrumentation.genai.openai",),
        source="opentelemetry-instrumentation-genai-openai 1.3b0 (recorded)", reading=INCLUSIVE,
        traps="a stream without usage, or left early, has an id and no tokens",
    )),
    *with_event(Dialect(
        "otel-genai-anthropic", rank=1, scopes=("opentelemetry.instrumentation.genai.anthropic",),
        source="opentelemetry-instrumentation-genai-anthropic 1.3b0 (recorded)", reading=INCLUSIVE, says_the_end=True,
        traps="of a stream that was left early it says the output of its first message",
    )),
    *with_event(Dialect(
        "otel-google-genai", rank=1, scopes=("opentelemetry.instrumentation.google_genai",),
        source="opentelemetry-instrumentation-google-genai 1.3b0 (recorded)", reading=INCLUSIVE,
        traps="span and event by default; automatic function calling makes two requests one span with the usage of the"
        " second: the first cannot be known",
    )),
    # Measured: the raw counts of Bedrock, Converse and InvokeModel alike, on spans and metrics.
    *with_event(Dialect(
        "otel-genai-bedrock", rank=1, scopes=("opentelemetry.instrumentation.genai.bedrock",),
        source="opentelemetry-instrumentation-genai-bedrock 1.3b0 (recorded)", reading=EXCLUSIVE,
        provider="aws.bedrock", traps="an InvokeModel stream has no response id",
    )),
    *with_event(Dialect(
        "otel-botocore", rank=1, scopes=("opentelemetry.instrumentation.botocore.",),
        source="opentelemetry-instrumentation-botocore 0.66b2 (recorded)", reading=EXCLUSIVE, provider="aws.bedrock",
        hides_cache=_INVOKED_WITH_A_CACHE, traps="InvokeModel says no cache counts: the input cannot be completed",
    )),
    *with_event(Dialect(
        "otel-openai-v2", rank=1, scopes=("opentelemetry.instrumentation.openai_v2",),
        source="opentelemetry-instrumentation-openai-v2 2.4b0 (recorded)", reading=INCLUSIVE,
        traps="chat without cache and reasoning counts; the Responses API is not instrumented",
    )),
    *with_event(Dialect(
        "otel-vertexai", rank=1, scopes=("opentelemetry.instrumentation.vertexai",), hides_reasoning=True,
        source="opentelemetry-instrumentation-vertexai 2.2b0", reading=INCLUSIVE, provider="gcp.vertex_ai",
        traps="its output leaves thoughts out and does not say them",
    )),
    *with_event(Dialect(
        "otel-util-genai", rank=1, who_rank=4, scopes=("opentelemetry.util.genai.",),
        source="opentelemetry-util-genai 1.3b0", traps="openai-v2 speaks under this scope, too",
    )),
    *with_event(Dialect(
        "otel-genai", rank=2, who_rank=3, scopes=("opentelemetry.instrumentation.genai.",),
        source="opentelemetry-instrumentation-genai-langchain, -openai-agents, -agno 1.3b0",
    )),
)  # fmt: skip
