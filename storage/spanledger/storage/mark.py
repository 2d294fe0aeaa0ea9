"""commit.mark: the last acknowledged commit, beside the ledger.

DuckDB opens a file whose write-ahead log is empty or has a damaged header without a word, rows missing. The mark is
written and synced after each commit and before its acknowledgement, so a start that finds less than it says can refuse.
"""

import os
import struct
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LAYOUT: Final = struct.Struct("<8s16sQQ")
_CHECK: Final = struct.Struct("<I")
_MAGIC: Final = b"SLMARK1\n"
NAME: Final = "commit.mark"


@dataclass(frozen=True, slots=True)
class Mark:
    """The ledger's id, the number of its last acknowledged commit and the calls it held then."""

    ledger_id: uuid.UUID
    commit_sequence: int
    calls: int


def read_mark(folder: Path) -> Mark | None:
    """The mark in a ledger's folder; None where there is none, or a torn one (it is one sector, written at once)."""
    try:
        data = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    body, check = data[: _LAYOUT.size], data[_LAYOUT.size : _LAYOUT.size + _CHECK.size]
    if len(check) < _CHECK.size or _CHECK.unpack(check)[0] != zlib.crc32(body):
        return None
    magic, ledger_id, commit_sequence, calls = _LAYOUT.unpack(body)
    return Mark(uuid.UUID(bytes=ledger_id), commit_sequence, calls) if magic == _MAGIC else None


class MarkFile:
    """The mark of an open ledger, kept open for writing."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)

    def write(self, mark: Mark) -> None:
        """Write the mark in place and sync it. Raises OSError."""
        body = _LAYOUT.pack(_MAGIC, mark.ledger_id.bytes, mark.commit_sequence, mark.calls)
        os.pwrite(self._file, body + _CHECK.pack(zlib.crc32(body)), 0)
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file; the mark stays."""
        os.close(self._file)
