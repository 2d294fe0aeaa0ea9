"""What the emitters of OpenAI's SDK have to tell: every interface, plain and streamed, with tools, with trouble."""

import asyncio
from typing import Any

import openai
from exporting import SOME_TEXT, refused
from opentelemetry.trace import Tracer

MESSAGES: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": SOME_TEXT}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "function": {"name": "weather", "description": "", "parameters": SCHEMA}}
FLAT_WEATHER: Any = {"type": "function", "name": "weather", "description": "", "parameters": SCHEMA, "strict": False}
WITH_USAGE: Any = {"include_usage": True}


def chat_calls(client: openai.OpenAI) -> None:
    """Plain, and streamed with usage and without."""
    create = client.chat.completions.create
    create(model="gpt-5-mini", messages=MESSAGES)
    create(model="gpt-4o-mini", messages=MESSAGES, user="user-7")
    for _ in create(model="gpt-5-mini", messages=MESSAGES, stream=True, stream_options=WITH_USAGE):
        pass
    for _ in create(model="gpt-5-mini", messages=MESSAGES, stream=True):
        pass


def agent_loop(client: openai.OpenAI) -> None:
    """Until no tool is asked for: two calls plain, two streamed, two of the Responses API."""
    create = client.chat.completions.create
    asked = create(model="gpt-4o-mini", messages=MESSAGES, tools=[WEATHER]).choices[0].message
    result = {"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": "sunny"}
    turns = [*MESSAGES, asked.model_dump(exclude_none=True), result]
    create(model="gpt-4o-mini", messages=turns, tools=[WEATHER])
    for messages in (MESSAGES, turns):
        for _ in create(model="gpt-6-sol", messages=messages, tools=[WEATHER], stream=True, stream_options=WITH_USAGE):
            pass
    first = client.responses.create(model="gpt-5", input=SOME_TEXT, tools=[FLAT_WEATHER])
    output = {"type": "function_call_output", "call_id": first.output[0].call_id, "output": "sunny"}
    said = [{"role": "user", "content": SOME_TEXT}, first.output[0].model_dump(exclude_none=True), output]
    client.responses.create(model="gpt-5", input=said, tools=[FLAT_WEATHER])


def other_calls(client: openai.OpenAI) -> None:
    """The Responses API, plain and streamed, and embeddings."""
    client.responses.create(model="gpt-5", input=SOME_TEXT)
    for _ in client.responses.create(model="gpt-5", input=SOME_TEXT, stream=True):
        pass
    client.embeddings.create(model="text-embedding-3-small", input=SOME_TEXT)


def troubled_calls(client: openai.OpenAI) -> None:
    """Served by the SDK's retry, refused for good, and a stream left early."""
    create = client.chat.completions.create
    create(model="gpt-5-mini", messages=MESSAGES, extra_headers={"x-stand-in": "refuse-once"})
    with refused():
        create(model="gpt-5-mini", messages=MESSAGES, extra_headers={"x-stand-in": "refuse-400"})
    unfinished = {"x-stand-in": "unfinished"}
    with create(
        model="gpt-5-mini", messages=MESSAGES, stream=True, stream_options=WITH_USAGE, extra_headers=unfinished
    ) as stream:
        next(iter(stream))


async def async_calls() -> None:
    """The asynchronous client: plain, streamed, and two at once."""
    async with openai.AsyncOpenAI() as client:
        create = client.chat.completions.create
        await create(model="gpt-6-sol", messages=MESSAGES)
        async for _ in await create(model="gpt-6-sol", messages=MESSAGES, stream=True, stream_options=WITH_USAGE):
            pass
        await asyncio.gather(*(create(model="gpt-4o-mini", messages=MESSAGES) for _ in range(2)))
        await client.responses.create(model="gpt-5", input=SOME_TEXT)


def call_openai(tracer: Tracer) -> None:
    """Every call, some of it inside the program's own request spans, as in real life."""
    with openai.OpenAI() as client:
        chat_calls(client)
        with tracer.start_as_current_span("app.request"):
            agent_loop(client)
        other_calls(client)
        troubled_calls(client)
    with tracer.start_as_current_span("app.request"):
        asyncio.run(async_calls())
