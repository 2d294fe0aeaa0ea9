"""The replay: read, ship, and only then write down; by another process where there is much."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from spanledger.instrumentation.replay import readers
from spanledger.instrumentation.replay.discovery import Found, given_logs
from spanledger.instrumentation.replay.otlp_spans import Export
from spanledger.instrumentation.replay.positions import Positions, Task
from spanledger.instrumentation.replay.readers import batches_of
from spanledger.instrumentation.replay.reading import Batch, read_logs
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.run import (
    Ages,
    ReadingFailed,
    Summary,
    Work,
    delete_shipped,
    replay,
    work_of,
)
from spanledger.instrumentation.replay.walking import Search
from spanledger.instrumentation.replay.worker import Reader
from tests.log_fixtures import LOGS

NOW_S = 2_000_000_000.0


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LOGS / "claude-code", tmp_path / "logs"))


@pytest.fixture
def positions(tmp_path: Path) -> Iterator[Positions]:
    with closing(Positions(tmp_path / "positions.sqlite", "here")) as opened:
        yield opened


def work(logs: Path, positions: Positions, ages: Ages | None = None) -> Work:
    return work_of(given_logs([str(logs)], SOURCES, Search()), positions, ages or Ages(), NOW_S)


def carried(logs: Path, positions: Positions, shipped: list[Export]) -> Summary:
    """Replay and keep what was shipped."""

    def ship(exports: Sequence[Export]) -> Callable[[], int]:
        shipped.extend(exports)
        return lambda: 0

    todo = work(logs, positions)
    return replay(todo, read_logs(todo.tasks, batch_records=3), positions, ship)


def test_what_is_read_is_counted_by_source_and_kind(logs: Path, positions: Positions):
    shipped: list[Export] = []
    summary = carried(logs, positions, shipped)
    assert summary.sources["claude-code"].files == 5
    assert summary.sources["claude-code"].new == 5
    assert summary.count("Call") == 8
    assert summary.size == summary.total_size == sum(path.stat().st_size for path in logs.rglob("*.jsonl"))
    assert len(summary.read) == 5
    again: list[Export] = []
    assert carried(logs, positions, again).count("Call") == 0
    assert again == []


def test_nothing_is_written_down_before_it_is_shipped(logs: Path, positions: Positions):
    class NotDelivered(Exception):
        pass

    def ship(exports: Sequence[Export]) -> Callable[[], int]:
        raise NotDelivered

    todo = work(logs, positions)
    with pytest.raises(NotDelivered):
        replay(todo, read_logs(todo.tasks), positions, ship)
    assert len(positions) == 0
    assert len(work(logs, positions).tasks) == 5


class Told:
    """Ships, and writes down when what happened: `positions` are those that were written down by then."""

    def __init__(self, positions: Positions) -> None:
        self.positions = positions
        self.events: list[tuple[str, int, int]] = []

    def ship(self, exports: Sequence[Export]) -> Callable[[], int]:
        number = sum(what == "shipped" for what, *_ in self.events)
        self.events.append(("shipped", number, len(self.positions)))

        def durable() -> int:
            self.events.append(("durable", number, len(self.positions)))
            return 0

        return durable


def test_a_batch_is_shipped_while_the_one_before_is_stored(logs: Path, positions: Positions):
    told = Told(positions)
    todo = work(logs, positions)
    batches = list(read_logs(todo.tasks, batch_records=3))
    replay(todo, batches, positions, told.ship)
    order = [(what, number) for what, number, _ in told.events]
    last = len(batches) - 1
    assert order == [
        ("shipped", 0), *(step for at in range(1, last + 1) for step in (("shipped", at), ("durable", at - 1))),
        ("durable", last),
    ]  # fmt: skip
    assert [known for what, _, known in told.events if what == "durable"][:2] == [0, len(batches[0].positions)]
    assert len(positions) == 5


def test_what_was_shipped_before_the_reading_failed_is_written_down(logs: Path, positions: Positions):
    told = Told(positions)
    todo = work(logs, positions)
    batches = list(read_logs(todo.tasks, batch_records=3))

    def failing() -> Iterator[Batch]:
        yield from batches[:-1]
        raise ReadingFailed("it ended")

    with pytest.raises(ReadingFailed):
        replay(todo, failing(), positions, told.ship)
    assert told.events[-1][:2] == ("durable", len(batches) - 2)
    assert 0 < len(positions) < 5


def test_records_that_are_not_taken_are_counted(logs: Path, positions: Positions):
    todo = work(logs, positions)
    assert replay(todo, read_logs(todo.tasks), positions, lambda exports: lambda: 2).rejected == 2


def test_the_oldest_file_comes_first(logs: Path, positions: Positions):
    for number, path in enumerate(sorted(logs.rglob("*.jsonl"), reverse=True)):
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    times = [task.found.modified_ns for task in work(logs, positions).tasks]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("ages", "admitted"),
    [
        (Ages(), True),
        (Ages(least_s=90), True),
        (Ages(least_s=110), False),
        (Ages(most_s=110), True),
        (Ages(most_s=90), False),
    ],
)
def test_files_of_an_age(tmp_path: Path, ages: Ages, admitted: bool):
    assert ages.admit(Found(SOURCES[0], tmp_path, 0, int((NOW_S - 100) * 10**9), 0, 0), NOW_S) is admitted


def test_a_file_that_changed_since_it_was_read_is_not_deleted(logs: Path, positions: Positions):
    summary = carried(logs, positions, [])
    changed = summary.read[0].path
    with changed.open("ab") as file:
        file.write(b"\n")
    gone = summary.read[1].path
    gone.unlink()
    deleted = delete_shipped(summary)
    assert len(deleted) == 3
    assert changed.exists()
    assert list(summary.skipped) == ["cannot be deleted: No such file or directory"]


def tasks(logs: Path, positions: Positions) -> list[Task]:
    return work(logs, positions).tasks


def test_another_process_reads_the_same(logs: Path, positions: Positions, monkeypatch: pytest.MonkeyPatch):
    todo = tasks(logs, positions)
    here = list(read_logs(todo))
    monkeypatch.setattr(readers, "WORKER_BYTES_MIN", 0)
    monkeypatch.setattr(readers.os, "cpu_count", lambda: 2)
    with batches_of(todo, 1) as batches:
        assert isinstance(batches, Reader)
        there = list(batches)
    assert [batch.exports for batch in there] == [batch.exports for batch in here]
    assert [batch.positions for batch in there] == [batch.positions for batch in here]


def test_several_processes_read_the_same_records(logs: Path, positions: Positions, monkeypatch: pytest.MonkeyPatch):
    todo = tasks(logs, positions)
    (here,) = read_logs(todo)
    monkeypatch.setattr(readers, "WORKER_BYTES_MIN", 0)
    monkeypatch.setattr(readers, "READER_BYTES", 1)
    monkeypatch.setattr(readers.os, "cpu_count", lambda: 2)
    with batches_of(todo, 1000) as batches:
        (there,) = batches
    assert sum(export.records for export in there.exports) == sum(export.records for export in here.exports)
    assert {one.path: one for one in there.positions} == {one.path: one for one in here.positions}
    assert len(there.progress) == len(here.progress)


FORKED = """
import sys
import time
from pathlib import Path
from contextlib import closing
from spanledger.instrumentation.replay import worker
from spanledger.instrumentation.replay.discovery import given_logs
from spanledger.instrumentation.replay.positions import Task
from spanledger.instrumentation.replay.reading import read_logs
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.run import ReadingFailed
from spanledger.instrumentation.replay.walking import Search

