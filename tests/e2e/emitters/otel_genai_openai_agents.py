"""The official instrumentations of OpenAI's Agents SDK, which tells of agents, and of the SDK below, which tells calls.

An agent with a tool, plain and streamed, on two interfaces.
"""

import asyncio

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_trace_processors
from exporting import SOME_TEXT, exporting
from openai import AsyncOpenAI
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor


@function_tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


async def runs() -> None:
    """Each way once, and once without a tool."""
    chat = OpenAIChatCompletionsModel(model="gpt-5-mini", openai_client=AsyncOpenAI())
    for model in ("gpt-5", chat):
        await Runner.run(Agent(name="simple", model=model), SOME_TEXT)
        agent = Agent(name="forecaster", model=model, tools=[weather])
        await Runner.run(agent, SOME_TEXT)
        async for _ in Runner.run_streamed(agent, SOME_TEXT).stream_events():
            pass


with exporting():
    set_trace_processors([])  # without the one that reports to the vendor
    OpenAIAgentsInstrumentor().instrument()
    OpenAIInstrumentor().instrument()
    asyncio.run(runs())
