"""A span before it is one: plain data that a scene writes and `month` plays through the SDK.

Times are microseconds since midnight UTC of the day the scene belongs to. Attribute names are those of the
OpenTelemetry GenAI semantic conventions; counts are inclusive (cache reads and writes are parts of the input,
reasoning is part of the output).
"""

import json
import random
from dataclasses import dataclass
from typing import Final, TypeAlias

from opentelemetry.trace import SpanKind

from spanledger.instrumentation.demo.company import Model

Attributes: TypeAlias = dict[str, str | bool | int | float | list[str]]

SECOND: Final = 1_000_000
"""In microseconds."""
DAY: Final = 86_400 * SECOND

CALLS: Final = frozenset({"chat", "generate_content", "embeddings"})
"""Operations of the demo that are model calls; its other spans are agents, tools, workflows and web requests."""

CONTENT_SHARE: Final = 0.01
"""Part of the calls whose span carries the prompt and the answer, as an emitter with content capture on sends them."""
ID_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Planned:
    """One span of the plan with the spans inside it."""

    name: str
    scope_name: str
    kind: SpanKind
    started: int
    ended: int
    attributes: Attributes
    inner: tuple["Planned", ...] = ()
    error: str = ""  # the status message of a failed span

    @property
    def calls(self) -> int:
        """Model calls in this span and the spans inside it."""
        own = self.attributes.get("gen_ai.operation.name") in CALLS
        return own + sum(span.calls for span in self.inner)

    @property
    def spans(self) -> int:
        """Itself and all spans inside it."""
        return 1 + sum(span.spans for span in self.inner)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, counted inclusively."""

    input_tokens: int
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    def attributes(self) -> Attributes:
        """The usage attributes; details that are zero are left out, as the official instrumentations do."""
        said: Attributes = {"gen_ai.usage.input_tokens": self.input_tokens}
        details = {
            "gen_ai.usage.output_tokens": self.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": self.cache_read_tokens,
            "gen_ai.usage.cache_write.input_tokens": self.cache_write_tokens,
            "gen_ai.usage.reasoning.output_tokens": self.reasoning_tokens,
        }
        return said | {name: count for name, count in details.items() if count}


def call(
    chance: random.Random, model: Model, started: int, usage: Usage, who: Attributes, *, stream: bool = False
) -> Planned:
    """A model call that went well; how long it took follows from its tokens."""
    first_chunk_s = chance.uniform(0.25, 0.9) + usage.input_tokens / 60_000
    writing_s = usage.output_tokens / model.output_tokens_per_s if usage.output_tokens else 0.0
    said: Attributes = requested(model) | who | usage.attributes() | {"gen_ai.response.model": model.response_model}
    if model.id_prefix:
        said["gen_ai.response.id"] = model.id_prefix + "".join(chance.choices(ID_LETTERS, k=24))
    if model.operation != "embeddings":
        said["gen_ai.response.finish_reasons"] = ["stop"]
    if model.provider == "openai" and model.operation == "chat":
        said["openai.response.service_tier"] = "default"
    if stream:
        said |= {"gen_ai.request.stream": True, "gen_ai.response.time_to_first_chunk": round(first_chunk_s, 6)}
    if model.operation != "embeddings" and chance.random() < CONTENT_SHARE:
        said |= content()
    ended = started + int((first_chunk_s + writing_s) * SECOND)
    return Planned(f"{model.operation} {model.request_model}", model.scope_name, SpanKind.CLIENT, started, ended, said)


def refused(chance: random.Random, model: Model, started: int, who: Attributes) -> Planned:
    """An attempt that the vendor turned away with 429: no response, no usage."""
    said = requested(model) | who | {"error.type": "RateLimitError"}
    ended = started + int(chance.uniform(0.08, 0.4) * SECOND)
    name = f"{model.operation} {model.request_model}"
    error = "Error code: 429 - rate limit reached, try again later"
    return Planned(name, model.scope_name, SpanKind.CLIENT, started, ended, said, error=error)


def requested(model: Model) -> Attributes:
    """What is known of a call before it is answered."""
    return {
        "gen_ai.operation.name": model.operation,
        "gen_ai.provider.name": model.provider,
        "gen_ai.request.model": model.request_model,
        "server.address": model.server_address,
        "server.port": 443,
    }


def content() -> Attributes:
    """A prompt and an answer; the ledger must leave them out."""
    prompt = [{"role": "user", "parts": [{"type": "text", "content": "Demo prompt: where is my order?"}]}]
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": "Demo answer: it arrives tomorrow."}]}]
    return {
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Demo instructions: be brief."}]),
        "gen_ai.input.messages": json.dumps(prompt),
        "gen_ai.output.messages": json.dumps(answer),
    }


def group(
    name: str, scope_name: str, inner: list[Planned], attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL
) -> Planned:
    """A span around others: it starts just before the first and ends just after the last of them."""
    started = min(span.started for span in inner) - 2_000
    ended = max(span.ended for span in inner) + 3_000
    return Planned(name, scope_name, kind, started, ended, attributes, tuple(inner))
