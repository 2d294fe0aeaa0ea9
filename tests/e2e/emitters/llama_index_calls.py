"""What the emitters of LlamaIndex have to tell: chats, streamed and at once, an agent with a tool, embeddings."""

import asyncio
import os
from typing import Any

from exporting import SOME_TEXT
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI, OpenAIResponses
from opentelemetry.trace import Tracer

MESSAGES = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content=SOME_TEXT)]
WITH_USAGE: Any = {"stream_options": {"include_usage": True}}
VENDOR: Any = {"api_base": os.environ["OPENAI_BASE_URL"]}


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


async def async_calls(model: Any) -> None:
    """Two at once, a stream, and an agent."""
    await asyncio.gather(*(model.achat(MESSAGES) for _ in range(2)))
    async for _ in await model.astream_chat(MESSAGES):
        pass
    await FunctionAgent(tools=[weather], llm=model, streaming=False).run(SOME_TEXT)


def call_llama_index(tracer: Tracer) -> None:
    """Every call, some of it inside the program's own request span."""
    model = OpenAI(model="gpt-4o-mini", additional_kwargs=WITH_USAGE, **VENDOR)
    plain = OpenAI(model="gpt-4o-mini", **VENDOR)
    plain.chat(MESSAGES)
    plain.complete(SOME_TEXT)
    for _ in model.stream_chat(MESSAGES):
        pass
    with tracer.start_as_current_span("app.request"):
        asyncio.run(async_calls(plain))
    responses = OpenAIResponses(model="gpt-5", **VENDOR)
    responses.chat(MESSAGES)
    for _ in responses.stream_chat(MESSAGES):
        pass
    OpenAIEmbedding(model="text-embedding-3-small", **VENDOR).get_text_embedding(SOME_TEXT)
