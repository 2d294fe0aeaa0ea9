"""Bedrock's wire format: Converse and InvokeModel with Claude, plain and as AWS event streams.

The input counts leave the cache out, as the vendor's do; the total holds all.
"""

import base64
import json
from typing import Any

from tests.e2e import vendor_anthropic
from tests.e2e.aws_event_stream import frame
from tests.e2e.vendor_wire import TOOL_ARGUMENTS, WORDS, Answer, Call

STREAM_TYPE = "application/vnd.amazon.eventstream"


def headers(call: Call) -> dict[str, str]:
    """The response headers that the SDK reads; those with counts come with InvokeModel only."""
    said = {"x-amzn-requestid": call.request_id}
    if call.api == "invoke":
        usage = call.usage
        said |= {
            "x-amzn-bedrock-input-token-count": str(usage.input_total - usage.cache_read - usage.cache_write),
            "x-amzn-bedrock-output-token-count": str(usage.output),
            "x-amzn-bedrock-cache-read-input-token-count": str(usage.cache_read),
            "x-amzn-bedrock-cache-write-input-token-count": str(usage.cache_write),
            "x-amzn-bedrock-invocation-latency": "7",
        }
    return said


def refusal(call: Call, status: int) -> dict[str, Any]:
    """The body of an error; botocore reads its kind from `__type`."""
    kind = {400: "ValidationException", 429: "ThrottlingException"}.get(status, "InternalServerException")
    return {"__type": kind, "message": "refused on purpose"}


def converse(call: Call) -> Answer:
    """`POST /model/MODEL/converse` and `/converse-stream`: no id of the answer in either."""
    tool = _tool_wanted(call)
    stop_reason = "tool_use" if tool else "end_turn"
    tool_use = {"toolUseId": f"tooluse_{call.response_id[-12:]}", "name": tool}
    if not call.streamed:
        content: dict[str, Any] = {"text": "".join(WORDS)}
        if tool:
            content = {"toolUse": tool_use | {"input": TOOL_ARGUMENTS}}
        body = {
            "output": {"message": {"role": "assistant", "content": [content]}},
            "stopReason": stop_reason,
            "usage": _usage(call),
            "metrics": {"latencyMs": 7},
        }
        return Answer(body=body)

    deltas: list[dict[str, Any]] = [{"text": word} for word in WORDS]
    told = [frame("messageStart", {"role": "assistant"})]
    if tool:
        told.append(frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": tool_use}}))
        deltas = [{"toolUse": {"input": json.dumps(TOOL_ARGUMENTS)}}]
    told += [frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}) for delta in deltas]
    told += [
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        frame("messageStop", {"stopReason": stop_reason}),
        frame("metadata", {"usage": _usage(call), "metrics": {"latencyMs": 7}}),
    ]
    return Answer(events=tuple(told))


def invoke(call: Call) -> Answer:
    """`POST /model/MODEL/invoke` and `/invoke-with-response-stream`: Claude's own messages inside."""
    answer = vendor_anthropic.message(call)
    if not call.streamed:
        return answer
    usage = call.usage
    told = [json.loads(event.split(b"data: ", 1)[1]) for event in answer.events]
    told[-1]["amazon-bedrock-invocationMetrics"] = {
        "inputTokenCount": usage.input_total - usage.cache_read - usage.cache_write,
        "outputTokenCount": usage.output,
        "invocationLatency": 7,
        "firstByteLatency": 3,
        "cacheReadInputTokenCount": usage.cache_read,
        "cacheWriteInputTokenCount": usage.cache_write,
    }
    chunks = (base64.b64encode(json.dumps(data).encode()).decode() for data in told)
    return Answer(
        events=tuple(frame("chunk", {"bytes": chunk, "p": "abcdef"}) for chunk in chunks),
        response_id=call.response_id,
        usage_sent_at_first="partly",
    )


def _tool_wanted(call: Call) -> str | None:
    """The name of the tool that the model asks for: the first one, until its result is among the messages."""
    answered = any("toolResult" in part for turn in call.request["messages"] for part in turn["content"])
    declared = (call.request.get("toolConfig") or {}).get("tools") or ()
    return None if answered or not declared else str(declared[0]["toolSpec"]["name"])


def _usage(call: Call) -> dict[str, Any]:
    usage = call.usage
    said: dict[str, Any] = {
        "inputTokens": usage.input_total - usage.cache_read - usage.cache_write,
        "outputTokens": usage.output,
        "totalTokens": usage.input_total + usage.output,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": usage.cache_write,
    }
    written = {"1h": usage.cache_write_1h, "5m": usage.cache_write_5m}
    if usage.cache_write:
        said["cacheDetails"] = [{"ttl": ttl, "inputTokens": tokens} for ttl, tokens in written.items() if tokens]
    return said
