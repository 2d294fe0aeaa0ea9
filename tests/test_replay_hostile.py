"""Hostile logs: whatever a file holds, every source comes to its end, counts what it skips, and takes the rest."""

import gzip
import json
import random
import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import zstandard

from spanledger.instrumentation.replay import log as of_log
from spanledger.instrumentation.replay.discovery import Found, given_logs
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.otlp_spans import Outgoing, is_sane
from spanledger.instrumentation.replay.positions import Task
from spanledger.instrumentation.replay.reading import BAD_CLOCK, read_logs
from spanledger.instrumentation.replay.records import Call, Record, Session, Usage
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.source import Source
from spanledger.instrumentation.replay.sources.claude_code import SOURCE as CLAUDE_CODE
from spanledger.instrumentation.replay.walking import Search
from tests.log_fixtures import LOGS, calls, copied
from tests.replaying import MACHINE, read, requests

DEEP = b'{"a":' * 900 + b"1" + b"}" * 900

CONTENTS: dict[str, bytes] = {
    "nothing": b"",
    "torn": b'{"type":"assistant","message":{"usage":{"input_to',
    "byte order mark and CRLF": b'\xef\xbb\xbf{"type":"user"}\r\n{}\r\n',
    "nulls": b'{"type":null,"message":null,"payload":null,"timestamp":null,"usage":null,"model":null}\n' * 3,
    "lists for objects": b'{"type":["x"],"message":[],"payload":[1],"timestamp":{},"data":"x","tokens":7,"usage":[]}\n',
    "texts for numbers": b'{"timestamp":"x","usage":{"input_tokens":"many"},"model":5,"id":true,"sessionId":[1]}\n',
    "foreign": b'{"event":"login","user":"ada","at":12}\n{"level":"info","msg":"started"}\n',
    "arrays": b"[1,2,3]\n[]\n",
    "no JSON": b"Lorem ipsum dolor sit amet\n" * 50,
    "UTF-16": '{"type":"assistant"}\n'.encode("utf-16"),
    "broken UTF-8": b'{"type":"assistant","model":"\xff\xfe\xfa"}\n{"type":"user","cwd":"\xc3"}\n',
    "lone surrogates": b'{"type":"assistant","sessionId":"\\ud800","model":"\\udfff"}\n',
    "NULs": b"\0" * 5000 + b'\n{"type":"user"}\n',
    "deep": DEEP + b"\n",
    "big numbers": b'{"timestamp":1e400,"usage":{"input_tokens":99999999999999999999999999,"output_tokens":-5}}\n',
    "an empty document": b"{}",
    "a document of nulls": b'{"messages":[null,{"tokens":null}],"sessions":null,"data":[null],"threads":[[]]}',
    "a header alone": b"date,model,tokens\n",
    "no SQLite after all": b"SQLite format 3\0" + b"\xff" * 4000,
    "no gzip after all": b"\x1f\x8b" + b"\xff" * 400,
    "no zstd after all": b"\x28\xb5\x2f\xfd" + b"\xff" * 400,
    "half a gzip": gzip.compress(b'{"type":"user"}\n' * 1000)[:40],
    "half a zstd": zstandard.compress(random.Random(1).randbytes(5000))[:2000],
}


def names_of(source: Source) -> list[str]:
    """File names that this source's places have, as examples."""
    return sorted({
        glob.rpartition("/")[2].replace("*", "x") for place in source.places for glob in place.globs
    } or {"x.jsonl"})[:4]  # fmt: skip


def taken(source: Source, path: Path) -> list[Record]:
    """What is read, and could be sent."""
    records = read(source, path)
    outgoing = Outgoing(MACHINE)
    for record in records:
        if is_sane(record):
            outgoing.add(source, record)
    outgoing.take()
    return records


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
@pytest.mark.parametrize("content", CONTENTS)
def test_nothing_that_a_file_holds_is_an_error(tmp_path: Path, source: Source, content: str):
    for name in names_of(source):
        path = tmp_path / name
        path.write_bytes(CONTENTS[content])
        source.recognises(path, CONTENTS[content][:8192])
        taken(source, path)


FIXTURES = sorted(folder.name for folder in LOGS.iterdir() if folder.is_dir())


def logs_of(folder: str, tmp_path: Path) -> list[Found]:
    return list(given_logs([str(copied(LOGS / folder, tmp_path))], SOURCES, Search()))


def scrambled(value: Any, chance: random.Random) -> Any:
    """JSON with some of its values replaced by what nobody expects there."""
    if chance.random() < 0.04:
        return chance.choice([None, [], {}, "", "x", -1, 1e300, True, 0, [None], {"a": None}, "2026", 10**18])
    if isinstance(value, dict):
        return {key: scrambled(inner, chance) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrambled(inner, chance) for inner in value]
    return value


@pytest.mark.parametrize("folder", FIXTURES)
def test_values_that_nobody_expects_spoil_nothing_else(tmp_path: Path, folder: str):
    chance = random.Random(folder)
    for found in logs_of(folder, tmp_path):
        content = found.path.read_bytes()
        for _ in range(12):
            try:
                if found.path.suffix == ".jsonl":
                    lines = [json.dumps(scrambled(json.loads(line), chance)) for line in content.splitlines() if line]
                    changed = "\n".join(lines).encode() + b"\n"
                else:
                    changed = json.dumps(scrambled(json.loads(content), chance)).encode()
            except ValueError:
                break  # no JSON: nothing to scramble
            found.path.write_bytes(changed)
            taken(found.source, found.path)


