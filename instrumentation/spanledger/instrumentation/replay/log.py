"""One log on disk, read from where it was left: lines, rows of CSV, a JSON document, or the tables of an SQLite file.

Whatever is wrong with it is skipped, counted under a reason, and the rest is taken.
"""

import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast
from urllib.parse import quote

import orjson

if TYPE_CHECKING:
    import sqlite3

CHUNK_BYTES: Final = 1 << 18
"""How much is read at a time: with four times as much, decoding took half as long again."""
LINE_BYTES_MAX: Final = 64 << 20
"""Longer lines are skipped: no record of a call is that long, and memory stays bounded."""
DOCUMENT_BYTES_MAX: Final = 256 << 20
"""Bigger JSON documents are skipped: they have to be in memory whole."""
SQLITE_WAIT_S: Final = 2.0
"""How long a database that its tool is writing to is waited for."""

HASHED_BYTES: Final = 1024
"""How much from the beginning, and from before a position, must be as it was for a log to be read on there."""

BOM: Final = b"\xef\xbb\xbf"
UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
SQLITE: Final = b"SQLite format 3\x00"

NOT_UTF8: Final = "not UTF-8 text"
TOO_LONG: Final = "line longer than 64 MiB"
TOO_BIG: Final = "JSON document bigger than 256 MiB"
NOT_JSON: Final = "not valid JSON"
NOT_CSV: Final = "not CSV"
DAMAGED: Final = "compressed data is damaged"


