"""Anthropic's wire format: messages, plain and streamed, with the split of cache writes by lifetime."""

from typing import Any

from tests.e2e.vendor_wire import WORDS, Answer, Call, event

STREAM_TYPE = "text/event-stream; charset=utf-8"
TEXT = "".join(WORDS)
TOOL_ARGUMENTS = ("", '{"city": ', '"Lisbon"}')


def headers(call: Call) -> dict[str, str]:
    """The response headers that the SDK reads."""
    return {"request-id": call.request_id, "anthropic-organization-id": "00000000-0000-4000-8000-000000000000"}


def refusal(call: Call, status: int) -> dict[str, Any]:
    """The body of an error; one about a bad request repeats what it was sent."""
    kind = {400: "invalid_request_error", 429: "rate_limit_error"}.get(status, "api_error")
    said = f": {call.request.get('messages')}" if status == 400 else ""
    error = {"type": kind, "message": f"refused on purpose{said}"}
    return {"type": "error", "error": error, "request_id": call.request_id}


def count_tokens(call: Call) -> Answer:
    """`POST /v1/messages/count_tokens`: a count, and no charge."""
    return Answer(body={"input_tokens": 1234})


def message(call: Call) -> Answer:
    """`POST /v1/messages`."""
    tool = _tool_wanted(call)
    stop = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
    content: dict[str, Any] = {"type": "text", "text": TEXT}
    if tool:
        call_id = "toolu_01" + call.response_id[-12:]
        content = {"type": "tool_use", "id": call_id, "name": tool, "input": {"city": "Lisbon"}}
    head = {"id": call.response_id, "type": "message", "role": "assistant", "model": call.served_model}
    if not call.streamed:
        body = head | {"content": [content]} | stop | {"usage": _usage(call)}
        return Answer(body=body, response_id=call.response_id)

    nothing_yet = {"content": [], "stop_reason": None, "stop_sequence": None}
    at_first = {key: value for key, value in _usage(call).items() if key != "output_tokens_details"}
    start = head | nothing_yet | {"usage": at_first | {"output_tokens": 1}}
    block = {"type": "text", "text": ""}
    deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": word} for word in WORDS]
    if tool:
        block = content | {"input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in TOOL_ARGUMENTS]
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": _cumulative_usage(call)},
        {"type": "message_stop"},
    ]
    return Answer(
        events=tuple(event(data, data["type"]) for data in told),
        response_id=call.response_id,
        usage_sent_at_first="partly",
    )


def _tool_wanted(call: Call) -> str | None:
    """The name of the tool that the model asks for: the first one, until its result is among the messages."""
    declared = [tool["name"] for tool in call.request.get("tools") or () if "input_schema" in tool]
    turns = [turn["content"] for turn in call.request["messages"] if not isinstance(turn["content"], str)]
    answered = any(part["type"] == "tool_result" for turn in turns for part in turn)
    return None if answered or not declared else str(declared[0])


def _usage(call: Call) -> dict[str, Any]:
    usage = call.usage
    return {
        "input_tokens": usage.input_total - usage.cache_read - usage.cache_write,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def _cumulative_usage(call: Call) -> dict[str, Any]:
    """The usage at the end of a stream: no split of the cache writes there."""
    return {
        key: value
        for key, value in _usage(call).items()
        if key not in ("cache_creation", "service_tier", "inference_geo")
    }
