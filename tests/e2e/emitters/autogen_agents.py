"""AutoGen's agents, whose own spans have no tokens, above the official instrumentation of OpenAI's SDK."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from exporting import SOME_TEXT, exporting
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor


async def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


async def runs() -> None:
    """With and without a tool, plain and streamed."""
    for model in ("gpt-4o-mini", "gpt-5-mini"):
        client = OpenAIChatCompletionClient(model=model)
        await AssistantAgent("simple", client).run(task=SOME_TEXT)
        agent = AssistantAgent("forecaster", client, tools=[weather], reflect_on_tool_use=True)
        await agent.run(task=SOME_TEXT)
        streaming = AssistantAgent("streaming", client, model_client_stream=True)
        async for _ in streaming.run_stream(task=SOME_TEXT):
            pass
        await client.close()


with exporting():
    OpenAIInstrumentor().instrument()
    asyncio.run(runs())
