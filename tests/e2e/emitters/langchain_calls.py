"""What the emitters of LangChain have to tell: two vendors' chat models, streams, a batch, and an agent."""

import asyncio
from typing import Any

from exporting import SOME_TEXT
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from opentelemetry.trace import Tracer

CACHED: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
MESSAGES: Any = [{"role": "system", "content": CACHED}, {"role": "user", "content": SOME_TEXT}]


@tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


async def async_calls(model: Any) -> None:
    """Plain and streamed."""
    await model.ainvoke(SOME_TEXT)
    async for _ in model.astream(SOME_TEXT):
        pass


def chat(model: Any) -> None:
    """Plain, streamed, asynchronous, and an agent: a call, the tool, another call."""
    model.invoke(MESSAGES)
    for _ in model.stream(MESSAGES):
        pass
    asyncio.run(async_calls(model))
    agent = create_agent(model, tools=[weather])
    agent.invoke({"messages": [{"role": "user", "content": SOME_TEXT}]})


def call_langchain_openai(tracer: Tracer) -> None:
    """OpenAI's chat completions and responses, two calls at once, and embeddings."""
    with tracer.start_as_current_span("app.request"):
        chat(ChatOpenAI(model="gpt-5-mini", stream_usage=True))
    ChatOpenAI(model="gpt-4o-mini").batch([SOME_TEXT, SOME_TEXT])
    responses = ChatOpenAI(model="gpt-5", use_responses_api=True)
    responses.invoke(SOME_TEXT)
    for _ in responses.stream(SOME_TEXT):
        pass
    OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False).embed_query(SOME_TEXT)


def call_langchain_anthropic() -> None:
    """Anthropic's messages."""
    from langchain_anthropic import ChatAnthropic

    chat(ChatAnthropic(model="claude-sonnet-4-5", max_tokens=256))


def call_langchain(tracer: Tracer) -> None:
    """Both vendors."""
    call_langchain_openai(tracer)
    call_langchain_anthropic()
