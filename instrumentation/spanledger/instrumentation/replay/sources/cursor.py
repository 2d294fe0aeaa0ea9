"""Cursor: what its dashboard exports as CSV, a row for every request; nothing on disk tells of tokens.

"Input (w/ Cache Write)" is what was written to the cache and "Input (w/o Cache Write)" the rest, beside "Cache Read":
three parts that do not overlap. "Cost" may be `Included`, `Free` or `-`.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.json_lines import count, money, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.providers import UNSAID
from spanledger.instrumentation.replay.records import Call, Record, Session, Usage
from spanledger.instrumentation.replay.repeats import Repeats
from spanledger.instrumentation.replay.source import AGENT, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens, whole_prompt

_PARTS: Final = ("Input (w/o Cache Write)", "Cache Read", "Input (w/ Cache Write)", "Output Tokens")
_INCLUDED: Final = frozenset({"included", "included in pro", "included in business", "included in ultra", "free"})
"""Kinds, or costs, of what the subscription pays."""


def _read(log: Log) -> Iterator[Record]:
    # Rows are always read from the first one on.
    log.state.clear()
    repeats = Repeats(log.state)
    for _, row in log.rows():
        at = time_ns(row, "Date")
        uncached, read, write, output = (_count(row, name) for name in _PARTS)
        usage = Usage(
            input_tokens=whole_prompt(uncached, read, write),
            cache_read_tokens=read,
            cache_write_tokens=write,
            output_tokens=output,
        )
        if at is None or "Model" not in row:
            log.skip("row without a date or a model")
        elif not has_tokens(usage):
            log.skip("row without counts of tokens")
        else:
            kind, cost = text(row, "Kind") or "", text(row, "Cost") or ""
            key = "/".join(
                (str(at), text(row, "User") or "", row["Model"], kind, *(row.get(name, "") for name in _PARTS))
            )
            plan = "cursor" if {kind.lower(), cost.lower()} & _INCLUDED else None
            yield Call(
                repeats.numbered(at, key), _session(text(row, "User"), plan), at, at, usage, model=text(row, "Model"),
                provider=UNSAID, cost_usd=money(row, "Cost"), error="error" if _failed(kind) else None,
            )  # fmt: skip


def _failed(kind: str) -> bool:
    return kind.lower().startswith(("errored", "aborted"))


def _count(row: Mapping[str, str], name: str) -> int | None:
    return count({"it": row.get(name, "").replace(",", "")}, "it")


@lru_cache(maxsize=256)
def _session(user: str | None, plan: str | None) -> Session:
    return Session("", user=user, plan=plan)


def _recognises(path: Path, head: bytes) -> bool:
    return b"Input (w/o Cache Write)" in head


SOURCE: Final = Source("cursor", "Cursor usage export", AGENT, (), _read, _recognises)
