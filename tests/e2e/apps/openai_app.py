"""A program that calls OpenAI in every way its SDK offers, under the official instrumentation."""

import asyncio

import openai
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from telemetry import CANARY, exported_spans, refused

SYSTEM = {"role": "system", "content": f"Be brief. {CANARY}"}
MESSAGES = [SYSTEM, {"role": "user", "content": f"Why count calls? {CANARY}"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string", "description": CANARY}}}
WEATHER = {"type": "function", "function": {"name": "weather", "description": CANARY, "parameters": PARAMETERS}}
WITH_USAGE = {"include_usage": True}


def sync_calls(client: openai.OpenAI) -> None:
    """Chat completions and embeddings, one after the other."""
    chat = client.chat.completions
    chat.create(model="gpt-5-mini", messages=MESSAGES)
    chat.create(model="gpt-4o-mini", messages=MESSAGES, user="user-7")
    for _ in chat.create(model="gpt-5-mini", messages=MESSAGES, stream=True, stream_options=WITH_USAGE):
        pass
    for _ in chat.create(model="gpt-5-mini", messages=MESSAGES, stream=True):
        pass
    asked = chat.create(model="gpt-4o-mini", messages=MESSAGES, tools=[WEATHER]).choices[0].message
    answer = {"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": f"sunny {CANARY}"}
    chat.create(model="gpt-4o-mini", messages=[*MESSAGES, asked.model_dump(exclude_none=True), answer])
    for _ in chat.create(model="gpt-6-sol", messages=MESSAGES, tools=[WEATHER], stream=True, stream_options=WITH_USAGE):
        pass
    chat.with_raw_response.create(model="gpt-6-sol", messages=MESSAGES).parse()
    chat.create(model="gpt-6-sol", messages=MESSAGES, extra_headers={"x-stand-in": "long-prompt"})
    client.embeddings.create(model="text-embedding-3-small", input=[f"count me {CANARY}"])
    client.embeddings.create(model="text-embedding-3-small", input=f"and me {CANARY}")


def responses_calls(client: openai.OpenAI) -> None:
    """The Responses API: plain, streamed, with the helper, and one fetched again, which is no call."""
    made = client.responses.create(model="gpt-5", input=f"Why? {CANARY}", instructions=CANARY)
    client.responses.retrieve(made.id)
    for _ in client.responses.create(model="gpt-5", input=f"Why? {CANARY}", stream=True):
        pass
    with client.responses.stream(model="gpt-5", input=f"Why? {CANARY}") as stream:
        stream.until_done()


def troubled_calls(client: openai.OpenAI) -> None:
    """Refused and served by the SDK's retry; a stream left early; refused for good."""
    chat = client.chat.completions
    chat.create(model="gpt-5-mini", messages=MESSAGES, extra_headers={"x-stand-in": "refuse-once"})
    unfinished = {"x-stand-in": "unfinished"}
    with chat.create(
        model="gpt-5-mini", messages=MESSAGES, stream=True, stream_options=WITH_USAGE, extra_headers=unfinished
    ) as stream:
        next(iter(stream))
    once = client.with_options(max_retries=0)
    with refused(openai.RateLimitError):
        once.chat.completions.create(model="gpt-5-mini", messages=MESSAGES, extra_headers={"x-stand-in": "refuse-429"})
    with refused(openai.BadRequestError):
        once.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, extra_headers={"x-stand-in": "refuse-400"})
    with refused(openai.InternalServerError):
        once.responses.create(model="gpt-5", input=CANARY, extra_headers={"x-stand-in": "refuse-500"})


async def async_calls() -> None:
    """The asynchronous client, plain and streamed, and two calls at once."""
    async with openai.AsyncOpenAI() as client:
        chat = client.chat.completions
        await chat.create(model="gpt-5-mini", messages=MESSAGES)
        async for _ in await chat.create(model="gpt-6-sol", messages=MESSAGES, stream=True, stream_options=WITH_USAGE):
            pass
        await asyncio.gather(*(chat.create(model="gpt-4o-mini", messages=MESSAGES) for _ in range(2)))
        await client.responses.create(model="gpt-5", input=CANARY)
        await client.embeddings.create(model="text-embedding-3-small", input=CANARY)


def main() -> None:
    """Call, some of it inside the program's own request spans, as in real life."""
    OpenAIInstrumentor().instrument()
    with exported_spans() as tracer, openai.OpenAI() as client:
        sync_calls(client)
        with tracer.start_as_current_span("app.request"):
            responses_calls(client)
        troubled_calls(client)
        with tracer.start_as_current_span("app.request"):
            asyncio.run(async_calls())


main()