@pytest.mark.parametrize("folder", FIXTURES)
def test_a_file_cut_anywhere_is_read_as_far_as_it_goes(tmp_path: Path, folder: str):
    for found in logs_of(folder, tmp_path):
        content = found.path.read_bytes()
        for cut in range(0, len(content), max(1, len(content) // 15)):
            found.path.write_bytes(content[:cut])
            taken(found.source, found.path)


@pytest.mark.parametrize("folder", FIXTURES)
def test_lines_of_others_between_do_not_matter(tmp_path: Path, folder: str):
    for found in logs_of(folder, tmp_path):
        if found.path.suffix != ".jsonl" or found.source.name == "usage-jsonl":
            continue  # that one counts how many lines are its own
        wanted = taken(found.source, found.path)
        lines = found.path.read_bytes().splitlines(keepends=True)
        foreign = [
            b'{"event":"login"}\n',
            b"\xff\xfe\n",
            b"[]\n",
            b'{"torn\n',
            b"\n",
            b'{"type":null,"payload":null}\n',
        ]
        found.path.write_bytes(b"".join(line + foreign[number % 6] for number, line in enumerate(lines)))
        assert len(calls(taken(found.source, found.path))) == len(calls(wanted)), found.path


def test_lines_of_50_mb_are_read_and_longer_ones_skipped(tmp_path: Path, monkeypatch):
    path = tmp_path / "s.jsonl"
    answer = json.loads((LOGS / "claude-code/projects/-home-ada-shop/5f0c0a52-6a1e-4a7b-9d1e-0c2b7a9d4e11.jsonl")
                        .read_text("utf-8").splitlines()[3])  # fmt: skip
    for size, expected in ((50 << 20, 1), (70 << 20, 0)):
        answer["message"]["content"][0]["thinking"] = "x" * size
        path.write_text(json.dumps(answer) + "\n", "utf-8")
        log = Log(path)
        assert len(calls(read(CLAUDE_CODE, path, log))) == expected
        assert log.skipped == ({} if expected else {of_log.TOO_LONG: 1})


def found_log(path: Path) -> Found:
    told = path.stat()
    return Found(CLAUDE_CODE, path, told.st_size, told.st_mtime_ns, told.st_dev, told.st_ino)


def test_a_clock_of_1970_and_an_unreadable_file_are_counted_and_named(tmp_path: Path):
    line = {"type": "assistant", "timestamp": "1970-01-01T00:00:01.000Z", "sessionId": "s",
            "requestId": "req_000000000001",
            "message": {"id": "msg_0000000000001", "usage": {"input_tokens": 1, "output_tokens": 1}}}  # fmt: skip
    old, gone = tmp_path / "old.jsonl", tmp_path / "gone.jsonl"
    for path in (old, gone):
        path.write_text(json.dumps(line) + "\n", "utf-8")
    tasks = [Task(found_log(path), 0, {}) for path in (gone, old)]
    gone.unlink()
    (batch,) = read_logs(tasks)
    assert batch.exports == []
    assert {progress.path: dict(progress.skipped) for progress in batch.progress} == {
        str(gone): {"cannot be read: No such file or directory": 1},
        str(old): {BAD_CLOCK: 1},
    }


def test_records_of_a_clock_that_was_never_set_are_not_sent():
    session = Session("s")
    good, bad = (Call("k", session, at, at, Usage(1, output_tokens=1)) for at in (1_790_000_000 * 10**9, 1))
    assert [len(requests([(CLAUDE_CODE, [one])])) for one in (good, bad)] == [1, 0]


def test_ids_that_are_no_names_of_files_are_harmless(tmp_path: Path):
    for number, id_ in enumerate(("x" * 5000, "../" * 2000, "a/b", "\\udfff", "nul\\u0000")):
        path = tmp_path / f"agent-{number}.jsonl"
        path.write_text(f'{{"type":"user","sessionId":"{id_}"}}\n', "utf-8")
        for source in SOURCES:
            taken(source, path)


def test_a_locked_database_is_counted_and_left_for_the_next_time(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(of_log, "SQLITE_WAIT_S", 0.05)
    databases = [found for folder in ("goose", "opencode", "crush") for found in logs_of(folder, tmp_path)
                 if found.path.suffix == ".db"]  # fmt: skip
    assert databases
    for found in databases:
        with closing(sqlite3.connect(found.path)) as connection:
            connection.execute("pragma journal_mode = delete")
            connection.execute("begin exclusive")
            log = Log(found.path)
            assert calls(read(found.source, found.path, log)) == []
            assert log.skipped, found.source.name


def test_a_big_file_is_read_in_bounded_memory(tmp_path: Path):
    path = tmp_path / "s.jsonl"
    answer = (LOGS / "claude-code/projects/-home-ada-shop/5f0c0a52-6a1e-4a7b-9d1e-0c2b7a9d4e11.jsonl").read_bytes()
    with path.open("wb") as file:
        for number in range(400):
            file.write(answer.replace(b"req_011C", b"req_%04d" % number))
    batches = read_logs([Task(found_log(path), 0, {})], batch_records=100)
    assert all(sum(export.records for export in batch.exports) <= 110 for batch in islice(batches, 5))
