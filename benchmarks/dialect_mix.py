"""Requests of ten emitters' dialects, of which every fifth tells of calls that another one tells of, too."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from benchmarks.workload import (
    END,
    MODELS,
    PATCHED,
    RESOURCE,
    SPAN,
    START,
    TOKENS_MIN,
    Bytes,
    Template,
    Words,
    Workload,
    big_endian,
    mixed,
)  # fmt: skip

ROUND: Final = 10
"""Of ten requests in a row one is sent again, and one tells in another dialect of the calls of the one before it."""
AGAIN, TWIN = 4, 8
TWIN_STREAM: Final = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True)
class Speaker:
    """How one emitter writes a call: its scope and version, the span's name, its own keys and constant attributes."""

    scope: str
    version: str
    span_name: str
    constants: dict[str, str]
    provider: str
    model: str
    answered: str
    response_id: str
    session: str
    user: str
    input: str
    output: str
    cached: str


def _conventions(scope: str, version: str, **constants: str) -> Speaker:
    """One that speaks as the GenAI conventions say."""
    return Speaker(
        scope, version, "chat", {"gen_ai.operation.name": "chat"} | constants, "gen_ai.provider.name",
        "gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id", "gen_ai.conversation.id", "user.id",
        "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.cache_read.input_tokens",
    )  # fmt: skip


def _openinference(scope: str, version: str) -> Speaker:
    return Speaker(
        scope, version, "ChatOpenAI", {"openinference.span.kind": "LLM"}, "llm.provider", "llm.model_name",
        "llm.response.model_name", "metadata.response", "session.id", "user.id", "llm.token_count.prompt",
        "llm.token_count.completion", "llm.token_count.prompt_details.cache_read",
    )  # fmt: skip


SPEAKERS: Final = (
    _conventions("opentelemetry.instrumentation.openai_v2", "2.4b0"),
    _conventions("opentelemetry.instrumentation.genai.anthropic", "1.3b0"),
    _conventions("opentelemetry.instrumentation.openai.v1", "0.62.4", **{"llm.request.type": "chat"}),
    _openinference("openinference.instrumentation.langchain", "0.1.80"),
    _conventions("openlit.instrumentation.openai", "1.45.0"),
    _conventions("pydantic-ai", "2.68.0", **{"gen_ai.agent.name": "triage"}),
    Speaker(
        "ai", "6.0.1", "ai.streamText.doStream", {"ai.operationId": "ai.streamText.doStream"}, "ai.model.provider",
        "ai.model.id", "ai.response.model", "ai.response.id", "ai.telemetry.metadata.sessionId",
        "ai.telemetry.metadata.userId", "ai.usage.inputTokens", "ai.usage.outputTokens", "ai.usage.cachedInputTokens",
    ),
    _conventions("litellm", "1.109.1", **{"litellm.provider.model": "gpt-5-mini"}),
    _conventions("com.anthropic.sdk.python", "2.12.0"),
    _openinference("openinference.instrumentation.openai", "0.1.66"),
)  # fmt: skip


def template(speaker: Speaker, spans: int) -> Template:
    """A request of `spans` spans in a speaker's words, with the offsets of what is patched."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.extend(_pair(key, text) for key, text in RESOURCE.items())
    scope = group.scope_spans.add(scope={"name": speaker.scope, "version": speaker.version})
    for number in range(spans):
        provider, requested, answered, feature = MODELS[int(mixed(np.array([number], np.uint64))[0]) % len(MODELS)]
        span = scope.spans.add(
            trace_id=b"\xf1" * 16, span_id=b"\xf2" * 8, parent_span_id=b"\xf3" * 8, name=speaker.span_name, kind=3,
            start_time_unix_nano=START, end_time_unix_nano=END,
        )  # fmt: skip
        span.attributes.extend(_pair(key, text) for key, text in speaker.constants.items())
        span.attributes.extend(
            [
                _pair(speaker.provider, provider),
                _pair(speaker.model, requested),
                _pair(speaker.answered, answered),
                _pair(speaker.response_id, "chatcmpl-" + "0" * 24),
                _pair(speaker.session, "conv-" + "0" * 8),
                _pair(speaker.user, "user-" + "0" * 5),
                _pair(speaker.input, TOKENS_MIN),
                _pair(speaker.output, TOKENS_MIN),
                _pair(speaker.cached, TOKENS_MIN),
                _pair("server.address", "api.example.com"),
                _pair("server.port", 443),
                _pair("gen_ai.request.max_tokens", 1024),
                _pair("app.feature", feature),
            ]
        )
    body = message.SerializeToString()
    return Template(np.frombuffer(body, np.uint8), (0, len(body)), _positions(speaker, body, spans))


def _pair(key: str, said: str | int) -> KeyValue:
    value = AnyValue(string_value=said) if isinstance(said, str) else AnyValue(int_value=said)
    return KeyValue(key=key, value=value)


def _positions(speaker: Speaker, body: bytes, spans: int) -> npt.NDArray[np.intp]:
    markers = (b"\xf1" * 16, b"\xf2" * 8, b"\xf3" * 8, START.to_bytes(8, "little"), END.to_bytes(8, "little"))
    after = (
        (speaker.response_id, 4 + len("chatcmpl-")), (speaker.session, 4 + len("conv-")),
        (speaker.user, 4 + len("user-")), (speaker.input, 3), (speaker.output, 3), (speaker.cached, 3),
    )  # fmt: skip
    found: list[list[int]] = [[] for _ in PATCHED]
    at = 0
    for _ in range(spans):
        for place, marker in enumerate(markers):
            at = body.index(marker, at)
            found[place].append(at)
            at += len(marker)
        for place, (key, skipped) in enumerate(after, len(markers)):
            found[place].append(body.index(b"\n" + bytes([len(key)]) + key.encode(), at) + 2 + len(key) + skipped)
    return np.concatenate(
        [
            (np.array(places)[:, None] + np.arange(width)).ravel()
            for places, width in zip(found, PATCHED.values(), strict=True)
        ]
    )


@dataclass(frozen=True)
class Mix(Workload):
    """Like `Workload`, each request in the words of one of SPEAKERS."""

    @cached_property
    def templates(self) -> tuple[Template, ...]:
        """One for each speaker."""
        return tuple(template(speaker, self.spans) for speaker in SPEAKERS)

    def block(self, number: int) -> list[bytes]:
        """One serialised request: new calls, those of an earlier request again, or their twins."""
        place = number % ROUND
        told = number - 3 if place == AGAIN else number - 1 if place == TWIN else number
        speaker = (
            (number + number // ROUND) % len(SPEAKERS) if place != AGAIN else (told + told // ROUND) % len(SPEAKERS)
        )
        chosen = self.templates[speaker]
        numbers = np.arange(told * self.spans, (told + 1) * self.spans, dtype=np.uint64)
        patches = self.patches(numbers)
        if place == TWIN:
            first = self.spans * PATCHED["trace_id"]
            patches[first : first + 8 * self.spans] = self._twins(numbers)
        body = chosen.body.copy()
        body[chosen.positions] = patches
        return [body.tobytes()]

    def _twins(self, numbers: Words) -> Bytes:
        return big_endian(self.words(numbers ^ TWIN_STREAM, SPAN)).ravel()


def distinct_calls(requests: int) -> int:
    """How many requests of new calls there are among the first `requests`."""
    return sum(number % ROUND not in (AGAIN, TWIN) for number in range(requests))
