"""The spans that the measurements and the crash tests send: valid OTLP, every span different, nothing remembered.

A request is built by patching a serialised template: ids, times, token counts, users and response ids stand at fixed
offsets, so that one numpy assignment makes 512 new spans in about half a millisecond, and the generator leaves the
processors to the server under test. Everything follows from (seed, number of the span): the same requests can be made
again, and the ids to look for in the ledger can be computed, without a list of what was sent.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

BLOCK_SPANS: Final = 512
"""Spans patched at once: numpy's fixed price per call is then shared by small requests, too."""
VARIANTS: Final = 4
"""Templates in rotation, each with its own sequence of models, so that columns do not repeat with every block."""
USERS: Final = 5_000
TURNS: Final = 8
"""Calls in one conversation."""
ATTRIBUTES: Final = 17

# request model → response model, as the vendors answer; all have a price.
MODELS: Final = (
    ("openai", "gpt-4o", "gpt-4o-2024-08-06", "chatbot"),
    ("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07", "triage"),
    ("openai", "gpt-4.1", "gpt-4.1-2025-04-14", "search"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "coding"),
    ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001", "summarize"),
    ("gcp.gemini", "gemini-2.5-pro", "gemini-2.5-pro", "extract"),
    ("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash", "summarize"),
)
TEAMS: Final = ("ml", "support", "growth", "platform")
RESOURCE: Final = {
    "service.name": "chatbot",
    "deployment.environment.name": "production",
    "host.name": "app-1",
    "telemetry.sdk.language": "python",
    "cloud.provider": "aws",
}

# Odd constants that keep the streams of one span apart (trace id, span id, …).
TRACE_HIGH, TRACE_LOW, SPAN, PARENT, RESPONSE_HIGH, RESPONSE_LOW, NUMBERS = (
    np.uint64(0x9E3779B97F4A7C15 * k & 0xFFFFFFFFFFFFFFFF | 1) for k in range(3, 10)
)
SEED_SHIFT: Final = 40  # a million million spans for each seed
JITTER_BITS: Final = 30  # spans of one batch start up to a second apart, as a batching exporter sends them
NANOSECONDS_PER_S: Final = 10**9
TOKENS_MIN: Final = 128  # two bytes as a varint, so that the length never changes
OUTPUT_TOKENS_SPREAD: Final = 2_000
INPUT_TOKENS_SPREAD: Final = 8_000

HEX: Final = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)
"""The two digits of each byte, as one number: a gather of numbers is several times faster than one of pairs."""


def mixed(words: Words) -> Words:
    """Scatter numbers over all 64 bits, one to one (the finaliser of splitmix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def big_endian(words: Words) -> Bytes:
    """The bytes of each word, first byte first: shape (n, 8)."""
    return words.astype(">u8").view(np.uint8).reshape(-1, 8)


def little_endian(words: Words) -> Bytes:
    """The bytes of each word as protobuf's fixed64 stores them: shape (n, 8)."""
    return words.astype("<u8").view(np.uint8).reshape(-1, 8)


