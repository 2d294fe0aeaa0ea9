"""Positions: what was read is not read again, whatever happened to the file, and a kill at any moment costs nothing."""

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from spanledger.instrumentation.replay.discovery import Found
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.positions import Positions, position_of
from spanledger.instrumentation.replay.source import AGENT, Source
from spanledger.instrumentation.replay.sources.claude_code import SOURCE as CLAUDE_CODE
from spanledger.storage.ledger import Ledger
from tests.replaying import feed, read, requests

LINES = b"".join(b'{"number":%d,"filler":"%s"}\n' % (number, b"x" * 80) for number in range(40))
SOURCE = Source("test", "Test", AGENT, (), lambda log: iter(()))


def found(path: Path, source: Source = SOURCE) -> Found:
    told = path.stat()
    return Found(source, path, told.st_size, told.st_mtime_ns, told.st_dev, told.st_ino)


@pytest.fixture
def positions(tmp_path: Path):
    with closing(Positions(tmp_path / "positions.sqlite", "here")) as opened:
        yield opened


def read_whole(positions: Positions, path: Path) -> None:
    log = Log(path)
    list(log.lines())
    positions.save([position_of(found(path), log.offset, {"known": 1}, whole=True)])


def log_file(tmp_path: Path, content: bytes = LINES) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    return path


def left(positions: Positions, path: Path) -> tuple[int, dict[str, object]]:
    task = positions.resume(found(path))
    return task.offset, task.state


def test_what_was_read_is_known_until_more_is_written(positions: Positions, tmp_path: Path):
    path = log_file(tmp_path)
    assert not positions.is_read(found(path))
    read_whole(positions, path)
    assert positions.is_read(found(path))
    path.write_bytes(LINES + b"{}\n")
    assert not positions.is_read(found(path))
    assert left(positions, path) == (len(LINES), {"known": 1})


def test_they_are_kept_in_the_file_for_each_destination(positions: Positions, tmp_path: Path):
    path = log_file(tmp_path)
    read_whole(positions, path)
    with closing(Positions(tmp_path / "positions.sqlite", "here")) as again:
        assert again.is_read(found(path))
        assert left(again, path) == (len(LINES), {"known": 1})
    with closing(Positions(tmp_path / "positions.sqlite", "elsewhere")) as other:
        assert not other.is_read(found(path))


@pytest.mark.parametrize(
    "content",
    [LINES[:500], b"", b'{"other":1}\n' + LINES, LINES[:-50] + b"y" * 60],
    ids=["truncated", "emptied", "rotated", "rewritten before its end"],
)
def test_what_is_no_continuation_is_read_from_its_start(positions: Positions, tmp_path: Path, content: bytes):
    path = log_file(tmp_path)
    read_whole(positions, path)
    path.write_bytes(content)
    assert left(positions, path) == (0, {})


def test_a_renamed_file_is_read_on(positions: Positions, tmp_path: Path):
    path = log_file(tmp_path)
    read_whole(positions, path)
    renamed = path.rename(tmp_path / "log.jsonl.1")
    with renamed.open("ab") as file:
        file.write(b"{}\n")
    assert left(positions, renamed) == (len(LINES), {"known": 1})


def test_a_rotated_file_and_its_successor_are_told_apart(positions: Positions, tmp_path: Path):
    path = log_file(tmp_path)
    read_whole(positions, path)
    path.rename(tmp_path / "log.jsonl.1")
    log_file(tmp_path, b'{"new":1}\n')
    assert left(positions, path) == (0, {})


@pytest.mark.parametrize(("pack", "suffix"), [(gzip.compress, ".gz"), (zstandard.compress, ".zst")], ids=["gz", "zst"])
def test_a_compressed_file_is_read_on(positions: Positions, tmp_path: Path, pack, suffix: str):
    path = log_file(tmp_path)
    read_whole(positions, path)
    (tmp_path / "archived").mkdir()
    packed = tmp_path / "archived" / f"{path.name}{suffix}"
    packed.write_bytes(pack(LINES + b"{}\n"))
    path.unlink()
    task = positions.resume(found(packed))
    assert [line for _, line in Log(packed, offset=task.offset).lines()] == [b"{}"]


def test_a_copy_beside_its_original_is_read_whole(positions: Positions, tmp_path: Path):
    path = log_file(tmp_path)
    read_whole(positions, path)
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / path.name
    copy.write_bytes(LINES)
    assert left(positions, copy) == (0, {})


