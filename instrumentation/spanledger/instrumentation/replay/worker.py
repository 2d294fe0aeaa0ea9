"""Processes that read logs while another one stores what is read: reading takes longer than storing.

On Linux each is a fork of the process that asks, as long as that has neither threads nor a ledger: it reads at once,
and shares what is imported. Elsewhere it is started as a module, gets its tasks on stdin and answers on stdout.
"""

import os
import pickle
import sys
import threading
from collections.abc import Iterator, Sequence
from queue import Queue
from typing import IO, Any, Final, Protocol

from spanledger.instrumentation.replay.positions import Task
from spanledger.instrumentation.replay.reading import BATCH_BYTES, BATCH_RECORDS, Batch, read_logs
from spanledger.instrumentation.replay.registry import NAMED
from spanledger.instrumentation.replay.run import ReadingFailed
from spanledger.instrumentation.replay.shares import shares

BATCHES_AHEAD: Final = 6
"""Batches that wait to be stored."""
PIECE_RECORDS: Final = BATCH_RECORDS // 4
"""Records of what is handed over at a time, so that no process waits for another one's full batch."""

NICE: Final = 5
"""Who stores what they read goes first: he has the longer way, and nothing is gained by batches that wait for him."""

_NO_FORK: Final = ("duckdb", "pyarrow", "grpc")
"""What has threads of its own, whose locks a fork would take along."""
_APART: Final[dict[str, Any]] = (
    {"creationflags": 0x200} if sys.platform == "win32" else {"process_group": 0}  # CREATE_NEW_PROCESS_GROUP
)
"""Ctrl-C is for the process that stores: it ends the others when it is done."""


class _Process(Protocol):
    """A process that reads its share of the tasks, and the end of the pipe on which its batches come."""

    batches: IO[bytes]

    def begin(self) -> None:
        """Hand the tasks over."""

    def wait(self, *, kill: bool = False) -> int:
        """Wait for its end, which is made first if `kill`; returns 0 if it was done."""


class Reader:
    """The batches of other processes, which begin at once: as full as those of one process, in any order."""

    def __init__(self, tasks: Sequence[Task], processes: int = 1) -> None:
        start = _Forked if _may_fork() else _Spawned
        self._processes: list[_Process] = []
        for share in shares(tasks, processes):
            self._processes.append(start(share, self._processes))
        self._batches: Queue[Batch | None] = Queue(BATCHES_AHEAD)
        # Threads come after the last fork.
        self._threads = [
            threading.Thread(target=self._receive, args=(one,), daemon=True) for one in self._processes
        ]  # fmt: skip
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Iterator[Batch]:
        """The batches as they come. Raises ReadingFailed, once all is given that was read."""
        whole, records, size = Batch([], [], []), 0, 0
        reading = len(self._processes)
        while reading:
            piece = self._batches.get()
            if piece is None:
                reading -= 1
                continue
            whole = Batch([*whole.exports, *piece.exports], whole.positions + piece.positions,
                          whole.progress + piece.progress)  # fmt: skip
            records += sum(export.records for export in piece.exports)
            size += sum(len(export.body) for export in piece.exports)
            if records >= BATCH_RECORDS or size >= BATCH_BYTES:
                yield whole
                whole, records, size = Batch([], [], []), 0, 0
        if whole.exports or whole.positions or whole.progress:
            yield whole
        codes = [process.wait() for process in self._processes]
        if any(codes):
            raise ReadingFailed("A process that reads the logs has ended: start the replay again.")

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        for process in self._processes:
            process.wait(kill=True)
        while any(thread.is_alive() for thread in self._threads):
            # The threads may wait for room.
            while not self._batches.empty():
                self._batches.get_nowait()
            for thread in self._threads:
                thread.join(0.01)
        for process in self._processes:
            process.batches.close()

    def _receive(self, process: _Process) -> None:
        done = False
        try:
            process.begin()
            while (batch := pickle.load(process.batches)) is not None:  # noqa: S301 - our own process wrote it
                self._batches.put(batch)
            done = True
        except (EOFError, OSError, pickle.UnpicklingError):
            pass  # its code tells
        finally:
            if not done:
                process.wait(kill=True)
            self._batches.put(None)


class _Forked:
    """A copy of this process."""

    def __init__(self, tasks: Sequence[Task], before: Sequence[_Process]) -> None:
        ours, theirs = os.pipe()
        self._lock = threading.Lock()
        self._code: int | None = None
        self._pid = os.fork()
        if self._pid:
            os.close(theirs)
            self.batches: IO[bytes] = os.fdopen(ours, "rb")
            return
        code = 1
        try:
            os.setpgid(0, 0)
            os.nice(NICE)
            os.close(ours)
            for one in before:
                one.batches.close()
            with os.fdopen(theirs, "wb") as batches:
                code = _code_of(tasks, batches)
        except BrokenPipeError:  # who asked is gone
            pass
        finally:
            # What the other process has open and registered is its own to end.
            os._exit(code)

    def begin(self) -> None:
        """It began as it was made."""

    def wait(self, *, kill: bool = False) -> int:
        """Wait for its end."""
        with self._lock:
            if self._code is None:
                if kill:
                    os.kill(self._pid, 9)
                self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            return self._code


class _Spawned:
    """A new interpreter that runs this module."""

    def __init__(self, tasks: Sequence[Task], _before: Sequence[_Process]) -> None:
        import subprocess

        self._tasks = [(found.source.name, tuple(found)[1:], offset, state) for found, offset, state in tasks]
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **_APART
        )
        assert self._process.stdout is not None
        self.batches: IO[bytes] = self._process.stdout

    def begin(self) -> None:
        """Write the tasks."""
        assert self._process.stdin is not None
        with self._process.stdin as tasks:
            pickle.dump(self._tasks, tasks)

    def wait(self, *, kill: bool = False) -> int:
        """Wait for its end."""
        if kill and self._process.poll() is None:
            self._process.kill()
        return self._process.wait()


def _may_fork() -> bool:
    return (
        sys.platform == "linux"
        and threading.active_count() == 1
        and not any(name in sys.modules for name in _NO_FORK)
    )  # fmt: skip


def _serve(tasks: Sequence[Task], batches: IO[bytes]) -> None:
    """Read the tasks and write the batches."""
    import gc

    gc.disable()  # nothing here makes circles; looking for them took a tenth of the time
    for batch in read_logs(tasks, batch_records=PIECE_RECORDS):
        pickle.dump(batch, batches, pickle.HIGHEST_PROTOCOL)
        batches.flush()
    pickle.dump(None, batches)
    batches.flush()


def _code_of(tasks: Sequence[Task], batches: IO[bytes]) -> int:
    """Serve; what went wrong is told before the pipe is closed, since whoever reads there ends this process then."""
    try:
        _serve(tasks, batches)
    except BrokenPipeError:
        raise
    except Exception:  # noqa: BLE001 - the process ends with it
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def serve(tasks: IO[bytes], batches: IO[bytes]) -> None:
    """Read what one end asks for, and answer at the other."""
    from spanledger.instrumentation.replay.discovery import Found

    asked = pickle.load(tasks)  # noqa: S301 - our own process wrote it
    _serve([Task(Found(NAMED[name], *found), offset, state) for name, found, offset, state in asked], batches)


if __name__ == "__main__":
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # who asked is gone
        sys.stderr.close()
        sys.exit(1)
