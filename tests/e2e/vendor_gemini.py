"""Gemini's wire format: generateContent, plain and streamed, with cached content and thoughts in the usage."""

import json
from typing import Any

from tests.e2e.vendor_wire import TOOL_ARGUMENTS, WORDS, Answer, Call

STREAM_TYPE = "text/event-stream"


def headers(call: Call) -> dict[str, str]:
    """The response headers that the SDK reads."""
    return {"server-timing": "gfet4t7; dur=7"}


def refusal(call: Call, status: int) -> dict[str, Any]:
    """The body of an error."""
    kind = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED"}.get(status, "INTERNAL")
    return {"error": {"code": status, "message": "refused on purpose", "status": kind}}


def generated(call: Call) -> Answer:
    """`POST /v1beta/models/MODEL:generateContent` and, as server-sent events, `:streamGenerateContent`."""
    tool = _tool_wanted(call)
    parts: list[dict[str, Any]] = [{"text": word} for word in WORDS]
    if tool:
        parts = [{"functionCall": {"name": tool, "args": TOOL_ARGUMENTS}}]
    if not call.streamed:
        body = _chunk(call, [{"text": "".join(WORDS)}] if not tool else parts, end=True)
        return Answer(body=body, response_id=call.response_id)
    chunks = [_chunk(call, [part], end=False) for part in parts[:-1]] + [_chunk(call, parts[-1:], end=True)]
    events = tuple(f"data: {json.dumps(chunk)}\r\n\r\n".encode() for chunk in chunks)
    return Answer(events=events, response_id=call.response_id)


def _tool_wanted(call: Call) -> str | None:
    """The name of the tool that the model asks for: the first one, until its result is among the contents."""
    answered = any("functionResponse" in part for turn in call.request["contents"] for part in turn["parts"])
    declared = [tool for entry in call.request.get("tools", ()) for tool in entry.get("functionDeclarations", ())]
    return None if answered or not declared else str(declared[0]["name"])


def _chunk(call: Call, parts: list[dict[str, Any]], *, end: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if end:
        candidate["finishReason"] = "STOP"
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(call) if end else _usage_so_far(call),
        "modelVersion": call.served_model,
        "responseId": call.response_id,
    }


def _usage_so_far(call: Call) -> dict[str, Any]:
    """What a chunk says while the answer is under way: the prompt, and what has been thought."""
    known = ("promptTokenCount", "cachedContentTokenCount", "thoughtsTokenCount", "promptTokensDetails")
    usage = {key: value for key, value in _usage(call).items() if key in known}
    return usage | {"totalTokenCount": call.usage.input_total + call.usage.reasoning}


def _usage(call: Call) -> dict[str, Any]:
    """The prompt holds what was cached, the candidates do not hold the thoughts; zeros are left out."""
    usage = call.usage
    said: dict[str, Any] = {
        "promptTokenCount": usage.input_total,
        "candidatesTokenCount": usage.output - usage.reasoning,
        "totalTokenCount": usage.input_total + usage.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input_total}],
    }
    if usage.cache_read:
        said["cachedContentTokenCount"] = usage.cache_read
        said["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.cache_read}]
    if usage.reasoning:
        said["thoughtsTokenCount"] = usage.reasoning
    return said
