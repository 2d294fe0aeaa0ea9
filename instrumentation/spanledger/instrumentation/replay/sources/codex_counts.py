"""Codex' token counts: running totals that are repeated, reset, and copied by forks, as what each call added."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.json_lines import count, dig, inner, text
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Usage

Counts = tuple[int, ...]
"""Input, cached and written to the cache of it, output, reasoning of it."""

LATE_SHARE: Final = 50
"""A total that is lower by one part in so many, or by about what the last call added, is a late snapshot, no reset."""
PARENT_COUNTS_MAX: Final = 50_000
"""Counts of a parent that are remembered to tell its history in a fork."""
HEADS_MAX: Final = 64
"""Files of a folder whose beginnings are looked at for a parent that no name tells."""


def counts_of(usage: object) -> Counts | None:
    """A usage object as counts; None where there is none."""
    if not isinstance(usage, dict):
        return None
    asked = count(usage, "input_tokens") or 0
    cached = count(usage, "cached_input_tokens") or count(usage, "cache_read_input_tokens") or 0
    cached = min(cached, asked)
    written = min(count(usage, "cache_write_input_tokens") or 0, asked - cached)
    return asked, cached, written, count(usage, "output_tokens") or 0, count(usage, "reasoning_output_tokens") or 0


def usage_of(counts: Counts) -> Usage:
    """Counts as a usage: all of them are inclusive."""
    asked, cached, written, output, reasoning = counts
    return Usage(
        asked, min(cached, asked), min(written, asked), output_tokens=output, reasoning_tokens=min(reasoning, output)
    )


class Totals:
    """What each snapshot adds to those before it."""

    def __init__(self, state: dict[str, object]) -> None:
        self.total = _restored(state.get("total"))
        self.last = _restored(state.get("last"))
        self.resets = count(state, "resets") or 0

    def state(self) -> dict[str, object]:
        """What must be known to go on."""
        return {"total": self.total, "last": self.last, "resets": self.resets}

    def added(self, total: Counts | None, last: Counts | None, at_ns: int) -> Counts | None:
        """What a snapshot adds; None for one that adds nothing."""
        if total is None:
            if last is None or self.last == (*last, at_ns):
                return None
            self.last = (*last, at_ns)
            return _some(last)
        before = self.total
        if before is None:
            self.total = total
            return _some(last or total)  # what was before this file is told elsewhere
        if total == before:
            return None
        if all(now >= then for now, then in zip(total, before, strict=True)):
            self.total = total
            return _some(tuple(now - then for now, then in zip(total, before, strict=True)))
        lower = before[0] + before[3] - total[0] - total[3]
        step = (last[0] + last[3]) if last else 0
        if 0 <= lower <= max((before[0] + before[3]) // LATE_SHARE, step):
            return None
        self.total = total
        self.resets += 1
        return _some(last or total)

    def skip(self, total: Counts | None, last: Counts | None, at_ns: int) -> None:
        """Take a snapshot for one that was counted elsewhere."""
        if total is not None:
            self.total = total
        elif last is not None:
            self.last = (*last, at_ns)


def parents_counts(log: Log, thread_id: str) -> list[tuple[Counts | None, Counts | None]]:
    """The snapshots in the file of another thread, in order; none where it is not found."""
    path = _file_of(log.path, thread_id)
    if path is None:
        return []
    found = []
    for _, line in Log(path).objects(b"token_count"):
        info = dig(line, "payload.info")
        if isinstance(info, dict):
            found.append((counts_of(info.get("total_token_usage")), counts_of(info.get("last_token_usage"))))
            if len(found) >= PARENT_COUNTS_MAX:
                break
    return found


def _file_of(path: Path, thread_id: str) -> Path | None:
    """The rollout of a thread: by its name in the same tree, else by its first line in the same folder."""
    root = next((folder for folder in path.parents if folder.name in ("sessions", "archived_sessions")), path.parent)
    plain = "".join(character for character in thread_id if character.isalnum() or character in "-_")
    for folder in (path.parent, root):
        for found in folder.rglob(f"*{plain}*.jsonl*") if plain else ():
            if found != path:
                return found
    return next((one for one in _neighbours(path) if _thread(one) == thread_id), None)


def _neighbours(path: Path) -> Iterator[Path]:
    for number, found in enumerate(sorted(path.parent.glob("*.jsonl*"))):
        if number >= HEADS_MAX:
            return
        if found != path:
            yield found


def _thread(path: Path) -> str | None:
    try:
        for _, line in Log(path).objects():
            return text(inner(line, "payload"), "id") if line.get("type") == "session_meta" else None
    except OSError:
        return None
    return None


def _some(counts: Counts) -> Counts | None:
    return counts if any(counts) else None


def _restored(kept: object) -> Counts | None:
    return tuple(int(one) for one in kept) if isinstance(kept, list | tuple) else None
