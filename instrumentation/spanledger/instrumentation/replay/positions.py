"""Positions: how far every log was read, in an SQLite file.

They save time; that nothing is counted twice is the ledger's matter.

A file is known by its path, by its place on the disk when it was renamed, and by its content when it was moved or
compressed. It is read on where it was left only if what comes before is still the same.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from spanledger.instrumentation.replay.discovery import Found
from spanledger.instrumentation.replay.log import Log

UNFINISHED: Final = -1
"""The size of a file that was not read to its end: no file is so big, so it is read on."""
WAIT_S: Final = 30.0
"""How long another replay that is saving is waited for."""

_SCHEMA: Final = """
create table if not exists positions (
    destination text not null,
    path text not null,
    source text not null,
    device integer not null,
    inode integer not null,
    size integer not null,
    modified_ns integer not null,
    beside text not null,
    bytes integer not null,
    head text not null,
    tail text not null,
    state text not null,
    primary key (destination, path)
) without rowid
"""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file was read.

    `size`, `modified_ns`, `device`, `inode`: of the file then; `beside`: the same of the files that are read with it.
    `offset`: bytes read, decompressed; `head` and `tail`: hashes of what they begin and end with. `state`: what the
    source remembers, as JSON.
    """

    path: str
    source: str
    device: int
    inode: int
    size: int
    modified_ns: int
    beside: str
    offset: int
    head: str
    tail: str
    state: str


class Task(NamedTuple):
    """A log to be read, from where: bytes, and what its source remembers."""

    found: Found
    offset: int
    state: dict[str, object]


class Positions:
    """The positions of one destination, as logs were last read for it."""

    def __init__(self, file: Path, destination: str) -> None:
        """Open or make the file. Raises sqlite3.Error or OSError where it cannot be."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._destination = destination
        try:
            self._connection = _opened(file)
        except sqlite3.DatabaseError:
            # A damaged file costs a replay from the start, not a cent.
            file.replace(file.with_suffix(".damaged"))
            self._connection = _opened(file)
        rows = self._connection.execute(
            "select path, source, device, inode, size, modified_ns, beside, bytes, head, tail, state from positions"
            " where destination = ?",
            (destination,),
        )
        self._known = {row[0]: Position(*row) for row in rows}
        self._by_place: dict[tuple[int, int], Position] | None = None

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def is_read(self, found: Found) -> bool:
        """Whether nothing was written to a log since it was read."""
        known = self._known.get(str(found.path))
        return (
            known is not None
            and known.size == found.size
            and known.modified_ns == found.modified_ns
            and known.inode == found.inode
            and known.device == found.device
            and known.source == found.source.name
            and known.beside == beside(found)
        )

    def resume(self, found: Found) -> Task:
        """The log, to be read on where it was left, or from its start. Raises OSError."""
        known = self._known.get(str(found.path)) or self._moved(found)
        if known is not None and known.source == found.source.name and _is_continued(found, known):
            return Task(found, known.offset, _state(known.state))
        return Task(found, 0, {})

    def save(self, positions: Iterable[Position]) -> None:
        """Keep positions, all or none; call it when what was read up to them is durable."""
        rows = list(positions)
        with self._connection:
            self._connection.executemany(
                "insert or replace into positions values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (self._destination, one.path, one.source, one.device, one.inode, one.size, one.modified_ns,
                     one.beside, one.offset, one.head, one.tail, one.state)
                    for one in rows
                ],
            )  # fmt: skip
        self._known.update((one.path, one) for one in rows)
        self._by_place = None

    def forget(self) -> None:
        """Read everything again: what these positions were for is gone."""
        with self._connection:
            self._connection.execute("delete from positions where destination = ?", (self._destination,))
        self._known.clear()
        self._by_place = None

    def __len__(self) -> int:
        return len(self._known)

    def _moved(self, found: Found) -> Position | None:
        """The position of a file that is now elsewhere, or compressed."""
        if self._by_place is None:
            self._by_place = {(one.device, one.inode): one for one in self._known.values()}
        renamed = self._by_place.get((found.device, found.inode))
        if renamed is not None and not Path(renamed.path).exists():
            return renamed
        name = _plain(found.path)
        alike = (one for one in self._known.values() if one.path.find(name) > 0 and _plain(Path(one.path)) == name)
        return next((one for one in alike if not Path(one.path).exists()), None)


def _plain(path: Path) -> str:
    """The name of a file before it was compressed."""
    return path.name.removesuffix(".zst").removesuffix(".gz")


def position_of(found: Found, offset: int, state: Mapping[str, object], *, whole: bool) -> Position:
    """The position of a log that was read up to `offset`, to its end if `whole`. Raises OSError."""
    head, tail = Log(found.path).hashes(offset)
    return Position(
        str(found.path), found.source.name, found.device, found.inode, found.size if whole else UNFINISHED,
        found.modified_ns, beside(found),
        offset, head, tail, json.dumps(dict(state)),
    )  # fmt: skip


def beside(found: Found) -> str:
    """What the file system says of the files that are read with a log; changes when one of them does."""
    told = []
    for path in found.source.siblings(found.path):
        try:
            stat = path.stat()
        except OSError:
            continue
        told.append(f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}")
    return ",".join(told)


def _opened(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=WAIT_S)
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute(_SCHEMA)
        connection.execute("select count(*) from positions").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _is_continued(found: Found, known: Position) -> bool:
    """Whether a file still begins with what was read of it."""
    return Log(found.path).hashes(known.offset) == (known.head, known.tail)


def _state(written: str) -> dict[str, object]:
    found: object = json.loads(written)
    return found if isinstance(found, dict) else {}
