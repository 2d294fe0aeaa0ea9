"""Lines of Claude Code's transcripts: only the fields that are read of them; what somebody wrote is passed over.

Lines are decoded many at a time into structs of the types that the fields have. A line that has others is read
tolerantly, by itself: null, a wrong type or an absurd number is None, and drops no line.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, MsgspecError, Struct, field
from msgspec.json import Decoder

from spanledger.instrumentation.replay.json_lines import COUNT_MAX, Object, count, inner, items, text
from spanledger.instrumentation.replay.log import Log

Count: TypeAlias = Annotated[int, Meta(ge=0, le=COUNT_MAX)] | None


class CacheWrites(Struct, frozen=True, gc=False):
    """Tokens written to the cache, by how long they stay there."""

    ephemeral_5m_input_tokens: Count = None
    ephemeral_1h_input_tokens: Count = None


class OutputDetails(Struct, frozen=True, gc=False):
    """What is part of the output."""

    thinking_tokens: Count = None


class ServerTools(Struct, frozen=True, gc=False):
    """What the vendor's own tools did."""

    web_search_requests: Count = None


class Counts(Struct, frozen=True, gc=False):
    """Usage as Anthropic says it: `input_tokens` are those outside of the cache.

    `iterations`: the steps that the answer was made in, each with the `type` and the `model` of its own.
    """

    input_tokens: Count = None
    output_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation: CacheWrites | None = None
    output_tokens_details: OutputDetails | None = None
    server_tool_use: ServerTools | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    type: str | None = None
    model: str | None = None
    iterations: "list[Counts] | None" = None


class Block(Struct, frozen=True, gc=False):
    """A part of a message. Of its text only the length is used."""

    type: str | None = None
    id: str | None = None
    name: str | None = None
    text: str | None = None
    tool_use_id: str | None = None
    is_error: bool | None = None


class Message(Struct, frozen=True, gc=False):
    """A message, as Anthropic's API has it."""

    id: str | None = None
    role: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: Counts | None = None
    content: list[Block] | str | None = None


class Line(Struct, frozen=True, gc=False, rename="camel"):
    """One line. What is an `object` may be anything.

    `data`: what a sub-agent did, in old versions; `model_usage`: what each model used in the session until then.
    """

    type: str | None = None
    uuid: str | None = None
    timestamp: str | None = None
    session_id: str | None = None
    request_session_id: str | None = None
    request_id: str | None = None
    agent_id: str | None = None
    cwd: str | None = None
    git_branch: str | None = None
    version: str | None = None
    requested_model: str | None = None
    cost_usd: object = field(default=None, name="costUSD")
    is_sidechain: object = None
    is_meta: object = None
    is_compact_summary: object = None
    origin: object = None
    message: Message | None = None
    data: object = None
    model_usage: object = None


_DECODER: Final = Decoder(Line)
_UNFIT: Final = (MsgspecError, UnicodeDecodeError, RecursionError)
"""What is raised for a line that is no JSON, or has other types."""


def lines_of(block: bytes, log: Log) -> list[Line]:
    """The lines of a block; what is no JSON object is counted as skipped in `log`."""
    if block[: block.find(b"\n")].endswith((b"}", b"}\r")):  # the decoder also takes what is written over several lines
        try:
            return _DECODER.decode_lines(block)
        except _UNFIT:
            pass
    return list(_one_by_one(block, log))


def _one_by_one(block: bytes, log: Log) -> Iterator[Line]:
    for written in block.split(b"\n"):
        if written in (b"", b"\r"):
            continue
        try:
            yield _DECODER.decode(written)
        except _UNFIT:
            found = log.parse(written)
            if found is not None:
                yield line_of(found)


def line_of(found: Object) -> Line:
    """A line whose fields may have any type."""
    message = found.get("message")
    return Line(
        type=text(found, "type"), uuid=text(found, "uuid"), timestamp=_string(found, "timestamp"),
        session_id=text(found, "sessionId"), request_session_id=text(found, "requestSessionId"),
        request_id=text(found, "requestId"), agent_id=text(found, "agentId"), cwd=text(found, "cwd"),
        git_branch=text(found, "gitBranch"), version=text(found, "version"),
        requested_model=text(found, "requestedModel"), cost_usd=found.get("costUSD"),
        is_sidechain=found.get("isSidechain"), is_meta=found.get("isMeta"),
        is_compact_summary=found.get("isCompactSummary"), origin=found.get("origin"),
        message=_message_of(message) if isinstance(message, dict) else None, data=found.get("data"),
        model_usage=found.get("modelUsage"),
    )  # fmt: skip


def _message_of(found: Object) -> Message:
    usage = found.get("usage")
    return Message(
        text(found, "id"), text(found, "role"), text(found, "model"), text(found, "stop_reason"),
        _counts_of(usage, items(usage, "iterations")) if isinstance(usage, dict) else None,
        _string(found, "content") or [_block_of(block) for block in items(found, "content")],
    )  # fmt: skip


def _block_of(found: Object) -> Block:
    return Block(
        text(found, "type"), text(found, "id"), text(found, "name"), _string(found, "text"),
        text(found, "tool_use_id"), found.get("is_error") is True,
    )  # fmt: skip


def _string(found: Object, key: str) -> str | None:
    """A text as it is."""
    value = found.get(key)
    return value if isinstance(value, str) else None


def _counts_of(found: Object, steps: Iterable[Object] = ()) -> Counts:
    written = inner(found, "cache_creation")
    return Counts(
        count(found, "input_tokens"), count(found, "output_tokens"), count(found, "cache_creation_input_tokens"),
        count(found, "cache_read_input_tokens"),
        CacheWrites(count(written, "ephemeral_5m_input_tokens"), count(written, "ephemeral_1h_input_tokens")),
        OutputDetails(count(found, "output_tokens_details.thinking_tokens")),
        ServerTools(count(found, "server_tool_use.web_search_requests")),
        text(found, "service_tier"), text(found, "speed"), text(found, "inference_geo"), text(found, "type"),
        text(found, "model"), [_counts_of(step) for step in steps],
    )  # fmt: skip
