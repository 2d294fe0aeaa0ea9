"""One record as one OTLP span, in the keys of the GenAI conventions."""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from spanledger.instrumentation.replay.records import Agent, Call, Prompt, Quota, Tool, Usage
from spanledger.instrumentation.replay.wire import Attribute, clean, field, times

CLIENT: Final = b"\x30\x03"
INTERNAL: Final = b"\x30\x01"
FAILED: Final = field(15, b"\x18\x02")
"""The kind of a span, and the status of one that failed, as fields of a span."""


def span_id(source: str, kind: str, key: str) -> bytes:
    """The span of a record: 8 bytes."""
    return blake2b(f"{source}\0{kind}\0{key}".encode("utf-8", "replace"), digest_size=8, person=b"span").digest()


_OPERATION: Final = Attribute("gen_ai.operation.name")
_PROVIDER: Final = Attribute("gen_ai.provider.name")
_ASKED: Final = Attribute("gen_ai.request.model")
_MODEL: Final = Attribute("gen_ai.response.model")
_RESPONSE_ID: Final = Attribute("gen_ai.response.id")
_REQUEST_ID: Final = Attribute("gen_ai.request.id")
_AGENT: Final = Attribute("gen_ai.agent.name")
_COST: Final = Attribute("gen_ai.usage.cost")
_TIER: Final = Attribute("openai.response.service_tier")
_SPEED: Final = Attribute("anthropic.usage.speed")
_RESIDENCY: Final = Attribute("anthropic.usage.inference_geo")
_REGION: Final = Attribute("cloud.region")
_FINISH: Final = Attribute("gen_ai.response.finish_reason")
_ERROR: Final = Attribute("error.type")
_PLAN: Final = Attribute("spanledger.plan")
_FIRST_CHUNK: Final = Attribute("gen_ai.response.time_to_first_chunk")
_PARTIAL: Final = Attribute("spanledger.partial")
_ADDS_UP: Final = Attribute("spanledger.adds_up")
_TOOL: Final = Attribute("gen_ai.tool.name")
_TOOL_CALL: Final = Attribute("gen_ai.tool.call.id")
_CHARACTERS: Final = Attribute("spanledger.characters")
_QUOTA: Final = Attribute("spanledger.quota.name")
_USED: Final = Attribute("spanledger.quota.used_percent")
_WINDOW: Final = Attribute("spanledger.quota.window_minutes")
_RESETS: Final = Attribute("spanledger.quota.resets_at_s")
_QUOTA_PLAN: Final = Attribute("spanledger.quota.plan")

_INPUT: Final = Attribute("gen_ai.usage.input_tokens").count
_CACHE_READ: Final = Attribute("gen_ai.usage.cache_read.input_tokens").count
_CACHE_WRITE: Final = Attribute("gen_ai.usage.cache_write.input_tokens").count
_WRITE_5M: Final = Attribute("anthropic.usage.cache_creation.ephemeral_5m_input_tokens").count
_WRITE_1H: Final = Attribute("anthropic.usage.cache_creation.ephemeral_1h_input_tokens").count
_OUTPUT: Final = Attribute("gen_ai.usage.output_tokens").count
_REASONING: Final = Attribute("gen_ai.usage.reasoning.output_tokens").count
_SEARCHES: Final = Attribute("anthropic.usage.server_tool_use.web_search_requests").count


def _usage(usage: Usage, said: list[bytes]) -> None:
    if usage.input_tokens is not None:
        said.append(_INPUT(usage.input_tokens))
    if usage.cache_read_tokens is not None:
        said.append(_CACHE_READ(usage.cache_read_tokens))
    if usage.cache_write_tokens is not None:
        said.append(_CACHE_WRITE(usage.cache_write_tokens))
    if usage.cache_write_5m_tokens is not None:
        said.append(_WRITE_5M(usage.cache_write_5m_tokens))
    if usage.cache_write_1h_tokens is not None:
        said.append(_WRITE_1H(usage.cache_write_1h_tokens))
    if usage.output_tokens is not None:
        said.append(_OUTPUT(usage.output_tokens))
    if usage.reasoning_tokens is not None:
        said.append(_REASONING(usage.reasoning_tokens))
    if usage.web_searches:
        said.append(_SEARCHES(usage.web_searches))


def _begun(source: str, trace: bytes, kind: str, key: str, parent: str | None) -> list[bytes]:
    span = [trace, b"\x12\x08", span_id(source, kind, key)]
    if parent is not None:
        span += (b"\x22\x08", _agent_id(source, parent))
    return span


@lru_cache(maxsize=64)
def _agent_id(source: str, key: str) -> bytes:
    return span_id(source, "agent", key)


