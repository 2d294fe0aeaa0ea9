"""A Strands agent with a tool: two turns, the second in the same agent's life, and another streamed."""

import asyncio
from typing import Any

from exporting import SOME_TEXT
from opentelemetry.trace import Tracer
from strands import Agent, tool


@tool
def weather(city: str) -> str:
    """Tell the weather in a city.

    Args:
        city: where
    """
    return f"sunny in {city}"


async def streamed(agent: Agent) -> None:
    """The agent's events as they come."""
    async for _ in agent.stream_async(SOME_TEXT):
        pass


def call_agents(tracer: Tracer, model: Any) -> None:
    """Two agents."""
    agent = Agent(model=model, tools=[weather], callback_handler=None, name="forecaster")
    agent(SOME_TEXT)
    agent(SOME_TEXT)
    with tracer.start_as_current_span("app.request"):
        asyncio.run(streamed(Agent(model=model, callback_handler=None)))
