"""A program that calls Anthropic in every way its SDK offers, under the official instrumentation.

The SDK makes spans of its own as soon as there is a tracer provider: every call below is told twice.
"""

import asyncio

import anthropic
from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
from telemetry import CANARY, exported_spans, refused

CACHED_SYSTEM = [{"type": "text", "text": f"Be brief. {CANARY}", "cache_control": {"type": "ephemeral"}}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "description": CANARY}}}
WEATHER = {"name": "weather", "description": CANARY, "input_schema": SCHEMA}
USER = {"role": "user", "content": f"Why count calls? {CANARY}"}
SONNET = {"model": "claude-sonnet-4-5", "max_tokens": 256, "system": CACHED_SYSTEM, "messages": [USER]}
HAIKU = SONNET | {"model": "claude-haiku-4-5"}


def sync_calls(client: anthropic.Anthropic) -> None:
    """Messages: plain, streamed, with the helper, with a tool, raw, and a count of tokens, which is no call."""
    messages = client.messages
    messages.create(**SONNET)
    messages.create(**HAIKU)
    for _ in messages.create(**SONNET, stream=True):
        pass
    with messages.stream(**HAIKU) as stream:
        stream.until_done()
    asked = messages.create(**SONNET, tools=[WEATHER])
    result = {"type": "tool_result", "tool_use_id": asked.content[0].id, "content": f"sunny {CANARY}"}
    turns = [
        USER,
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in asked.content]},
        {"role": "user", "content": [result]},
    ]
    messages.create(**SONNET | {"messages": turns})
    for _ in messages.create(**HAIKU, tools=[WEATHER], stream=True):
        pass
    messages.with_raw_response.create(**SONNET).parse()
    messages.count_tokens(model="claude-sonnet-4-5", messages=[USER])
    client.beta.messages.create(**SONNET)


def troubled_calls(client: anthropic.Anthropic) -> None:
    """Refused and served by the SDK's retry; a stream left early; refused for good."""
    client.messages.create(**SONNET, extra_headers={"x-stand-in": "refuse-once"})
    with client.messages.create(**SONNET, stream=True, extra_headers={"x-stand-in": "unfinished"}) as stream:
        next(iter(stream))
    once = client.with_options(max_retries=0)
    with refused(anthropic.RateLimitError):
        once.messages.create(**SONNET, extra_headers={"x-stand-in": "refuse-429"})
    with refused(anthropic.BadRequestError):
        once.messages.create(**HAIKU, extra_headers={"x-stand-in": "refuse-400"})
    with refused(anthropic.InternalServerError):
        once.messages.create(**SONNET, extra_headers={"x-stand-in": "refuse-500"})


async def async_calls() -> None:
    """The asynchronous client: plain, streamed, with the helper, and two calls at once."""
    async with anthropic.AsyncAnthropic() as client:
        await client.messages.create(**HAIKU)
        async for _ in await client.messages.create(**SONNET, stream=True):
            pass
        async with client.messages.stream(**HAIKU) as stream:
            await stream.until_done()
        await asyncio.gather(*(client.messages.create(**SONNET) for _ in range(2)))


def main() -> None:
    """Call, some of it inside the program's own request spans, as in real life."""
    AnthropicInstrumentor().instrument()
    with exported_spans() as tracer, anthropic.Anthropic() as client:
        sync_calls(client)
        with tracer.start_as_current_span("app.request"):
            troubled_calls(client)
        with tracer.start_as_current_span("app.request"):
            asyncio.run(async_calls())


main()
