"""A process that reads logs while another one stores what is read: both take about as long.

It is started as a module, gets its tasks on stdin and answers with batches on stdout.
"""

import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from queue import Queue
from threading import Thread
from typing import IO, Any, Final

from spanledger.instrumentation.replay.positions import Task
from spanledger.instrumentation.replay.reading import Batch, read_logs
from spanledger.instrumentation.replay.registry import NAMED
from spanledger.instrumentation.replay.run import ReadingFailed

BATCHES_AHEAD: Final = 4
"""Batches that wait to be stored."""


_APART: Final[dict[str, Any]] = (
    {"creationflags": 0x200} if sys.platform == "win32" else {"process_group": 0}  # CREATE_NEW_PROCESS_GROUP
)
"""Ctrl-C is for the process that stores: it ends this one when it is done."""


class Reader:
    """The batches of another process, which begins at once."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **_APART
        )
        self._batches: Queue[Batch | None] = Queue(BATCHES_AHEAD)
        self._tasks = [(found.source.name, tuple(found)[1:], offset, state) for found, offset, state in tasks]
        self._thread = Thread(target=self._receive, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Batch]:
        """The batches as they come. Raises ReadingFailed."""
        while (batch := self._batches.get()) is not None:
            yield batch
        if self._process.wait():
            raise ReadingFailed("The process that reads the logs has ended: start the replay again.")

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._process.poll() is None:
            self._process.kill()
        while self._thread.is_alive():
            # The thread may wait for room.
            while not self._batches.empty():
                self._batches.get_nowait()
            self._thread.join(0.01)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _receive(self) -> None:
        tasks, batches = self._process.stdin, self._process.stdout
        assert tasks is not None
        assert batches is not None
        try:
            pickle.dump(self._tasks, tasks)
            tasks.close()
            while (batch := pickle.load(batches)) is not None:  # noqa: S301 - our own process wrote it
                self._batches.put(batch)
        except (EOFError, OSError, pickle.UnpicklingError):
            self._process.kill()
        self._batches.put(None)


def serve(tasks: IO[bytes], batches: IO[bytes]) -> None:
    """Read what one end asks for, and answer at the other."""
    from spanledger.instrumentation.replay.discovery import Found

    asked = pickle.load(tasks)  # noqa: S301 - our own process wrote it
    for batch in read_logs(Task(Found(NAMED[name], *found), offset, state) for name, found, offset, state in asked):
        pickle.dump(batch, batches)
        batches.flush()
    pickle.dump(None, batches)
    batches.flush()


if __name__ == "__main__":
    import gc

    gc.disable()  # nothing here makes circles; looking for them took a tenth of the time
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # who asked is gone
        sys.stderr.close()
        sys.exit(1)