def test_a_file_that_is_not_read_to_its_end_is_read_on(positions: Positions, tmp_path: Path):
    path = log_file(tmp_path)
    positions.save([position_of(found(path), 93, {"half": True}, whole=False)])
    assert not positions.is_read(found(path))
    assert left(positions, path)[1] in ({"half": True}, {})


def test_what_is_read_with_a_log_makes_it_worth_reading_again(positions: Positions, tmp_path: Path):
    path = log_file(tmp_path)
    beside = tmp_path / "log.jsonl-wal"
    source = Source("test", "Test", AGENT, (), lambda log: iter(()), siblings=lambda path: (beside,))
    positions.save([position_of(found(path, source), 0, {}, whole=True)])
    assert positions.is_read(found(path, source))
    beside.write_bytes(b"more")
    assert not positions.is_read(found(path, source))


def test_a_damaged_file_costs_a_replay_from_the_start(tmp_path: Path):
    file = tmp_path / "positions.sqlite"
    file.write_bytes(b"no database at all" * 500)
    with closing(Positions(file, "here")) as positions:
        assert len(positions) == 0
        read_whole(positions, log_file(tmp_path))
    assert file.with_suffix(".damaged").exists()


def test_forgetting_reads_everything_again(positions: Positions, tmp_path: Path):
    path = log_file(tmp_path)
    read_whole(positions, path)
    positions.forget()
    assert not positions.is_read(found(path))


def test_nothing_of_a_save_that_fails_is_kept(positions: Positions, tmp_path: Path):
    path = log_file(tmp_path)
    good = position_of(found(path), 10, {}, whole=True)
    with pytest.raises(sqlite3.Error):
        positions.save([good, replace(good, head=None)])  # type: ignore[arg-type]
    assert not positions.is_read(found(path))


KILLED = textwrap.dedent("""
    import os, sys, time
    from pathlib import Path
    from spanledger.cli.replay_to import Destination, opened, positions_of
    from spanledger.instrumentation.replay.discovery import Search, given_logs
    from spanledger.instrumentation.replay.reading import read_logs
    from spanledger.instrumentation.replay.registry import SOURCES
    from spanledger.instrumentation.replay.run import Ages, replay, work_of
    to = Destination(Path(sys.argv[1]))
    with positions_of(to) as positions:
        work = work_of(given_logs([sys.argv[2]], SOURCES, Search()), positions, Ages(), time.time())
        with opened(to) as ship:
            print("ready", flush=True)
            def slowly(exports):
                taken = ship(exports)
                print(len(exports), flush=True)
                return taken
            replay(work, read_logs(work.tasks, batch_records=20), positions, slowly)
    print("done", flush=True)
""")


def transcripts(folder: Path) -> None:
    """Sessions of Claude Code with an answer in each line."""
    folder.mkdir()
    for session in range(6):
        lines = [
            {"type": "assistant", "sessionId": f"s{session}", "timestamp": f"2026-11-03T09:{number % 60:02}:00.000Z",
             "requestId": f"req_{session:04}{number:012}", "uuid": f"u{session}",
             "message": {"id": f"msg_{session:04}{number:012}", "model": "claude-sonnet-4-6", "content": [],
                         "usage": {"input_tokens": number, "output_tokens": 1}}}
            for number in range(60)
        ]  # fmt: skip
        (folder / f"s{session}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_killed_at_any_moment_it_loses_nothing_and_repeats_nothing(tmp_path: Path):
    logs, data = tmp_path / "logs", tmp_path / "data"
    transcripts(logs)
    command = [sys.executable, "-c", KILLED, str(data), str(logs)]
    for batches in (1, 5):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
            assert process.stdout is not None
            for _ in range(batches + 1):
                process.stdout.readline()
            time.sleep(0.002 * batches)  # into the commit or the positions that follow
            process.kill()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("done\n")
    with closing(Ledger.open_readonly(data)) as ledger, ledger.reader() as reader:
        (row,) = reader.query("select count(*) as calls, sum(input_tokens) as tokens from calls").to_pylist()
    assert (row["calls"], row["tokens"]) == (360, 6 * sum(range(60)))


def test_without_positions_a_replay_changes_nothing(tmp_path: Path):
    transcripts(tmp_path / "logs")
    with closing(Ledger.open(tmp_path / "data")) as ledger:
        group = [
            one
            for path in sorted((tmp_path / "logs").iterdir())
            for one in requests([(CLAUDE_CODE, read(CLAUDE_CODE, path))])
        ]
        feed(ledger, group, group)
        with ledger.reader() as reader:
            assert reader.query("select count(*) as calls from calls").to_pylist() == [{"calls": 360}]