how, folder = sys.argv[1:]
tasks = [Task(found, 0, {}) for found in given_logs([folder], SOURCES, Search())]
(here,) = read_logs(tasks)
if how == "failing":
    worker.read_logs = lambda tasks, batch_records: 1 / 0
    tell = sys.excepthook
    sys.excepthook = lambda *error: (time.sleep(0.2), tell(*error))  # who reads the pipe could have ended it by then
with closing(worker.Reader(tasks, 2)) as reader:
    assert all(isinstance(one, worker._Forked) for one in reader._processes), reader._processes
    if how == "leaving":
        sys.exit(0)
    try:
        (there,) = reader
    except ReadingFailed as error:
        sys.exit(str(error))
assert {one.path for one in there.positions} == {one.path for one in here.positions}
# A reader does not know what the other one has read: the ledger knows a copy that both tell of.
more = sum(one.records for one in there.exports) - sum(one.records for one in here.exports)
print("at least as many" if 0 <= more < 5 else more)
"""


def forked(how: str, logs: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKED, how, str(logs)], capture_output=True, text=True, timeout=60
    )


@pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
def test_forks_of_a_process_without_threads_read_the_same(logs: Path):
    done = forked("reading", logs)
    assert (done.returncode, done.stdout, done.stderr) == (0, "at least as many\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
def test_a_fork_that_fails_says_why_and_is_a_failure(logs: Path):
    done = forked("failing", logs)
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert done.stderr.endswith("A process that reads the logs has ended: start the replay again.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
def test_leaving_early_ends_the_forks(logs: Path):
    done = forked("leaving", logs)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_process_that_ends_early_is_a_failure_and_not_the_end(logs: Path, positions: Positions):
    reader = Reader(tasks(logs, positions))
    reader._processes[0].wait(kill=True)
    with closing(reader), pytest.raises(ReadingFailed, match="has ended: start the replay again"):
        list(reader)


def test_leaving_early_ends_the_processes(logs: Path, positions: Positions):
    reader = Reader(tasks(logs, positions) * 200, 2)
    reader.close()
    assert all(process.wait() for process in reader._processes)
