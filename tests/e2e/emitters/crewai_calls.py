"""What the emitters of CrewAI have to tell: a crew of two, one of whom has a tool."""

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from exporting import SOME_TEXT
from opentelemetry.trace import Tracer


@tool("weather")
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


def kickoff(model: str, *, stream: bool) -> None:
    """Let a crew do its two tasks."""
    llm = LLM(model=f"openai/{model}", stream=stream)
    plain = Agent(role="writer", goal="write", backstory="writes", llm=llm)
    forecaster = Agent(role="forecaster", goal="forecast", backstory="forecasts", llm=llm, tools=[weather])
    tasks = [
        Task(description=SOME_TEXT, expected_output="a line", agent=forecaster),
        Task(description=SOME_TEXT, expected_output="a line", agent=plain),
    ]
    Crew(agents=[plain, forecaster], tasks=tasks).kickoff()


def call_crewai(tracer: Tracer) -> None:
    """A crew with each of two models, one of them streaming, one inside the program's own request span."""
    kickoff("gpt-4o-mini", stream=False)
    with tracer.start_as_current_span("app.request"):
        kickoff("gpt-5-mini", stream=True)
