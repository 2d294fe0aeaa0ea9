"""What the emitters of Haystack have to tell: a pipeline, plain and streamed, an agent with a tool, embeddings."""

from typing import Annotated

from exporting import SOME_TEXT
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.embedders import OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack.tools import tool
from opentelemetry.trace import Tracer

MESSAGES = [ChatMessage.from_system("Be brief."), ChatMessage.from_user(SOME_TEXT)]


@tool
def weather(city: Annotated[str, "where"]) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


def heard(_: StreamingChunk) -> None:
    """What is done with each part of a streamed answer: nothing."""


def call_haystack(tracer: Tracer) -> None:
    """Every call, some of it inside the program's own request span."""
    for model in ("gpt-4o-mini", "gpt-5-mini"):
        pipeline = Pipeline()
        pipeline.add_component("llm", OpenAIChatGenerator(model=model))
        pipeline.run({"llm": {"messages": MESSAGES}})
    with_usage = {"stream_options": {"include_usage": True}}
    streaming = OpenAIChatGenerator(model="gpt-5-mini", streaming_callback=heard, generation_kwargs=with_usage)
    pipeline = Pipeline()
    pipeline.add_component("llm", streaming)
    pipeline.run({"llm": {"messages": MESSAGES}})
    with tracer.start_as_current_span("app.request"):
        Agent(chat_generator=OpenAIChatGenerator(model="gpt-5-mini"), tools=[weather]).run(messages=MESSAGES)
    pipeline = Pipeline()
    pipeline.add_component("embedder", OpenAITextEmbedder(model="text-embedding-3-small"))
    pipeline.run({"embedder": {"text": SOME_TEXT}})
