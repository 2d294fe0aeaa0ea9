"""Google's Agent Development Kit: an agent with a tool, two turns of one session, plain and streamed."""

import asyncio

from exporting import SOME_TEXT, exporting
from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.runners import InMemoryRunner
from google.genai import types
from opentelemetry.trace import Tracer


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


async def turns(model: str, mode: StreamingMode) -> None:
    """Two turns of one session."""
    agent = LlmAgent(name="forecaster", model=model, instruction="Be brief.", tools=[weather])
    runner = InMemoryRunner(agent=agent, app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="user-7")
    for _ in range(2):
        async for _event in runner.run_async(
            user_id="user-7",
            session_id=session.id,
            new_message=types.UserContent(SOME_TEXT),
            run_config=RunConfig(streaming_mode=mode),
        ):
            pass


def main(tracer: Tracer) -> None:
    """A session each way."""
    asyncio.run(turns("gemini-2.5-flash", StreamingMode.NONE))
    with tracer.start_as_current_span("app.request"):
        asyncio.run(turns("gemini-2.5-pro", StreamingMode.SSE))


with exporting() as app_tracer:
    main(app_tracer)
