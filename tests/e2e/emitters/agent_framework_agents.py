"""Microsoft's Agent Framework: an agent with a tool, plain and streamed, two interfaces."""

import asyncio
from typing import Annotated

from agent_framework import Agent
from agent_framework.openai import OpenAIChatClient, OpenAIChatCompletionClient
from exporting import SOME_TEXT, exporting


def weather(city: Annotated[str, "where"]) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


async def runs() -> None:
    """Each way once, and once without a tool."""
    for client in (OpenAIChatClient(model="gpt-5"), OpenAIChatCompletionClient(model="gpt-5-mini")):
        await Agent(client=client, name="simple").run(SOME_TEXT)
        agent = Agent(client=client, name="forecaster", tools=[weather])
        await agent.run(SOME_TEXT)
        async for _ in agent.run(SOME_TEXT, stream=True):
            pass


with exporting():
    asyncio.run(runs())
