"""An agent with a tool, on whichever model: run, run again, and streamed."""

import asyncio
from typing import Any

from exporting import SOME_TEXT
from opentelemetry.trace import Tracer
from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


async def streamed(agent: Agent[None, str]) -> None:
    """The agent's answer as it comes."""
    async with agent.run_stream(SOME_TEXT) as answer:
        async for _ in answer.stream_text():
            pass


def call_agents(tracer: Tracer, *models: Any) -> None:
    """One agent without tools and one with, for each model."""
    Agent.instrument_all(InstrumentationSettings())
    for model in models:
        simple = Agent(model)
        simple.run_sync(SOME_TEXT)
        asyncio.run(streamed(simple))
        with tracer.start_as_current_span("app.request"):
            agent = Agent(model, tools=[weather], name="forecaster")
            agent.run_sync(SOME_TEXT)
            asyncio.run(streamed(agent))
