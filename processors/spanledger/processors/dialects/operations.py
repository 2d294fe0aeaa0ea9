"""Operations: which of a record's attributes says what it did, in whose words, and what of it a vendor bills."""

from typing import Final

from spanledger.processors.dialects.dialect import NOISE

BILLABLE: Final = frozenset({
    "chat", "generate_content", "text_completion", "embeddings", "embedding", "completion", "text_completions",
    "messages", "responses", "llm_call", "image", "image_generation", "speech", "transcription", "rerank",
})  # fmt: skip
"""Operations that a vendor bills. An allow-list: a roll-up that slipped through would be counted twice."""

ROLL_UPS: Final = frozenset({
    "invoke_agent", "create_agent", "invoke_workflow", "workflow", "agent_call", "agent_step", "plan", "execute_tool",
    "tool_call", "fetch_response", "retrieval", "orchestrate_tools", "count_tokens", "execute_event_loop_cycle",
    "prompt", "session",
})  # fmt: skip
"""Operations around calls: GenAI spans whose usage, if they carry any, is that of the calls beneath. Any other
operation that an emitter names is kept beside them: it is GenAI, and nobody knows that it is billed."""

NO_OUTPUT: Final = frozenset({"embeddings", "embedding", "rerank", "transcription"})
"""Operations that are billed by their input alone."""

SAYING: Final[dict[str, dict[str, str]]] = {
    # LangSmith 0.15 calls a retriever's run "embeddings" in gen_ai.operation.name; its own kind is right.
    "langsmith.span.kind": {
        "llm": "chat", "embedding": "embeddings", "tool": "execute_tool", "retriever": "retrieval",
        "chain": "workflow", "prompt": "prompt", "parser": "workflow",
    },
    "gen_ai.operation.name": {
        # LiteLLM's names of asynchronous calls (1.109, OTel callback)
        "acompletion": "chat", "atext_completion": "text_completion", "aembedding": "embeddings",
        "aresponses": "responses", "arerank": "rerank", "atranscription": "transcription", "aspeech": "speech",
        "aimage_generation": "image_generation", "anthropic_messages": "messages",
        # Gemini CLI's own (0.61)
        "llm_call": "chat", "tool_call": "execute_tool", "agent_call": "invoke_agent",
    },
    "openinference.span.kind": {
        "llm": "chat", "embedding": "embeddings", "reranker": "rerank", "tool": "execute_tool", "agent": "invoke_agent",
        "chain": "workflow", "retriever": "retrieval", "guardrail": "guardrail", "evaluator": "evaluate",
        "prompt": "prompt",
    },
    "ai.operationId": {
        "ai.generatetext.dogenerate": "chat", "ai.streamtext.dostream": "chat", "ai.generateobject.dogenerate": "chat",
        "ai.streamobject.dostream": "chat", "ai.embed.doembed": "embeddings", "ai.embedmany.doembed": "embeddings",
        "ai.rerank.dorerank": "rerank", "ai.toolcall": "execute_tool", "ai.generatetext": "invoke_agent",
        "ai.streamtext": "invoke_agent", "ai.generateobject": "invoke_agent", "ai.streamobject": "invoke_agent",
        "ai.embed": "workflow", "ai.embedmany": "workflow", "ai.rerank": "workflow",
    },
    "langfuse.observation.type": {
        "generation": "chat", "embedding": "embeddings", "agent": "invoke_agent", "tool": "execute_tool",
        "chain": "workflow", "retriever": "retrieval", "span": "workflow", "event": "workflow",
        "evaluator": "evaluate", "guardrail": "guardrail",
    },
    "mlflow.spanType": {
        "llm": "chat", "chat_model": "chat", "embedding": "embeddings", "reranker": "rerank", "tool": "execute_tool",
        "agent": "invoke_agent", "chain": "workflow", "workflow": "workflow", "task": "workflow",
        "retriever": "retrieval", "parser": "workflow", "memory": "memory", "unknown": "workflow",
        "evaluator": "evaluate", "guardrail": "guardrail",
    },
    "traceloop.span.kind": {
        "workflow": "workflow", "task": "workflow", "agent": "invoke_agent", "tool": "execute_tool", "unknown": NOISE,
    },
    "llm.request.type": {
        "chat": "chat", "completion": "text_completion", "embedding": "embeddings", "rerank": "rerank",
        "unknown": NOISE,
    },
}  # fmt: skip
"""Key, in order of precedence → its value in lower case → the operation; a value that is not listed stands for itself.

Sources: the conventions, and langsmith 0.15, litellm 1.109, openinference-semantic-conventions 0.1.42, ai 4 to 7,
langfuse 5, mlflow 3.18, opentelemetry-semantic-conventions-ai 0.5.
"""

_QUOTES: Final = '"'  # MLflow writes its values as JSON


def operation_said(key: str, value: str) -> str:
    """What a value under one of the keys of SAYING means."""
    plain = value.lower()
    if key != "gen_ai.operation.name":
        plain = plain.strip(_QUOTES)
    return SAYING[key].get(plain, plain)
