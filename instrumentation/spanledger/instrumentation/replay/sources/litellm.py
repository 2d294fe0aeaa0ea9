"""LiteLLM's spend logs: rows of its table as JSON, and the payloads that it writes to object stores (1.80 to 1.109).

`prompt_tokens` contain the cached ones; a row that the proxy answered from its own cache is no call of a vendor. Its
ids are its own as often as they are the vendor's.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import orjson

from spanledger.instrumentation.replay.exported import exported
from spanledger.instrumentation.replay.json_lines import Object, count, inner, money, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Record, Session, Usage
from spanledger.instrumentation.replay.source import SERVER, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens

_OPERATIONS: Final = {
    "completion": "chat", "acompletion": "chat", "text_completion": "text_completion", "anthropic_messages": "chat",
    "atext_completion": "text_completion", "responses": "chat", "aresponses": "chat", "embedding": "embeddings",
    "aembedding": "embeddings", "rerank": "rerank", "arerank": "rerank", "image_generation": "image_generation",
    "aimage_generation": "image_generation", "speech": "speech", "aspeech": "speech", "transcription": "transcription",
    "atranscription": "transcription", "generate_content": "chat", "agenerate_content": "chat",
}  # fmt: skip
"""Its names of kinds of calls → operations."""

_READ: Final = ("cache_read_input_tokens", "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens")
_WRITE: Final = (
    "cache_creation_input_tokens", "prompt_tokens_details.cache_creation_tokens",
    "prompt_tokens_details.cache_write_tokens",
)  # fmt: skip
_REASONING: Final = ("completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens")
_SPLIT: Final = "prompt_tokens_details.cache_creation_token_details"


def _read(log: Log) -> Iterator[Record]:
    for row in exported(log, "data"):
        name = text(row, "request_id") or text(row, "id")
        started, ended = time_ns(row, "startTime"), time_ns(row, "endTime")
        if name is None or started is None or "call_type" not in row:
            log.skip("not a row of LiteLLM's spend logs")
        elif _said(row, "cache_hit").lower() == "true":
            log.skip("answered from the proxy's cache")
        elif _said(row, "call_type") not in _OPERATIONS:
            log.skip("not a call of a model")
        else:
            yield _call(row, name, started, max(started, ended or started))


def _call(row: Object, name: str, started: int, ended: int) -> Call:
    about = _object(row, "metadata")
    counted = inner(about, "usage_object")
    usage = Usage(
        input_tokens=count(row, "prompt_tokens"),
        cache_read_tokens=_first(counted, _READ),
        cache_write_tokens=_first(counted, _WRITE),
        cache_write_5m_tokens=count(counted, f"{_SPLIT}.ephemeral_5m_input_tokens"),
        cache_write_1h_tokens=count(counted, f"{_SPLIT}.ephemeral_1h_input_tokens"),
        output_tokens=count(row, "completion_tokens"),
        reasoning_tokens=_first(counted, _REASONING),
        web_searches=count(counted, "server_tool_use.web_search_requests"),
    )
    failed = "fail" in (_said(row, "status") or _said(about, "status")).lower()
    first = time_ns(row, "completionStartTime")
    model = text(row, "model")
    return Call(
        name, _session(text(row, "session_id") or text(row, "trace_id") or "", _user(row, about), _team(row, about)),
        started, ended, usage if has_tokens(usage) or not failed else Usage(),
        # The whole name, "bedrock/…" or not: the provider has a field of its own.
        model=model.removeprefix(f"{text(row, 'custom_llm_provider')}/") if model else None,
        asked_model=text(row, "model_group"), provider=text(row, "custom_llm_provider"),
        operation=_OPERATIONS[_said(row, "call_type")], response_id=name, vendor_ids=False,
        request_id=_vendors_request(row, about),
        cost_usd=money(row, "spend") if "spend" in row else money(row, "response_cost"),
        service_tier=text(counted, "service_tier"),
        error=(text(about, "error_information.error_code") or _class(row, about) or "error") if failed else None,
        first_chunk_s=(first - started) / 1e9 if first is not None and started <= first < ended else None,
    )  # fmt: skip


def _vendors_request(row: Object, about: Object) -> str | None:
    """The id of the request that the vendor answered with, by which the client's own log knows the call."""
    for found in (row, about):
        headers = inner(found, "hidden_params.additional_headers")
        for name in ("llm_provider-request-id", "llm_provider-x-request-id", "llm_provider-x-amzn-requestid"):
            if told := text(headers, name):
                return told
    return None


def _class(row: Object, about: Object) -> str | None:
    return text(about, "error_information.error_class") or text(row, "error_information.error_class")


def _user(row: Object, about: Object) -> str | None:
    return text(row, "end_user") or text(row, "user") or text(about, "user_api_key_user_id")


def _team(row: Object, about: Object) -> str | None:
    return text(about, "user_api_key_team_alias") or text(row, "team_id")


@lru_cache(maxsize=1024)
def _session(name: str, user: str | None, team: str | None) -> Session:
    return Session(name, user=user, team=team)


def _object(row: Object, key: str) -> Object:
    """An object, or the text of one: exports of a table write columns of JSON either way."""
    value = row.get(key)
    if not isinstance(value, str):
        return inner(row, key)
    try:
        return inner({key: orjson.loads(value)}, key)
    except orjson.JSONDecodeError:
        return {}


def _first(found: Object, paths: tuple[str, ...]) -> int | None:
    return next((value for path in paths if (value := count(found, path)) is not None), None)


def _said(found: Object, key: str) -> str:
    """A text or a truth as text: exports differ in which it is."""
    value = found.get(key)
    return str(value) if isinstance(value, str | bool) else ""


def _recognises(path: Path, head: bytes) -> bool:
    return b'"call_type"' in head and (b'"startTime"' in head or b'"custom_llm_provider"' in head)


SOURCE: Final = Source("litellm", "LiteLLM spend logs", SERVER, (), _read, _recognises)
