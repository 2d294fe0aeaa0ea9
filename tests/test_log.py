"""A log on disk: complete lines from where it was left, whatever is wrong with the rest of it."""

import gzip
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from spanledger.instrumentation.replay import log as of_log
from spanledger.instrumentation.replay.log import Log

LINES = b'{"a":1}\n{"b":2}\n{"c":3}\n'


def written(tmp_path: Path, content: bytes, name: str = "x.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def lines(log: Log) -> list[bytes]:
    return [line for _, line in log.lines()]


def test_lines_come_with_their_offsets_and_without_endings(tmp_path: Path):
    log = Log(written(tmp_path, b'\xef\xbb\xbf{"a":1}\r\n\n{"b":2}\n'))
    assert list(log.lines()) == [(3, b'{"a":1}'), (13, b'{"b":2}')]
    assert log.offset == 21


@given(
    st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\0", b"0").replace(b"\n", b"")), max_size=12),
    st.sampled_from([b"\n", b"\r\n"]),
    st.integers(1, 40),
)
def test_blocks_are_whole_lines_however_much_is_read_at_a_time(written_lines: list[bytes], ending: bytes, size: int):
    content = b'{"first":1}' + ending + b"".join(line + ending for line in written_lines)
    with TemporaryDirectory() as folder, patch.object(of_log, "CHUNK_BYTES", size):
        path = written(Path(folder), content)
        blocks = list(Log(path).blocks())
        told = list(Log(path).lines())
    assert b"".join(block for _, block in blocks) == content
    assert all(block.endswith(b"\n") and content[at:].startswith(block) for at, block in blocks)
    assert all(content[at:].startswith(line) and line for at, line in told)
    assert [line for _, line in told] == [
        line for one in content.split(b"\n") if (line := one[:-1] if one.endswith(b"\r") else one)
    ]


def test_a_last_object_without_an_ending_is_a_block(tmp_path: Path):
    path = written(tmp_path, b'\xef\xbb\xbf{"a":1}\n{"b":2}')
    log = Log(path)
    assert list(log.blocks()) == [(3, b'{"a":1}\n'), (11, b'{"b":2}')]
    assert log.offset == path.stat().st_size


def test_a_half_written_last_line_waits_until_it_is_whole(tmp_path: Path):
    path = written(tmp_path, b'{"a":1}\n{"b":')
    log = Log(path)
    assert lines(log) == [b'{"a":1}']
    path.write_bytes(b'{"a":1}\n{"b":2}\n')
    again = Log(path, offset=log.offset)
    assert lines(again) == [b'{"b":2}']
    assert not again.skipped


def test_a_last_object_needs_no_line_ending(tmp_path: Path):
    path = written(tmp_path, b'{"a":1}\n{"b":2}')
    log = Log(path)
    assert lines(log) == [b'{"a":1}', b'{"b":2}']
    path.write_bytes(b'{"a":1}\n{"b":2}\n{"c":3}\n')
    assert lines(Log(path, offset=log.offset)) == [b'{"c":3}']


@pytest.mark.parametrize(
    "pack", [lambda content: content, gzip.compress, zstandard.compress], ids=["plain", "gz", "zst"]
)
def test_a_log_is_read_on_where_it_was_left_compressed_or_not(tmp_path: Path, pack):
    path = written(tmp_path, pack(LINES), "whatever.name")
    assert lines(Log(path)) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    assert list(Log(path, offset=8).lines()) == [(8, b'{"b":2}'), (16, b'{"c":3}')]
    assert Log(path).hashes(16) == Log(written(tmp_path, LINES)).hashes(16)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gz", "zst"])
def test_of_damaged_compression_what_came_before_is_taken(tmp_path: Path, pack):
    content = b"".join(
        b'{"number":%d,"text":"%s"}\n' % (number, bytes(str(number**9), "ascii")) for number in range(60_000)
    )
    packed = pack(content)
    log = Log(written(tmp_path, packed[: len(packed) // 2]))
    assert 1000 < len(lines(log)) < 60_000
    assert [reason for reason in log.skipped if reason.startswith("compressed data is damaged")]


def test_a_line_that_is_too_long_is_skipped_and_the_rest_taken_in_bounded_memory(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(of_log, "LINE_BYTES_MAX", 4 << 20)
    path = tmp_path / "x.jsonl"
    with path.open("wb") as file:
        file.write(b'{"a":1}\n{"long":"')
        for _ in range(24):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n{"b":2}\n')
    log = Log(path)
    tracemalloc.start()
    found = list(log.lines())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [line for _, line in found] == [b'{"a":1}', b'{"b":2}']
    assert found[1][0] == path.stat().st_size - 8
    assert log.skipped == {of_log.TOO_LONG: 1}
    assert most < 12 << 20


@pytest.mark.parametrize("content", ['{"a":1}\n'.encode("utf-16"), b"\0" * 4096, "{}".encode("utf-16-le")])
def test_what_is_not_utf8_is_skipped_whole(tmp_path: Path, content: bytes):
    log = Log(written(tmp_path, content))
    assert lines(log) == []
    assert log.skipped == {of_log.NOT_UTF8: 1}


def test_objects_leave_out_what_is_none_and_count_it(tmp_path: Path):
    log = Log(written(tmp_path, b'{"a":1}\n{"torn\n[1]\n7\n{"b":2}\n'))
    assert [found for _, found in log.objects()] == [{"a": 1}, {"b": 2}]
    assert log.skipped == {of_log.NOT_JSON: 1, "not a JSON object": 2}
    assert [found for _, found in Log(log.path).objects(b'"b"')] == [{"b": 2}]


def test_rows_of_csv_by_their_header(tmp_path: Path):
    log = Log(written(tmp_path, b'a,b\r\n1,"x, ""y"""\r\n2\r\n3,"two\nlines"\r\n4,z'))
    assert list(log.rows()) == [
        (5, {"a": "1", "b": 'x, "y"'}),
        (22, {"a": "3", "b": "two\nlines"}),
        (37, {"a": "4", "b": "z"}),
    ]
    assert sum(log.skipped.values()) == 1


def test_a_row_that_is_no_csv_is_counted_and_the_rest_taken(tmp_path: Path):
    log = Log(written(tmp_path, b"a,b\n1,x\n2,tw\ro\n3,z\n"))
    assert [row for _, row in log.rows()] == [{"a": "1", "b": "x"}, {"a": "3", "b": "z"}]
    assert log.skipped == {of_log.NOT_CSV: 1}
    headless = Log(written(tmp_path, b"a\rb\n1,x\n"))
    assert list(headless.rows()) == []
    assert headless.skipped == {of_log.NOT_CSV: 1}


def test_a_document_is_one_value_within_bounds(tmp_path: Path, monkeypatch):
    assert Log(written(tmp_path, b"\xef\xbb\xbf[1, 2]")).document() == [1, 2]
    torn = Log(written(tmp_path, b"[1, "))
    assert torn.document() is None
    assert torn.skipped == {of_log.NOT_JSON: 1}
    monkeypatch.setattr(of_log, "DOCUMENT_BYTES_MAX", 4)
    big = Log(written(tmp_path, b"[1, 2]"))
    assert big.document() is None
    assert big.skipped == {of_log.TOO_BIG: 1}


def database(tmp_path: Path) -> Path:
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table t (a, b)")
        connection.execute("insert into t values (1, x'ff61')")
        connection.commit()
    return path


def test_a_database_is_read_with_its_write_ahead_log_and_never_written(tmp_path: Path):
    path = database(tmp_path)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("insert into t values (2, 'new')")
        writer.commit()
        with closing(Log(path)) as log:
            assert log.is_sqlite()
            assert log.tables() == {"t": frozenset({"a", "b"})}
            assert [row["a"] for row in log.table("select a from t order by a")] == [1, 2]
            assert list(log.table("delete from t")) == []
            assert log.skipped == {"SQLite: attempt to write a readonly database": 1}


def test_a_locked_or_damaged_database_is_counted(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(of_log, "SQLITE_WAIT_S", 0.05)
    path = tmp_path / "locked.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("create table t (a)")
        writer.commit()
        writer.execute("begin exclusive")
        with closing(Log(path)) as log:
            assert list(log.table("select a from t")) == []
            assert log.skipped == {"SQLite: database is locked": 1}
    broken = database(tmp_path)
    broken.write_bytes(broken.read_bytes()[:100] + b"\xff" * 8000)
    for companion in tmp_path.glob("x.db-*"):
        companion.unlink()
    with closing(Log(broken)) as log:
        assert list(log.table("select a from t")) == []
        assert sum(log.skipped.values()) == 1


def test_a_database_whose_schema_is_no_text_is_counted(tmp_path: Path):
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table table_with_a_name (a)")
        connection.commit()
    path.write_bytes(
        path.read_bytes().replace(
            b"CREATE TABLE table_with_a_name", b"CREATE \xff\xff\xff\xff\xff \xff\xff\xff\xff_with_a_name"
        )
    )
    with closing(Log(path)) as log:
        assert list(log.table("select a from table_with_a_name")) == []
        assert log.skipped == {"SQLite: its schema is damaged": 1}


def test_marks_are_the_line_in_hand_and_the_state_then(tmp_path: Path):
    log = Log(written(tmp_path, LINES))
    reading = log.lines()
    next(reading)
    next(reading)
    log.state["seen"] = 1
    log.mark()
    log.state["seen"] = 2
    assert log.marked == (8, {"seen": 1})


def test_siblings_are_found_beside_the_log(tmp_path: Path):
    log = Log(written(tmp_path, LINES))
    written(tmp_path, b"{}", "y.json")
    beside = log.sibling("y.json")
    assert beside is not None
    assert beside.document() == {}
    assert log.sibling("z.json") is None


def test_a_sibling_whose_name_cannot_be_one_is_counted(tmp_path: Path):
    log = Log(written(tmp_path, LINES))
    assert log.sibling("x" * 5000 + ".json") is None
    assert log.sibling("nul\0.json") is None
    assert log.skipped == {"file beside it cannot be read: File name too long": 1}
