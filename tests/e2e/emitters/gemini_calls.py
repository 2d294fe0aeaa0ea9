"""What the emitters of Google's SDK have to tell: plain and streamed, tools by hand and by themselves, refused."""

import asyncio
from typing import Any

from exporting import SOME_TEXT, refused
from google import genai
from google.genai import types
from opentelemetry.trace import Tracer

FLASH = "gemini-2.5-flash"
PRO = "gemini-2.5-pro"
DECLARED = types.FunctionDeclaration(
    name="weather",
    description="now",
    parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}},
)
BY_HAND = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[DECLARED])],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


def calls(client: genai.Client) -> None:
    """Plain and streamed."""
    client.models.generate_content(model=FLASH, contents=SOME_TEXT)
    client.models.generate_content(model=PRO, contents=SOME_TEXT)
    for _ in client.models.generate_content_stream(model=FLASH, contents=SOME_TEXT):
        pass


def agent_loop(client: genai.Client) -> None:
    """With a tool that the program calls, then with one that the SDK calls by itself: two requests each."""
    asked: Any = client.models.generate_content(model=PRO, contents=SOME_TEXT, config=BY_HAND)
    result = types.Part.from_function_response(name="weather", response={"result": "sunny"})
    turns = [types.UserContent(SOME_TEXT), asked.candidates[0].content, types.UserContent(result)]
    client.models.generate_content(model=PRO, contents=turns, config=BY_HAND)
    by_itself = types.GenerateContentConfig(tools=[weather])
    client.models.generate_content(model=FLASH, contents=SOME_TEXT, config=by_itself)


async def async_calls(client: genai.Client) -> None:
    """The asynchronous client: plain, streamed, and two at once."""
    models = client.aio.models
    await models.generate_content(model=FLASH, contents=SOME_TEXT)
    async for _ in await models.generate_content_stream(model=PRO, contents=SOME_TEXT):
        pass
    await asyncio.gather(*(models.generate_content(model=FLASH, contents=SOME_TEXT) for _ in range(2)))


def call_gemini(tracer: Tracer) -> None:
    """Every call, some of it inside the program's own request span, as in real life."""
    client = genai.Client()
    calls(client)
    with tracer.start_as_current_span("app.request"):
        agent_loop(client)
    asyncio.run(async_calls(client))
    refusing = types.HttpOptions(headers={"x-stand-in": "refuse-400"})
    with refused():
        client.models.generate_content(
            model=FLASH, contents=SOME_TEXT, config=types.GenerateContentConfig(http_options=refusing)
        )
