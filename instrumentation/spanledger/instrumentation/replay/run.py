"""The replay: what was written since the last time is read, shipped, and only then written down as read."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from spanledger.instrumentation.replay.discovery import Found
from spanledger.instrumentation.replay.positions import Positions, Task

if TYPE_CHECKING:
    from spanledger.instrumentation.replay.otlp_spans import Export
    from spanledger.instrumentation.replay.reading import Batch

Ship: TypeAlias = Callable[[Sequence["Export"]], Callable[[], int]]
"""Carries requests to where they are stored. What it returns waits until they are durable, and returns how many records
were not taken; meanwhile the next ones may be carried."""

UNDER_WAY_MAX: Final = 1
"""Batches that are being stored while the next one is prepared."""
EXAMPLES_MAX: Final = 20
"""Files that are named for each reason why something was skipped."""


class ReadingFailed(Exception):
    """The process that reads has ended before it was done; one sentence. What was shipped by then is written down."""


@dataclass(slots=True)
class OfSource:
    """What a replay found of one source. `files`: all that were found, `new`: those with something new in them."""

    files: int = 0
    new: int = 0
    records: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Summary:
    """What a replay did.

    `rejected`: records that were shipped and not taken. `skipped`: reason → file → how often. `read`: paths of files
    that were read to their end, with their sizes and times of change then.
    """

    sources: dict[str, OfSource] = field(default_factory=dict)
    skipped: dict[str, Counter[str]] = field(default_factory=dict)
    rejected: int = 0
    size: int = 0
    total_size: int = 0
    read: list[Found] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """How many records of a kind were read."""
        return sum(one.records[kind] for one in self.sources.values())

    def skip(self, reason: str, path: str, times: int = 1) -> None:
        """Count what was left out of a file."""
        self.skipped.setdefault(reason, Counter())[path] += times


@dataclass(frozen=True, slots=True)
class Ages:
    """How old a file must or may be by its last change, in seconds."""

    least_s: float | None = None
    most_s: float | None = None

    def admit(self, found: Found, now_s: float) -> bool:
        """Whether a file is of that age."""
        age_s = now_s - found.modified_ns / 10**9
        return (self.least_s is None or age_s >= self.least_s) and (self.most_s is None or age_s <= self.most_s)


@dataclass(slots=True)
class Work:
    """Logs with something new in them, oldest change first, so that originals come before their copies."""

    tasks: list[Task]
    summary: Summary


def work_of(logs: Iterable[Found], positions: Positions, ages: Ages, now_s: float) -> Work:
    """What there is to be read of the logs that were found."""
    summary = Summary()
    fresh = []
    for found in logs:
        of_source = summary.sources.setdefault(found.source.name, OfSource())
        of_source.files += 1
        if positions.is_read(found):
            continue
        if not ages.admit(found, now_s):
            summary.skip("not of the age that was asked for", str(found.path))
            continue
        of_source.new += 1
        fresh.append(found)
    fresh.sort(key=lambda found: (found.modified_ns, str(found.path)))
    tasks = []
    for found in fresh:
        try:
            task = positions.resume(found)
        except OSError as error:
            summary.skip(f"cannot be read: {error.strerror}", str(found.path))
            continue
        tasks.append(task)
        summary.total_size += max(0, found.size - task.offset)
    return Work(tasks, summary)


def replay(
    work: Work,
    batches: Iterable["Batch"],
    positions: Positions,
    ship: Ship,
    on_progress: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Ship all batches, and write down after each how far the logs were read. Raises what `ship` raises.

    Stopped at any moment, what was not written down is read again, and the ledger knows it.
    """
    summary = work.summary
    of_path = {str(task.found.path): task.found for task in work.tasks}

    def written_down(batch: "Batch", rejected: int) -> None:
        summary.rejected += rejected
        positions.save(batch.positions)
        for progress in batch.progress:
            summary.sources[progress.source].records.update(progress.records)
            summary.size += progress.size
            for reason, times in progress.skipped.items():
                summary.skip(reason, progress.path, times)
            if progress.done:
                summary.read.append(of_path[progress.path])
        on_progress(summary)

    under_way: deque[tuple[Batch, Callable[[], int]]] = deque()

    def settled(most: int) -> None:
        while len(under_way) > most:
            batch, durable = under_way.popleft()
            written_down(batch, durable())

    try:
        for batch in batches:
            under_way.append((batch, ship(batch.exports) if batch.exports else lambda: 0))
            settled(UNDER_WAY_MAX)
    except ReadingFailed:
        settled(0)
        raise
    settled(0)
    return summary


def delete_shipped(summary: Summary) -> list[Path]:
    """Delete the files that were read to their end, as far as nothing was written to them since; returns which."""
    deleted = []
    for found in summary.read:
        try:
            now = found.path.stat()
            if (now.st_size, now.st_mtime_ns, now.st_ino) == (found.size, found.modified_ns, found.inode):
                found.path.unlink()
                deleted.append(found.path)
        except OSError as error:
            summary.skip(f"cannot be deleted: {error.strerror}", str(found.path))
    return deleted
