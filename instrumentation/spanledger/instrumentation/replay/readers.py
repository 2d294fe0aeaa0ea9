"""Readers: who reads the logs of a replay, this process or others."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from spanledger.instrumentation.replay.positions import Task
from spanledger.instrumentation.replay.registry import NAMED

if TYPE_CHECKING:
    from spanledger.instrumentation.replay.reading import Batch

WORKER_BYTES_MIN: Final = 16 << 20
"""Less is read before another process would be there to read it."""
READERS_MAX: Final = 2
"""Processes that read at a time: two read faster than one stores."""
READER_BYTES: Final = 32 << 20
"""As much again is worth another one."""


@contextmanager
def batches_of(tasks: Sequence[Task], size: int) -> Iterator[Iterable["Batch"]]:
    """The batches of the tasks: read by other processes where there is much, and a processor for it."""
    ours = all(NAMED.get(task.found.source.name) is task.found.source for task in tasks)
    if size < WORKER_BYTES_MIN or not ours or (os.cpu_count() or 1) < 2:
        # Imported when there is something to read: with nothing new, importing takes longer than looking.
        from spanledger.instrumentation.replay.reading import read_logs

        yield read_logs(tasks)
        return
    from spanledger.instrumentation.replay.worker import Reader

    reader = Reader(tasks, min(READERS_MAX, 1 + size // READER_BYTES))
    try:
        yield reader
    finally:
        reader.close()
