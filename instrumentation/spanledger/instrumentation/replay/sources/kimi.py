"""Kimi CLI: a log of what it sent to its user interface, in which each step of a turn tells its tokens.

Input is what was neither read from nor written to the cache. The model is not said (wire log of Kimi CLI 1.x).
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.json_lines import count, inner, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Prompt, Record, Session, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens, whole_prompt

_PROVIDER: Final = "moonshot_ai"


def _read(log: Log) -> Iterator[Record]:
    session = _session(log.path.absolute().parent.name)
    for _, line in log.objects(b"StatusUpdate", b"TurnBegin"):
        log.mark()
        at, kind, payload = time_ns(line, "timestamp"), text(line, "message.type"), inner(line, "message.payload")
        if at is None:
            log.skip("line without a time")
            continue
        if kind == "TurnBegin":
            yield Prompt(f"{session.id}/{at}", session, at, len(text(payload, "user_input") or "") or None)
            continue
        used = inner(payload, "token_usage")
        read, write = count(used, "input_cache_read"), count(used, "input_cache_creation")
        usage = Usage(
            input_tokens=whole_prompt(count(used, "input_other"), read, write),
            cache_read_tokens=read,
            cache_write_tokens=write,
            output_tokens=count(used, "output"),
        )
        if kind == "StatusUpdate" and has_tokens(usage):
            name = text(payload, "message_id")
            yield Call(
                f"{session.id}/{name or at}", session, at, at, usage, provider=_PROVIDER, response_id=name,
            )  # fmt: skip


@lru_cache(maxsize=64)
def _session(name: str) -> Session:
    return Session(name)


def _recognises(path: Path, head: bytes) -> bool:
    return path.name == "wire.jsonl" and b'"message"' in head


SOURCE: Final = Source(
    "kimi-cli",
    "Kimi CLI",
    AGENT,
    (Place(("sessions/**/wire.jsonl",), {"*": ("~/.kimi",)}, ("KIMI_SHARE_DIR",)),),
    _read,
    _recognises,
)
