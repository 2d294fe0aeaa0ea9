"""Semantic Kernel: an agent with a tool, plain and streamed."""

import asyncio

from exporting import SOME_TEXT, exporting
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.functions import kernel_function


class Forecast:
    """What the agent may call."""

    @kernel_function
    def weather(self, city: str) -> str:
        """Tell the weather in a city."""
        return f"sunny in {city}"


async def runs() -> None:
    """With and without the tool."""
    for model in ("gpt-4o-mini", "gpt-5-mini"):
        service = OpenAIChatCompletion(ai_model_id=model)
        await ChatCompletionAgent(service=service, name="simple").get_response(SOME_TEXT)
        agent = ChatCompletionAgent(service=service, name="forecaster", plugins=[Forecast()])
        await agent.get_response(SOME_TEXT)
        async for _ in agent.invoke_stream(SOME_TEXT):
            pass


with exporting():
    asyncio.run(runs())
