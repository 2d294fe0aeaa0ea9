"""OpenRouter: activity by day (JSON or CSV), activity by generation (CSV), and records of single generations.

Reasoning is part of the completion; native counts are those that were billed; `usage` is US dollars (its references of
`/api/v1/activity` and `/api/v1/generation`, and the export of its activity page).
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.durations import of_milliseconds, seconds_of
from spanledger.instrumentation.replay.exported import exported
from spanledger.instrumentation.replay.json_lines import Object, count, money, number, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Bucket, Call, Record, Session, Usage
from spanledger.instrumentation.replay.source import SERVER, Source

_PROVIDER: Final = "openrouter"
_DAY_NS: Final = 86_400 * 10**9
_GROUPS: Final = ("model", "model_permaslug", "endpoint_id", "provider_name", "api_key", "user")


def _read(log: Log) -> Iterator[Record]:
    if log.head().lstrip(b"\xef\xbb\xbf \r\n")[:1] in (b"{", b"["):
        rows: Iterator[Object] = exported(log, "data")
    else:
        rows = (row for _, row in log.rows())
    for row in rows:
        name, at = text(row, "generation_id") or text(row, "id"), time_ns(row, "created_at")
        day = time_ns(row, "date")
        if name is not None and at is not None:
            yield _generation(row, name, at)
        elif day is not None and text(row, "model") is not None:
            yield _day(row, day)
        else:
            log.skip("neither a day's activity nor a generation")


def _day(row: Object, day: int) -> Bucket:
    return Bucket(
        "/".join((str(day), *(text(row, name) or "" for name in _GROUPS))), day, day + _DAY_NS,
        Usage(
            input_tokens=count(row, "prompt_tokens"), output_tokens=count(row, "completion_tokens"),
            reasoning_tokens=count(row, "reasoning_tokens"),
        ),
        model=text(row, "model_permaslug") or text(row, "model"), provider=_PROVIDER, cost_usd=money(row, "usage"),
        requests=count(row, "requests"),
    )  # fmt: skip


def _generation(row: Object, name: str, at: int) -> Call:
    def first(*names: str) -> int | None:
        return next((value for name in names if (value := count(row, name)) is not None), None)

    taken_ms = number(row, "generation_time_ms") or number(row, "generation_time") or 0.0
    first_ms = number(row, "time_to_first_token_ms") or number(row, "latency")
    return Call(
        name, _session(text(row, "session_id") or "", text(row, "user") or text(row, "external_user"),
                       text(row, "app_name")),
        at, at + of_milliseconds((first_ms or 0.0) + taken_ms),
        Usage(
            input_tokens=first("native_tokens_prompt", "tokens_prompt"),
            cache_read_tokens=first("native_tokens_cached", "tokens_cached"),
            output_tokens=first("native_tokens_completion", "tokens_completion"),
            reasoning_tokens=first("native_tokens_reasoning", "tokens_reasoning"),
        ),
        model=text(row, "model_permaslug") or text(row, "model"), provider=_PROVIDER, response_id=name,
        cost_usd=_cost(row), finish_reason=text(row, "finish_reason_normalized") or text(row, "finish_reason"),
        first_chunk_s=seconds_of(first_ms),
        error="cancelled" if _said(row, "cancelled") else None,
    )  # fmt: skip


def _cost(row: Object) -> Decimal | None:
    for name in ("cost_total", "total_cost"):
        if (cost := money(row, name)) is not None:
            return cost
    return None


def _said(row: Object, key: str) -> bool:
    return row.get(key) is True or str(row.get(key)).lower() == "true"


@lru_cache(maxsize=1024)
def _session(name: str, user: str | None, application: str | None) -> Session:
    return Session(name, user=user, application=application)


def _recognises(path: Path, head: bytes) -> bool:
    return any(mark in head for mark in (b"model_permaslug", b"byok_usage_inference", b"native_tokens_prompt"))


SOURCE: Final = Source("openrouter", "OpenRouter activity and generations", SERVER, (), _read, _recognises)
