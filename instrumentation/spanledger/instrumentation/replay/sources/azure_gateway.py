"""Azure: API Management's gateway logs, whose answers hold the usage, and Azure OpenAI's request logs, which hold none.

Both are diagnostic logs as Azure Monitor writes them to a storage account: one JSON object a line, or a list `records`;
`properties` may be an object or the text of one.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import orjson

from spanledger.instrumentation.replay.durations import of_milliseconds
from spanledger.instrumentation.replay.exported import exported
from spanledger.instrumentation.replay.json_lines import Object, count, inner, number, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Record, Session, Usage
from spanledger.instrumentation.replay.source import SERVER, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens

_PROVIDER: Final = "azure.ai.openai"
_FAILED: Final = 400


def _read(log: Log) -> Iterator[Record]:
    for row in exported(log, "records"):
        kind = text(row, "category") or ""
        properties = _object(row, "properties")
        at = time_ns(row, "time") or time_ns(row, "timestamp")
        if kind == "RequestResponse":
            log.skip("request of Azure OpenAI: its log has no counts of tokens")
        elif kind not in ("GatewayLogs", "GatewayLlmLogs") or at is None:
            log.skip("not a record of a gateway")
        else:
            call = _call(row, properties, at)
            if call is None:
                log.skip("request without usage in its answer")
            else:
                yield call


def _call(row: Object, properties: Object, at: int) -> Call | None:
    body = _object(properties, "backendResponseBody") or _object(properties, "responseBody")
    usage = _usage(inner(body, "usage") or properties)
    status = count(properties, "responseCode") or count(row, "resultSignature") or 0
    correlation = text(row, "correlationId") or text(properties, "correlationId")
    response = text(body, "id")
    key = response or correlation
    if key is None or not has_tokens(usage):
        return None
    return Call(
        key, _session(text(properties, "apimSubscriptionId") or text(properties, "subscriptionId")), at,
        at + of_milliseconds(number(row, "durationMs")), usage,
        model=text(body, "model") or text(properties, "modelName"), asked_model=text(properties, "deploymentName"),
        provider=_PROVIDER, response_id=response, vendor_ids=response is not None,
        region=text(row, "location"), service_tier=text(body, "service_tier"),
        operation="embeddings" if "mbedding" in (text(properties, "operationId") or "") else "chat",
        error=str(status) if status >= _FAILED else None,
    )  # fmt: skip


def _usage(found: Object) -> Usage:
    """Counts by the names of chat completions, of Responses, or of the gateway's log of models."""

    def first(*paths: str) -> int | None:
        return next((value for path in paths if (value := count(found, path)) is not None), None)

    return Usage(
        input_tokens=first("prompt_tokens", "input_tokens", "promptTokens"),
        cache_read_tokens=first("prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens"),
        output_tokens=first("completion_tokens", "output_tokens", "completionTokens"),
        reasoning_tokens=first("completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"),
    )


def _object(found: Object, key: str) -> Object:
    """An object, or the text of one; that of a stream is its last event with usage."""
    value = found.get(key)
    if not isinstance(value, str):
        return inner(found, key)
    if value.startswith("data:"):
        events = [line.removeprefix("data:").strip() for line in value.splitlines() if '"usage":{' in line]
        value = events[-1] if events else ""
    try:
        return inner({key: orjson.loads(value)}, key)
    except orjson.JSONDecodeError:
        return {}


@lru_cache(maxsize=1024)
def _session(subscription: str | None) -> Session:
    """No session is logged: what calls of one subscription to the gateway have in common."""
    return Session("", application=subscription)


def _recognises(path: Path, head: bytes) -> bool:
    return b'"category"' in head and any(
        name in head for name in (b'"GatewayLogs"', b'"GatewayLlmLogs"', b'"RequestResponse"')
    )


SOURCE: Final = Source("azure", "Azure API Management and Azure OpenAI logs", SERVER, (), _read, _recognises)
