"""Reading: logs in, export requests out, with how far each log was read by then. Memory stays bounded."""

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.otlp_spans import Export, Outgoing, is_sane
from spanledger.instrumentation.replay.positions import Position, Task, position_of

BATCH_RECORDS: Final = 22_528
"""Records of one batch: calls and tools alike are then enough to be written past the write-ahead log. With a third of
them a first replay took half as long again and 45 MB more."""
BATCH_BYTES: Final = 16 << 20

BAD_CLOCK: Final = "written by a clock that was never set"


@dataclass(slots=True)
class Progress:
    """What was read of one log since the last batch.

    `records`: kind → how many, without those that repeat earlier ones; `skipped`: reason → how often; `size`: bytes;
    `done`: the log is read to its end.
    """

    source: str
    path: str
    records: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    size: int = 0
    done: bool = False


@dataclass(slots=True)
class Batch:
    """Requests, and what may be written down of the logs when they are durable."""

    exports: Sequence[Export]
    positions: list[Position]
    progress: list[Progress]


def machine() -> str:
    """The name of this machine, as people call it."""
    return platform.node() or "unknown"


def read_logs(
    tasks: Iterable[Task], *, batch_records: int = BATCH_RECORDS, batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Read logs, one after the other, each from where it was left, in batches of about `batch_records` records."""
    outgoing = Outgoing(machine())
    positions: list[Position] = []
    progress: list[Progress] = []
    for found, offset, state in tasks:
        log = Log(found.path, offset=offset, state=state)
        now = Progress(found.source.name, str(found.path))
        progress.append(now)
        told, marked = offset, offset
        try:
            for record in found.source.read(log):
                if not is_sane(record):
                    now.skipped[BAD_CLOCK] += 1
                    continue
                if outgoing.add(found.source, record):
                    now.records[type(record).__name__] += 1
                if outgoing.records >= batch_records or outgoing.size >= batch_bytes:
                    if log.marked[0] > marked:
                        marked = log.marked[0]
                        positions.append(position_of(found, *log.marked, whole=False))
                    now.size, told = max(0, log.offset - told), max(told, log.offset)
                    yield Batch(outgoing.take(), positions, progress)
                    now = Progress(found.source.name, str(found.path))
                    positions, progress = [], [now]
            positions.append(position_of(found, log.offset, log.state, whole=True))
        except OSError as error:
            now.skipped[f"cannot be read: {error.strerror}"] += 1
        finally:
            log.close()
        now.skipped.update(log.skipped)
        now.size = max(0, found.size - told)
        now.done = True
    if outgoing.records or positions or progress:
        yield Batch(outgoing.take(), positions, progress)