def _timed(span: list[bytes], started_ns: int, ended_ns: int) -> None:
    span.append(times(7, started_ns, max(started_ns, ended_ns)))


@lru_cache(maxsize=4096)
def _named(name: str) -> bytes:
    return field(5, clean(name))


@lru_cache(maxsize=4096)
def _labels(operation: str, model: str | None, labels: tuple[str | None, ...]) -> bytes:
    """The name of a call's span and what few calls say differently, encoded once."""
    said = [_named(f"{operation} {model}" if model else operation), CLIENT, _OPERATION.label(operation)]
    said += [attribute.label(value) for value, attribute in zip(labels, _LABELS, strict=True) if value is not None]
    return b"".join(said)


_LABELS: Final = (_PROVIDER, _ASKED, _MODEL, _AGENT, _TIER, _SPEED, _RESIDENCY, _REGION, _FINISH, _ERROR, _PLAN)


def _call(source: str, trace: bytes, call: Call) -> bytes:
    span = _begun(source, trace, "call", call.key, call.parent)
    _timed(span, call.started_ns, call.ended_ns)
    labels = (
        call.provider, call.asked_model, call.model, call.agent, call.service_tier, call.speed, call.residency,
        call.region, call.finish_reason, call.error, call.session.plan,
    )  # fmt: skip
    span.append(_labels(call.operation, call.model or call.asked_model, labels))
    if call.response_id is not None:
        span.append(_RESPONSE_ID.text(call.response_id))
    if call.request_id is not None:
        span.append(_REQUEST_ID.text(call.request_id))
    _usage(call.usage, span)
    if call.cost_usd is not None:
        span.append(_COST.number(float(call.cost_usd)))
    if call.first_chunk_s is not None:
        span.append(_FIRST_CHUNK.number(call.first_chunk_s))
    if call.partial:
        span.append(_PARTIAL.truth(True))
    if call.adds_up:
        span.append(_ADDS_UP.truth(True))
    if call.error is not None:
        span.append(FAILED)
    return b"".join(span)


@lru_cache(maxsize=4096)
def _tool_labels(name: str) -> bytes:
    return b"".join((_named(f"execute_tool {name}"), INTERNAL, _OPERATION.label("execute_tool"), _TOOL.label(name)))


def _tool(source: str, trace: bytes, tool: Tool) -> bytes:
    span = _begun(source, trace, "tool", tool.key, tool.parent)
    _timed(span, tool.started_ns, tool.ended_ns)
    span.append(_tool_labels(tool.name))
    if tool.call_id is not None:
        span.append(_TOOL_CALL.text(tool.call_id))
    if tool.error is not None:
        span += (_ERROR.label(tool.error), FAILED)
    return b"".join(span)


def _agent(source: str, trace: bytes, agent: Agent) -> bytes:
    span = _begun(source, trace, "agent", agent.key, agent.parent)
    span += (_named(f"invoke_agent {agent.name}"), INTERNAL)
    _timed(span, agent.started_ns, agent.ended_ns)
    span += (_OPERATION.label("invoke_agent"), _AGENT.label(agent.name))
    return b"".join(span)


def _prompt(source: str, trace: bytes, prompt: Prompt) -> bytes:
    span = _begun(source, trace, "prompt", prompt.key, None)
    span += (_named("prompt"), INTERNAL)
    _timed(span, prompt.at_ns, prompt.at_ns)
    span.append(_OPERATION.label("prompt"))
    if prompt.characters is not None:
        span.append(_CHARACTERS.count(prompt.characters))
    return b"".join(span)


def _quota(source: str, trace: bytes, quota: Quota) -> bytes:
    span = _begun(source, trace, "quota", f"{quota.name}\0{quota.at_ns}", None)
    span += (_named(f"quota {quota.name}"), INTERNAL)
    _timed(span, quota.at_ns, quota.at_ns)
    span += (_OPERATION.label("quota"), _QUOTA.label(quota.name), _USED.number(quota.used_percent))
    if quota.window_minutes is not None:
        span.append(_WINDOW.count(quota.window_minutes))
    if quota.resets_ns is not None:
        span.append(_RESETS.count(quota.resets_ns // 10**9))
    if quota.plan is not None:
        span.append(_QUOTA_PLAN.label(quota.plan))
    return b"".join(span)


ENCODERS: Final[dict[type, Callable[..., bytes]]] = {
    Call: _call,
    Tool: _tool,
    Agent: _agent,
    Prompt: _prompt,
    Quota: _quota,
}
"""Kind of record → its span: of the name of its source, the field of its trace, and the record."""