def digits(numbers: Words, width: int) -> Bytes:
    """Decimal digits of each number, padded with zeros: shape (n, width)."""
    powers = np.array([10**k for k in reversed(range(width))], np.uint64)
    return (numbers[:, None] // powers % np.uint64(10)).astype(np.uint8) + np.uint8(ord("0"))


def hexadecimal(raw: Bytes) -> Bytes:
    """Lower-case digits of rows of bytes: shape (n, width) to (n, 2 × width)."""
    return HEX.take(raw).view(np.uint8)


def varint(numbers: Words) -> Bytes:
    """Two-byte varints of numbers from 128 to 16,383: shape (n, 2)."""
    return np.stack(
        [(numbers & np.uint64(0x7F) | np.uint64(0x80)).astype(np.uint8), (numbers >> np.uint64(7)).astype(np.uint8)],
        axis=1,
    )


@dataclass(frozen=True)
class Template:
    """Serialised requests one after the other, and where in them each field of each span stands."""

    body: Bytes
    bounds: tuple[int, ...]  # of the requests: request i is body[bounds[i]:bounds[i + 1]]
    positions: npt.NDArray[np.intp]  # of every byte to patch: the fields of PATCHED, one after the other


# field → bytes patched. The order is that of `Workload.patches`.
PATCHED: Final = {
    "trace_id": 16,
    "span_id": 8,
    "parent_span_id": 8,
    "start": 8,
    "end": 8,
    "response_id": 24,
    "conversation": 8,
    "user": 5,
    "input_tokens": 2,
    "output_tokens": 2,
    "cache_read_tokens": 2,
}
START, END = 0x1111111111111111, 0x2222222222222222
# What stands before the patched bytes: the key, then the lengths and tags of its value.
AFTER_KEY: Final = {
    "response_id": (b"gen_ai.response.id", 4 + len("chatcmpl-")),
    "conversation": (b"gen_ai.conversation.id", 4 + len("conv-")),
    "user": (b"user.id", 4 + len("user-")),
    "input_tokens": (b"gen_ai.usage.input_tokens", 3),
    "output_tokens": (b"gen_ai.usage.output_tokens", 3),
    "cache_read_tokens": (b"gen_ai.usage.cache_read.input_tokens", 3),
}


def template_request(spans: int, first: int, variant: int) -> bytes:
    """A request of `spans` spans whose fields to patch hold markers."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.extend(
        KeyValue(key=key, value=AnyValue(string_value=text)) for key, text in RESOURCE.items()
    )
    scope = group.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.openai_v2"
    scope.scope.version = "2.3b0"
    for number in range(first, first + spans):
        choice = int(mixed(np.array([number + variant * BLOCK_SPANS], np.uint64))[0])
        provider, requested, answered, feature = MODELS[choice % len(MODELS)]
        span = scope.spans.add(
            trace_id=b"\xf1" * 16,
            span_id=b"\xf2" * 8,
            parent_span_id=b"\xf3" * 8,
            name=f"chat {requested}",
            kind=3,  # SPAN_KIND_CLIENT
            start_time_unix_nano=START,
            end_time_unix_nano=END,
        )
        values = {
            "gen_ai.operation.name": AnyValue(string_value="chat"),
            "gen_ai.provider.name": AnyValue(string_value=provider),
            "gen_ai.request.model": AnyValue(string_value=requested),
            "gen_ai.response.model": AnyValue(string_value=answered),
            "gen_ai.response.id": AnyValue(string_value="chatcmpl-" + "0" * 24),
            "gen_ai.conversation.id": AnyValue(string_value="conv-" + "0" * 8),
            "server.address": AnyValue(string_value="api.example.com"),
            "user.id": AnyValue(string_value="user-" + "0" * 5),
            "app.feature": AnyValue(string_value=feature),
            "app.team": AnyValue(string_value=TEAMS[choice // len(MODELS) % len(TEAMS)]),
            "gen_ai.usage.input_tokens": AnyValue(int_value=TOKENS_MIN),
            "gen_ai.usage.output_tokens": AnyValue(int_value=TOKENS_MIN),
            "gen_ai.usage.cache_read.input_tokens": AnyValue(int_value=TOKENS_MIN),
            "gen_ai.request.max_tokens": AnyValue(int_value=1024),
            "gen_ai.request.temperature": AnyValue(double_value=0.2),
            "server.port": AnyValue(int_value=443),
        }
        span.attributes.extend(KeyValue(key=key, value=value) for key, value in values.items())
        stop = span.attributes.add()
        stop.key = "gen_ai.response.finish_reasons"
        stop.value.array_value.values.add(string_value="stop")
    return message.SerializeToString()


def template(requests: int, spans: int, variant: int) -> Template:
    """`requests` serialised requests of `spans` spans each, with the offsets of what is patched."""
    bodies = [template_request(spans, number * spans, variant) for number in range(requests)]
    bounds = [0]
    for body in bodies:
        bounds.append(bounds[-1] + len(body))
    whole = b"".join(bodies)
    found: dict[str, list[int]] = {field: [] for field in PATCHED}
    at = 0
    for _ in range(requests * spans):
        for field, marker in (
            ("trace_id", b"\xf1" * 16),
            ("span_id", b"\xf2" * 8),
            ("parent_span_id", b"\xf3" * 8),
            ("start", START.to_bytes(8, "little")),
            ("end", END.to_bytes(8, "little")),
        ):
            at = whole.index(marker, at)
            found[field].append(at)
            at += len(marker)
        for field, (key, skipped) in AFTER_KEY.items():
            found[field].append(whole.index(key, at) + len(key) + skipped)
    positions = np.concatenate(
        [(np.array(found[field])[:, None] + np.arange(width)).ravel() for field, width in PATCHED.items()]
    )
    return Template(np.frombuffer(whole, np.uint8), tuple(bounds), positions)


@dataclass(frozen=True)
class Workload:
    """An endless, repeatable sequence of export requests.

    `spans` spans in each request; span k of request j has the number j × `spans` + k. Span n starts
    `from_ns` + n × `spacing_ns` (Unix time) plus up to a second.
    """

    spans: int
    from_ns: int
    spacing_ns: int = 10_000
    seed: int = 1

    @cached_property
    def block_requests(self) -> int:
        """Requests that are patched together."""
        return max(1, BLOCK_SPANS // self.spans)

    @cached_property
    def templates(self) -> tuple[Template, ...]:
        """The templates in rotation."""
        return tuple(template(self.block_requests, self.spans, variant) for variant in range(VARIANTS))

    def words(self, numbers: Words, stream: np.uint64) -> Words:
        """64 bits of one stream for each span number; different numbers never get the same bits."""
        return mixed(numbers + np.uint64(((self.seed << SEED_SHIFT) + int(stream)) % (1 << 64)))

    def patches(self, numbers: Words) -> Bytes:
        """The bytes to write at a template's positions, to make it the spans of these numbers."""
        bits = self.words(numbers, NUMBERS)
        jitter = bits >> np.uint64(64 - JITTER_BITS)
        start = np.uint64(self.from_ns) + numbers * np.uint64(self.spacing_ns) + jitter
        duration = np.uint64(NANOSECONDS_PER_S // 5) + (bits & np.uint64((1 << 33) - 1))  # 0.2 to 8.8 s
        read = np.uint64(TOKENS_MIN) + (bits >> np.uint64(8)) % np.uint64(INPUT_TOKENS_SPREAD // 2)
        fresh = (bits >> np.uint64(24)) % np.uint64(INPUT_TOKENS_SPREAD)
        wrote = np.uint64(TOKENS_MIN) + (bits >> np.uint64(40)) % np.uint64(OUTPUT_TOKENS_SPREAD)
        response = np.concatenate(
            [
                big_endian(self.words(numbers, RESPONSE_HIGH)),
                big_endian(self.words(numbers, RESPONSE_LOW))[:, :4],
            ],
            axis=1,
        )
        fields = (
            np.concatenate(
                [big_endian(self.words(numbers, TRACE_HIGH)), big_endian(self.words(numbers, TRACE_LOW))], 1
            ),
            big_endian(self.words(numbers, SPAN)),
            big_endian(self.words(numbers, PARENT)),
            little_endian(start),
            little_endian(start + duration),
            hexadecimal(response),
            digits(numbers // np.uint64(TURNS), 8),
            digits(bits % np.uint64(USERS), 5),
            varint(read + fresh),
            varint(wrote),
            varint(read),
        )
        return np.concatenate([field.ravel() for field in fields])

    def block(self, number: int) -> list[bytes]:
        """`block_requests` serialised requests, from request `number` × `block_requests` on."""
        chosen = self.templates[number % VARIANTS]
        spans = self.block_requests * self.spans
        body = chosen.body.copy()
        body[chosen.positions] = self.patches(np.arange(number * spans, (number + 1) * spans, dtype=np.uint64))
        whole = body.tobytes()
        if len(chosen.bounds) == 2:
            return [whole]
        return [whole[start:stop] for start, stop in zip(chosen.bounds, chosen.bounds[1:], strict=False)]

    def request(self, number: int) -> bytes:
        """One serialised request; whole blocks in a row are cheaper with `block`."""
        return self.block(number // self.block_requests)[number % self.block_requests]

    def ids(self, requests: npt.ArrayLike) -> pa.Table:
        """The spans of these requests as the ledger must hold them: request, trace_id and span_id in lower-case hex."""
        wanted: Words = np.asarray(requests, np.uint64)
        offsets: Words = np.arange(self.spans).astype(np.uint64)
        numbers = np.add.outer(wanted * np.uint64(self.spans), offsets).ravel()
        halves = [hexadecimal(big_endian(self.words(numbers, stream))) for stream in (TRACE_HIGH, TRACE_LOW)]
        return pa.table(
            {
                "request": np.repeat(wanted, self.spans),
                "trace_id": texts(np.concatenate(halves, axis=1)),
                "span_id": texts(hexadecimal(big_endian(self.words(numbers, SPAN)))),
            }
        )


def texts(characters: Bytes) -> pa.Array:
    """An Arrow string array of rows of ASCII characters, shape (n, width)."""
    return pa.array(np.ascontiguousarray(characters).view(f"S{characters.shape[1]}").ravel()).cast(pa.string())
