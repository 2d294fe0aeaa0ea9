"""What the emitters of Anthropic's SDK have to tell: plain and streamed, cached for both lifetimes, tools, trouble."""

import asyncio
from typing import Any

import anthropic
from exporting import SOME_TEXT, refused
from opentelemetry.trace import Tracer

SYSTEM: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER: Any = {"name": "weather", "description": "", "input_schema": SCHEMA}
USER: Any = {"role": "user", "content": SOME_TEXT}
SONNET: Any = {"model": "claude-sonnet-4-5", "max_tokens": 256, "system": SYSTEM, "messages": [USER]}
HAIKU: Any = SONNET | {"model": "claude-haiku-4-5"}


def calls(client: anthropic.Anthropic) -> None:
    """Plain, streamed, and with the helper for streams."""
    client.messages.create(**SONNET)
    client.messages.create(**HAIKU)
    for _ in client.messages.create(**SONNET, stream=True):
        pass
    with client.messages.stream(**HAIKU) as stream:
        stream.until_done()
    client.beta.messages.create(**SONNET)


def agent_loop(client: anthropic.Anthropic) -> None:
    """Until no tool is asked for, plain and streamed."""
    asked = client.messages.create(**SONNET, tools=[WEATHER])
    result = {"type": "tool_result", "tool_use_id": asked.content[0].id, "content": "sunny"}
    turns = [
        USER,
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in asked.content]},
        {"role": "user", "content": [result]},
    ]
    client.messages.create(**SONNET | {"messages": turns}, tools=[WEATHER])
    for messages in ([USER], turns):
        for _ in client.messages.create(**HAIKU | {"messages": messages}, tools=[WEATHER], stream=True):
            pass


def troubled_calls(client: anthropic.Anthropic) -> None:
    """Served by the SDK's retry, refused for good, and a stream left early."""
    client.messages.create(**SONNET, extra_headers={"x-stand-in": "refuse-once"})
    with refused():
        client.messages.create(**HAIKU, extra_headers={"x-stand-in": "refuse-400"})
    with client.messages.create(**SONNET, stream=True, extra_headers={"x-stand-in": "unfinished"}) as stream:
        next(iter(stream))


async def async_calls() -> None:
    """The asynchronous client: plain, streamed, with the helper, and two at once."""
    async with anthropic.AsyncAnthropic() as client:
        await client.messages.create(**HAIKU)
        async for _ in await client.messages.create(**SONNET, stream=True):
            pass
        async with client.messages.stream(**HAIKU) as stream:
            await stream.until_done()
        await asyncio.gather(*(client.messages.create(**SONNET) for _ in range(2)))


def call_anthropic(tracer: Tracer) -> None:
    """Every call, some of it inside the program's own request spans, as in real life."""
    with anthropic.Anthropic() as client:
        calls(client)
        with tracer.start_as_current_span("app.request"):
            agent_loop(client)
        troubled_calls(client)
    with tracer.start_as_current_span("app.request"):
        asyncio.run(async_calls())
