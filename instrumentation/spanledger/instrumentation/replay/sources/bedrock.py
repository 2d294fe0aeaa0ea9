"""AWS Bedrock's log of model invocations, as it lies in S3: gzipped, one JSON object a line.

The counts of input leave the cache out (schema 1.0 of the log, AWS's guide to model invocation logging).
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.durations import of_milliseconds
from spanledger.instrumentation.replay.exported import exported
from spanledger.instrumentation.replay.json_lines import Object, count, inner, items, number, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Record, Session, Usage
from spanledger.instrumentation.replay.source import SERVER, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens, whole_prompt

_PROVIDER: Final = "aws.bedrock"
_PROFILE: Final = ":application-inference-profile/"
_TAGS: Final = {"application": ("application", "app"), "team": ("team",), "environment": ("environment", "env")}
"""Field of a session → names of tags of a request that mean it."""


def _read(log: Log) -> Iterator[Record]:
    for row in exported(log, "Records"):
        if row.get("schemaType") != "ModelInvocationLog":
            log.skip("not a model invocation")
            continue
        name, at = text(row, "requestId"), time_ns(row, "timestamp")
        if name is None or at is None:
            log.skip("invocation without an id or a time")
            continue
        yield _call(row, name, at)


def _call(row: Object, name: str, at: int) -> Call:
    body = inner(row, "output.outputBodyJson")
    read, write = count(row, "input.cacheReadInputTokenCount"), count(row, "input.cacheWriteInputTokenCount")
    usage = Usage(
        input_tokens=whole_prompt(count(row, "input.inputTokenCount"), read, write),
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_5m_tokens=count(body, "usage.cache_creation.ephemeral_5m_input_tokens"),
        cache_write_1h_tokens=count(body, "usage.cache_creation.ephemeral_1h_input_tokens"),
        output_tokens=count(row, "output.outputTokenCount"),
    )
    latency_ms = number(body, "metrics.latencyMs") or _of_stream(row, "metrics.latencyMs")
    asked = text(row, "modelId")
    tags = inner(row, "requestMetadata")
    failed = text(row, "errorCode")
    return Call(
        name, _session(text(row, "identity.arn"), *(_tag(tags, names) for names in _TAGS.values())),
        # The time is that of the request's end, or near it.
        at - of_milliseconds(latency_ms), at, usage if has_tokens(usage) else Usage(),
        # What a profile of an application stands for is told by the body, if at all.
        model=_model_in(row, body) if asked is None or _PROFILE in asked else asked, asked_model=asked,
        provider=_PROVIDER, request_id=name, region=text(row, "inferenceRegion") or text(row, "region"),
        service_tier=text(row, "serviceTier"), finish_reason=text(body, "stopReason") or text(body, "stop_reason"),
        operation="embeddings" if "embed" in (asked or "").lower() else "chat", error=failed,
    )  # fmt: skip


def _model_in(row: Object, body: Object) -> str | None:
    said = text(body, "model")
    return said or next(
        (name for event in items(row, "output.outputBodyJson") if (name := text(event, "message.model"))), None
    )


def _of_stream(row: Object, path: str) -> float | None:
    """A number in one of the events of a streamed answer."""
    return next(
        (value for event in items(row, "output.outputBodyJson") if (value := number(event, f"metadata.{path}"))), None
    )


def _tag(tags: Object, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := text(tags, name))), None)


@lru_cache(maxsize=1024)
def _session(user: str | None, application: str | None, team: str | None, environment: str | None) -> Session:
    """No session is logged: what calls of one identity and the same tags have in common."""
    return Session("", user=user, application=application, team=team, environment=environment)


def _recognises(path: Path, head: bytes) -> bool:
    return b'"ModelInvocationLog"' in head or "BedrockModelInvocationLogs" in path.parts


SOURCE: Final = Source("bedrock", "AWS Bedrock invocation logs", SERVER, (), _read, _recognises)
