"""Anthropic's usage and cost reports: pages of its Admin API, and the Console's CSV files.

Sums over a minute, an hour or a day. Input leaves the cache out; amounts are cents (references of
`/v1/organizations/usage_report/messages`, `/usage_report/claude_code` and `/cost_report`), those of the CSV dollars.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.exported import exported
from spanledger.instrumentation.replay.json_lines import Object, count, items, money, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Bucket, Record, Usage
from spanledger.instrumentation.replay.source import SERVER, Source
from spanledger.instrumentation.replay.usage_sums import whole_prompt

_PROVIDER: Final = "anthropic"
_DAY_NS: Final = 86_400 * 10**9

_GROUPS: Final = (
    "model", "service_tier", "context_window", "inference_geo", "speed", "workspace_id", "api_key_id", "account_id",
    "service_account_id", "description", "cost_type", "token_type",
)  # fmt: skip
_CSV_GROUPS: Final = (
    "model_version", "model", "api_key", "workspace", "usage_type", "context_window", "token_type", "cost_type",
    "inference_geo", "speed",
)  # fmt: skip


def _read(log: Log) -> Iterator[Record]:
    if log.head().lstrip(b"\xef\xbb\xbf \r\n")[:1] in (b"{", b"["):
        for found in exported(log, "data"):
            yield from _page(log, found)
        return
    for _, row in log.rows():
        yield from _row(log, row)


def _page(log: Log, found: Object) -> Iterator[Bucket]:
    started, ended = time_ns(found, "starting_at"), time_ns(found, "ending_at")
    day = time_ns(found, "date")
    if started is not None and ended is not None:
        for result in items(found, "results"):
            yield _of_report(result, started, ended)
    elif day is not None and "model_breakdown" in found:
        for used in items(found, "model_breakdown"):
            yield _of_claude_code(found, used, day)
    else:
        log.skip("neither usage nor costs")


def _of_report(result: Object, started: int, ended: int) -> Bucket:
    cents = money(result, "amount")
    return Bucket(
        "/".join((str(started), str(ended), *(text(result, name) or "" for name in _GROUPS))), started, ended,
        _usage({
            "uncached": count(result, "uncached_input_tokens"), "read": count(result, "cache_read_input_tokens"),
            "5m": count(result, "cache_creation.ephemeral_5m_input_tokens"),
            "1h": count(result, "cache_creation.ephemeral_1h_input_tokens"),
            "output": count(result, "output_tokens"),
            "searches": count(result, "server_tool_use.web_search_requests"),
        }),
        model=text(result, "model"), provider=_PROVIDER,
        cost_usd=None if cents is None or (text(result, "currency") or "USD") != "USD" else cents / 100,
        project=text(result, "workspace_id"), user=text(result, "api_key_id") or text(result, "account_id"),
    )  # fmt: skip


def _of_claude_code(found: Object, used: Object, day: int) -> Bucket:
    who = text(found, "actor.email_address") or text(found, "actor.api_key_name")
    parts = (str(day), who, text(found, "terminal_type"), text(found, "customer_type"), text(used, "model"))
    cents = money(used, "estimated_cost.amount")
    write = count(used, "tokens.cache_creation")
    read, uncached = count(used, "tokens.cache_read"), count(used, "tokens.input")
    return Bucket(
        "/".join(part or "" for part in parts), day, day + _DAY_NS,
        Usage(
            input_tokens=whole_prompt(uncached, read, write), cache_read_tokens=read, cache_write_tokens=write,
            output_tokens=count(used, "tokens.output"),
        ),
        model=text(used, "model"), provider=_PROVIDER, cost_usd=None if cents is None else cents / Decimal(100),
        user=who,
    )  # fmt: skip


def _row(log: Log, row: Mapping[str, str]) -> Iterator[Bucket]:
    """A row of the Console's CSV of usage or of costs, of one day."""
    day = time_ns(row, "usage_date_utc")
    if day is None:
        log.skip("row without a day")
        return
    yield Bucket(
        "/".join((str(day), *(text(row, name) or "" for name in _CSV_GROUPS))), day, day + _DAY_NS,
        _usage({
            "uncached": count(row, "usage_input_tokens_no_cache"), "read": count(row, "usage_input_tokens_cache_read"),
            "5m": count(row, "usage_input_tokens_cache_write_5m"),
            "1h": count(row, "usage_input_tokens_cache_write_1h"), "output": count(row, "usage_output_tokens"),
            "searches": count(row, "web_search_count"),
        }),
        model=text(row, "model_version") or text(row, "model"), provider=_PROVIDER, cost_usd=money(row, "cost_usd"),
        project=text(row, "workspace"), user=text(row, "api_key"),
    )  # fmt: skip


def _usage(parts: Mapping[str, int | None]) -> Usage:
    read, short, long = parts["read"], parts["5m"], parts["1h"]
    return Usage(
        input_tokens=whole_prompt(parts["uncached"], read, short, long),
        cache_read_tokens=read,
        cache_write_tokens=whole_prompt(short, long),
        cache_write_5m_tokens=short,
        cache_write_1h_tokens=long,
        output_tokens=parts["output"],
        web_searches=parts["searches"],
    )


def _recognises(path: Path, head: bytes) -> bool:
    return (
        (b'"starting_at"' in head and b'"results"' in head)
        or b'"model_breakdown"' in head
        or (b"usage_date_utc" in head)
    )


SOURCE: Final = Source("anthropic-usage", "Anthropic usage and costs", SERVER, (), _read, _recognises)
