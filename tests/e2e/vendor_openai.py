"""OpenAI's wire format: chat completions, responses and embeddings, with the usage objects of the current API."""

from typing import Any

from tests.e2e.vendor_wire import WORDS, Answer, Call, event

STREAM_TYPE = "text/event-stream; charset=utf-8"
CREATED = 1_795_000_000
TEXT = "".join(WORDS)
TOOL_ARGUMENTS = ('{"city": ', '"Lisbon"}')


def headers(call: Call) -> dict[str, str]:
    """The response headers that SDKs read."""
    return {
        "x-request-id": call.request_id,
        "openai-organization": "org-stand-in",
        "openai-processing-ms": "7",
        "openai-version": "2020-10-01",
    }


def refusal(call: Call, status: int) -> dict[str, Any]:
    """The body of an error; like the vendor's, one about a bad request repeats what it was sent."""
    kind = {400: "invalid_request_error", 429: "rate_limit_exceeded"}.get(status, "server_error")
    said = f": {call.request.get('messages') or call.request.get('input')}" if status == 400 else ""
    return {"error": {"message": f"refused on purpose{said}", "type": kind, "param": None, "code": kind}}


def chat_completion(call: Call) -> Answer:
    """`POST /v1/chat/completions`."""
    head = {
        "id": call.response_id,
        "created": CREATED,
        "model": call.served_model,
        "service_tier": "default",
        "system_fingerprint": "fp_stand_in",
    }
    usage = _chat_usage(call)
    tool = _chat_tool_wanted(call)
    if not call.streamed:
        message: dict[str, Any] = {"role": "assistant", "content": None if tool else TEXT, "refusal": None}
        if tool:
            message["tool_calls"] = [_tool_call(call, tool, "".join(TOOL_ARGUMENTS))]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if tool else "stop"}
        body = head | {"object": "chat.completion", "choices": [choice], "usage": usage}
        return Answer(body=body, response_id=call.response_id)

    with_usage = bool((call.request.get("stream_options") or {}).get("include_usage"))
    chunk = head | {"object": "chat.completion.chunk"} | ({"usage": None} if with_usage else {})
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
    if tool:
        deltas[0] = {"role": "assistant", "content": None, "tool_calls": [{"index": 0} | _tool_call(call, tool, "")]}
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in TOOL_ARGUMENTS]
    else:
        deltas += [{"content": word} for word in WORDS]
    choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "logprobs": None, "finish_reason": "tool_calls" if tool else "stop"})
    events = [event(chunk | {"choices": [choice]}) for choice in choices]
    if with_usage:
        events.append(event(chunk | {"choices": [], "usage": usage}))
    return Answer(
        events=(*events, b"data: [DONE]\n\n"),
        response_id=call.response_id,
        usage_sent="all" if with_usage else "none",
    )


def response(call: Call) -> Answer:
    """`POST /v1/responses`."""
    item, told_of_item = _output_item(call)
    started = {
        "id": call.response_id,
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": call.served_model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "low", "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
    }
    done = started | {"status": "completed", "output": [item], "usage": _response_usage(call)}
    if not call.streamed:
        return Answer(body=done, response_id=call.response_id)
    told: list[dict[str, Any]] = [
        {"type": "response.created", "response": started},
        {"type": "response.in_progress", "response": started},
        *told_of_item,
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
    ]
    events = tuple(event(data | {"sequence_number": number}, data["type"]) for number, data in enumerate(told))
    return Answer(events=events, response_id=call.response_id)


def _output_item(call: Call) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a response holds, a message or the call of a tool, and the events that tell of it bit by bit."""
    declared = call.request.get("tools") or ()
    turns = call.request["input"]
    answered = not isinstance(turns, str) and any(turn.get("type") == "function_call_output" for turn in turns)
    if declared and not answered:
        return _function_call(call, str(declared[0]["name"]))
    part = {"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}
    item_id = call.response_id.replace("resp_", "msg_")
    item = {"id": item_id, "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    place = {"item_id": item_id, "output_index": 0, "content_index": 0}
    empty_item = item | {"status": "in_progress", "content": []}
    return item, [
        {"type": "response.output_item.added", "output_index": 0, "item": empty_item},
        {"type": "response.content_part.added", **place, "part": part | {"text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": word, "logprobs": []} for word in WORDS),
        {"type": "response.output_text.done", **place, "text": TEXT, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
    ]


def _function_call(call: Call, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    item_id = call.response_id.replace("resp_", "fc_")
    arguments = "".join(TOOL_ARGUMENTS)
    place = {"item_id": item_id, "output_index": 0}
    item = {
        "id": item_id,
        "type": "function_call",
        "status": "completed",
        "call_id": "call_" + call.response_id[-12:],
        "name": name,
        "arguments": arguments,
    }
    return item, [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": item | {"status": "in_progress", "arguments": ""},
        },
        *({"type": "response.function_call_arguments.delta", **place, "delta": part} for part in TOOL_ARGUMENTS),
        {"type": "response.function_call_arguments.done", **place, "arguments": arguments},
    ]


def embeddings(call: Call) -> Answer:
    """`POST /v1/embeddings`: no id in the body."""
    tokens = call.usage.input_total
    vector = {"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 0.125]}
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Answer(body={"object": "list", "data": [vector], "model": call.served_model, "usage": usage})


def _chat_tool_wanted(call: Call) -> str | None:
    """The name of the tool that the model asks for: the first one, until its result is among the messages."""
    declared = call.request.get("tools") or ()
    answered = any(message["role"] == "tool" for message in call.request["messages"])
    return None if answered or not declared else str(declared[0]["function"]["name"])


def _tool_call(call: Call, tool: str, arguments: str) -> dict[str, Any]:
    call_id = "call_" + call.response_id[-12:]
    return {"id": call_id, "type": "function", "function": {"name": tool, "arguments": arguments}}


def _chat_usage(call: Call) -> dict[str, Any]:
    usage = call.usage
    read: dict[str, int] = {"cached_tokens": usage.cache_read, "audio_tokens": 0}
    if usage.cache_write:
        read["cache_write_tokens"] = usage.cache_write
    return {
        "prompt_tokens": usage.input_total,
        "completion_tokens": usage.output,
        "total_tokens": usage.input_total + usage.output,
        "prompt_tokens_details": read,
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _response_usage(call: Call) -> dict[str, Any]:
    usage = call.usage
    return {
        "input_tokens": usage.input_total,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input_total + usage.output,
    }
