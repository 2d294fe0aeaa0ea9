"""Cowork in Claude Desktop: the audit log beside the transcripts of each session, `local_…/audit.jsonl`.

It repeats what Claude Code streamed: answers as they began, whose counts are not the final ones, and after each turn
what all models of the session used until then (`modelUsage`; recorded with Claude Code 2.1.330: it grows over resumed
runs). The calls are in the transcripts below the same folder, which the source of Claude Code reads; these sums, which
name no call, are compared with them. Newer versions keep the same sums in the transcript (`cost-state`): there they are
told of once, by it.
"""

from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.json_lines import Object, count, inner, money, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Bucket, Record, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.usage_sums import whole_prompt

NAME: Final = "audit.jsonl"
SUMS: Final = b'"modelUsage"'
TRANSCRIPTS_SUMS: Final = b'"cost-state"'
_TIMES: Final = ("_audit_timestamp", "timestamp")
_NS_PER_MS: Final = 1_000_000
_PROVIDER: Final = "anthropic"


def _read(log: Log) -> Iterator[Record]:
    for _, line in log.objects(SUMS):
        log.mark()
        if text(line, "type") != "result":
            continue
        at = next((found for name in _TIMES if (found := time_ns(line, name)) is not None), None)
        session = text(line, "session_id") or text(line, "sessionId")
        if at is None or session is None:
            log.skip("sums without a time or a session")
            continue
        if _has_sums(log, session):
            log.skip("sums that the transcript has, too")
            continue
        started = at - min(count(line, "duration_ms") or 0, at // _NS_PER_MS) * _NS_PER_MS
        for model, used in inner(line, "modelUsage").items():
            if isinstance(used, dict):
                yield _sum(log, session, model, used, started, at)


def _has_sums(log: Log, session: str) -> bool:
    """Whether the session's transcript keeps sums of its own."""
    if session not in log.state:
        log.state[session] = any(
            TRANSCRIPTS_SUMS in line
            for transcript in (log.path.parent / ".claude" / "projects").glob(f"*/{escape(session)}.jsonl")
            for _, line in Log(transcript).lines()
        )
    return log.state[session] is True


def _sum(log: Log, session: str, model: str, used: Object, started: int, at: int) -> Bucket:
    """What a model used in a session, since the beginning or since the counts began anew."""
    read, written = count(used, "cacheReadInputTokens"), count(used, "cacheCreationInputTokens")
    usage = Usage(
        input_tokens=whole_prompt(count(used, "inputTokens"), read, written),
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=count(used, "outputTokens"),
        reasoning_tokens=count(used, "thinkingTokens"),
    )
    series = f"{session}/{model}"
    whole = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    run, since, before = _known(log.state.get(series)) or (0, started, 0)
    if whole < before:
        run, since = run + 1, started
    log.state[series] = [run, since, whole]
    return Bucket(
        f"{series}/{run}", since, at, usage,
        # A suffix says how large the context may be: claude-opus-4-6[1m].
        model=text(used, "canonicalModel") or model.partition("[")[0], provider=_PROVIDER,
        cost_usd=money(used, "costUSD"), session=session,
    )  # fmt: skip


def _known(kept: object) -> tuple[int, int, int] | None:
    match kept:
        case [int(run), int(since), int(whole)]:
            return run, since, whole
    return None


def _recognises(path: Path, head: bytes) -> bool:
    return path.name == NAME and (b'"_audit_' in head or b'"session_id"' in head)


SOURCE: Final = Source(
    name="claude-cowork",
    title="Claude Cowork",
    kind=AGENT,
    places=(
        Place(
            globs=(f"local-agent-mode-sessions/**/{NAME}",),
            defaults={
                "linux": ("~/.config/Claude",),
                "darwin": ("~/Library/Application Support/Claude",),
                "win32": ("$APPDATA/Claude", "$LOCALAPPDATA/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude"),
            },
        ),
    ),
    read=_read,
    recognises=_recognises,
    # Its lines look like those of a transcript.
    specific=2,
    sums_of="claude-code",
)
"""The audit logs of Cowork: sums to reconcile the transcripts with, never calls."""
