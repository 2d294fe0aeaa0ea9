"""What the emitters of LiteLLM have to tell: two vendors through one interface."""

import asyncio
import os
from typing import Any

import litellm
from exporting import SOME_TEXT, refused
from opentelemetry.trace import Tracer

MESSAGES: list[Any] = [{"role": "user", "content": SOME_TEXT}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "function": {"name": "weather", "description": "", "parameters": SCHEMA}}
WITH_USAGE = {"include_usage": True}
SONNET: dict[str, Any] = {
    "model": "anthropic/claude-sonnet-4-5",
    "api_base": os.environ["ANTHROPIC_BASE_URL"],
    "messages": MESSAGES,
}


async def async_calls() -> None:
    """Plain, streamed, with a tool until none is asked for, the other vendor, and the other interfaces."""
    await litellm.acompletion(model="openai/gpt-5-mini", messages=MESSAGES)
    stream: Any = await litellm.acompletion(
        model="openai/gpt-5-mini", messages=MESSAGES, stream=True, stream_options=WITH_USAGE
    )
    async for _ in stream:
        pass
    asked: Any = await litellm.acompletion(model="openai/gpt-4o-mini", messages=MESSAGES, tools=[WEATHER])
    message = asked.choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    turns = [*MESSAGES, message.model_dump(exclude_none=True), result]
    await litellm.acompletion(model="openai/gpt-4o-mini", messages=turns, tools=[WEATHER])
    await litellm.acompletion(**SONNET)
    stream = await litellm.acompletion(**SONNET, stream=True, stream_options=WITH_USAGE)
    async for _ in stream:
        pass
    with refused():
        await litellm.acompletion(
            model="openai/gpt-5-mini", messages=MESSAGES, extra_headers={"x-stand-in": "refuse-400"}, max_retries=0
        )
    await asyncio.sleep(1)  # the callbacks run in tasks of their own


async def other_interfaces() -> None:
    """Responses and embeddings."""
    await litellm.aresponses(model="openai/gpt-5", input=SOME_TEXT)
    await litellm.aembedding(model="openai/text-embedding-3-small", input=[SOME_TEXT])
    await asyncio.sleep(1)


def sync_calls() -> None:
    """Plain, streamed, and the other vendor."""
    litellm.completion(model="openai/gpt-5-mini", messages=MESSAGES)
    stream: Any = litellm.completion(
        model="openai/gpt-6-sol", messages=MESSAGES, stream=True, stream_options=WITH_USAGE
    )
    for _ in stream:
        pass
    litellm.completion(**SONNET)


def call_litellm(tracer: Tracer, *, more: bool) -> None:
    """Every call, some of it inside the program's own request span; `more` with responses and embeddings."""
    asyncio.run(async_calls())
    with tracer.start_as_current_span("app.request"):
        sync_calls()
    if more:
        asyncio.run(other_interfaces())