class Log:
    """A file, and how far it was read.

    `offset`: bytes (after decompression) before the next line. `state`: what the source remembers from one read to the
    next, as JSON; empty when the log is read from its start. `skipped`: reason → how often. `marked`: the last position
    at which reading may be resumed, an offset and the state there, see `mark`.
    """

    def __init__(self, path: Path, *, offset: int = 0, state: dict[str, object] | None = None) -> None:
        self.path = path
        self.offset = offset
        self.state: dict[str, object] = {} if state is None else state
        self.skipped: Counter[str] = Counter()
        self.marked: tuple[int, dict[str, object]] = (offset, dict(self.state))
        self._line_offset = offset
        self._database: sqlite3.Connection | None = None

    def lines(self, is_whole: Callable[[bytes], bool] | None = None) -> Iterator[tuple[int, bytes]]:
        """Every complete line from where the log was left, with its offset and without its ending.

        Empty lines are left out. A last line without an ending waits until it has one, unless `is_whole` says that it
        needs none: by default, if it is a JSON object. Raises OSError when the file cannot be read.
        """
        for at, block in self.blocks(is_whole):
            for line in block.split(b"\n"):
                self._line_offset = self.offset = at
                if line and (told := line[:-1] if line.endswith(b"\r") else line):
                    yield at, told
                at += len(line) + 1

    def blocks(self, is_whole: Callable[[bytes], bool] | None = None) -> Iterator[tuple[int, bytes]]:
        """The lines of `lines`, as many at once as were read, with their endings and the offset of the first."""
        try:
            with self._opened() as file:
                if self.offset:
                    file.seek(self.offset)
                yield from self._blocks(file, is_whole or _is_object)
        except _damage() as error:
            self.skip(f"{DAMAGED}: {type(error).__name__}")

    def objects(self, *needles: bytes) -> Iterator[tuple[int, dict[str, object]]]:
        """Every line that is a JSON object, with its offset; only those that contain one of `needles`, if any.

        Other lines are skipped and counted.
        """
        for offset, line in self.lines():
            if needles and not any(needle in line for needle in needles):
                continue
            found = self.parse(line)
            if found is not None:
                yield offset, found

    def parse(self, line: bytes) -> dict[str, object] | None:
        """A line as a JSON object; None, and counted, when it is none."""
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            self.skip(NOT_JSON)
            return None
        if isinstance(found, dict):
            return found
        self.skip("not a JSON object")
        return None

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Every row of a CSV file as a mapping by its header, with the offset of its first line.

        Always from the start, since the header is there. A row with another number of fields, or that is no CSV, is
        skipped and counted.
        """
        import csv

        self.offset = 0
        starts: list[int] = []

        def texts() -> Iterator[str]:
            for offset, line in self.lines(is_whole=bool):
                starts.append(offset)
                yield line.decode("utf-8", "replace") + "\n"

        reader = csv.reader(texts())
        header: list[str] | None = None
        while True:
            try:
                fields = next(reader, None)
            except csv.Error:
                self.skip(NOT_CSV)
                starts.clear()
                if header is None:
                    return
                continue
            if fields is None:
                return
            if header is None:
                header = [name.strip() for name in fields]
            elif len(fields) == len(header):
                yield starts[0], dict(zip(header, fields, strict=True))
            else:
                self.skip("row with another number of fields than the header")
            starts.clear()

    def head(self, size: int = 4096) -> bytes:
        """The first bytes, decompressed; fewer where the file is shorter or damaged. Raises OSError."""
        try:
            with self._opened() as file:
                return file.read(size)
        except _damage():
            return b""

    def hashes(self, offset: int) -> tuple[str, str]:
        """Hashes of the first bytes and of those before `offset`, by which to tell whether they are as they were.

        Empty where the file cannot be read so far. Raises OSError.
        """
        try:
            with self._opened() as file:
                first = file.read(min(HASHED_BYTES, offset))
                before = max(0, offset - HASHED_BYTES)
                if before > len(first):
                    file.seek(before)
                    last = file.read(offset - before)
                else:
                    last = (first + file.read(offset - len(first)))[before:]
        except _damage():
            return "", ""
        return _hash(first), _hash(last)

    def document(self) -> object:
        """The whole file as one JSON value; None, and counted, when it is none. Raises OSError."""
        try:
            with self._opened() as file:
                content = file.read(DOCUMENT_BYTES_MAX + 1)
        except _damage() as error:
            self.skip(f"{DAMAGED}: {type(error).__name__}")
            return None
        self.offset = len(content)
        if len(content) > DOCUMENT_BYTES_MAX:
            self.skip(TOO_BIG)
            return None
        try:
            return cast(object, orjson.loads(content.removeprefix(BOM)))
        except orjson.JSONDecodeError:
            self.skip(NOT_UTF8 if _is_foreign(content) else NOT_JSON)
            return None

    def is_sqlite(self) -> bool:
        """Whether the file says that it is an SQLite database."""
        with self.path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE

    def tables(self) -> dict[str, frozenset[str]]:
        """The tables of an SQLite file and the columns of each; none, and counted, when it cannot be read."""
        names = [str(row["name"]) for row in self.table("select name from sqlite_master where type = 'table'")]
        return {
            name: frozenset(str(row["name"]) for row in self.table("select name from pragma_table_info(?)", name))
            for name in names
        }

    def table(self, query: str, *values: object) -> "Iterator[sqlite3.Row]":
        """The rows of a query to an SQLite file, read only, with what its write-ahead log holds.

        A locked or damaged file ends the rows and is counted.
        """
        import sqlite3

        try:
            yield from self._connected().execute(query, values)
        except sqlite3.Error as error:
            self.skip(f"SQLite: {error}")
        except UnicodeDecodeError:  # of an error's own text, which names what is damaged
            self.skip("SQLite: its schema is damaged")

    def skip(self, reason: str, times: int = 1) -> None:
        """Count something that is left out."""
        self.skipped[reason] += times

    def mark(self) -> None:
        """Say that the log may be resumed at the line in hand: all records of the lines before it are yielded.

        What the reader remembers of them must be in `state`.
        """
        self.marked = (self._line_offset, dict(self.state))

    def sibling(self, name: str) -> "Log | None":
        """Another file, by its path relative to this one's folder, from its start; None where there is none.

        A path that cannot be one (logs name files, too) is counted.
        """
        path = self.path.parent / name
        try:
            return Log(path) if path.is_file() else None
        except OSError as error:
            self.skip(f"file beside it cannot be read: {error.strerror}")
            return None

    def close(self) -> None:
        """Give back the database, if one was opened."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _opened(self) -> IO[bytes]:
        file = self.path.open("rb", buffering=0)
        magic = file.read(4)
        file.seek(0)
        if magic == ZSTD:
            import zstandard

            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=True)
            return cast(IO[bytes], reader)
        if magic.startswith(GZIP):
            import gzip

            file.close()
            return cast(IO[bytes], gzip.GzipFile(self.path))
        return cast(IO[bytes], file)

    def _blocks(self, file: IO[bytes], is_whole: Callable[[bytes], bool]) -> Iterator[tuple[int, bytes]]:
        at = self.offset
        rest: list[bytes] = []
        waiting = 0
        too_long = False
        while chunk := file.read(CHUNK_BYTES):
            if at == 0 and not waiting:
                if _is_foreign(chunk):
                    self.skip(NOT_UTF8)
                    return
                if chunk.startswith(BOM):
                    chunk, at = chunk[len(BOM) :], len(BOM)
            end = chunk.rfind(b"\n") + 1
            if not end:
                waiting += len(chunk)
                rest.append(chunk)
                if waiting > LINE_BYTES_MAX:
                    rest.clear()
                    self.skip(TOO_LONG, 0 if too_long else 1)
                    too_long = True
                continue
            if too_long:
                begin = chunk.find(b"\n") + 1
                at += waiting + begin
                block = chunk[begin:end]
                too_long = False
            else:
                block = b"".join((*rest, memoryview(chunk)[:end]))
            rest = [chunk[end:]]
            waiting = len(rest[0])
            self._line_offset = self.offset = at
            yield at, block
            at += len(block)
            self.offset = at
        last = b"".join(rest)
        if last and not too_long and is_whole(last):
            self._line_offset = at
            yield at, last
            self.offset = at + len(last)
        elif last and not isinstance(file, FileIO):
            self.skip(f"{DAMAGED}: it ends within a line")

    def _connected(self) -> "sqlite3.Connection":
        import sqlite3

        if self._database is None:
            address = f"file:{quote(str(self.path.absolute()))}?mode=ro"
            self._database = sqlite3.connect(address, uri=True, timeout=SQLITE_WAIT_S)
            self._database.row_factory = sqlite3.Row
            self._database.text_factory = lambda text: text.decode("utf-8", "replace")
        return self._database


def _is_object(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _hash(content: bytes) -> str:
    from hashlib import blake2b  # which loads OpenSSL; most runs find nothing new and hash nothing

    return blake2b(content, digest_size=8).hexdigest()


def _is_foreign(start: bytes) -> bool:
    return start[:2] in UTF16 or b"\0" in start[:64]


def _damage() -> tuple[type[Exception], ...]:
    """What decompression raises; only what is loaded can be raised."""
    kinds: list[type[Exception]] = [EOFError, zlib.error]
    if (gzip := sys.modules.get("gzip")) is not None:
        kinds.append(gzip.BadGzipFile)
    if (zstandard := sys.modules.get("zstandard")) is not None:
        kinds.append(zstandard.ZstdError)
    return tuple(kinds)
