"""Runs a user's statement: through the gate, on a reader with a time limit, with a bounded number of rows."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa

from spanledger.storage.gate import admit, limited

ROWS_MAX: Final = 100_000
"""Rows of one answer; more is for an export. With every column, some 100 MB of JSON."""

TIME_LIMIT_S: Final = 10.0
"""How long a statement may keep a server busy that also takes spans."""


class Reader(Protocol):
    """What a question is asked of; `ledger.Reader` is one."""

    def query(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> pa.Table:
        """Run one question. Raises LedgerError."""


class ReadableLedger(Protocol):
    """What readers come from; `ledger.Ledger` is one."""

    def reader(self, time_limit_s: float | None = None) -> AbstractContextManager[Reader]:
        """A reader on the last commit, for one thread."""


@dataclass(frozen=True)
class Answer:
    """The rows of a statement; `truncated` if it had more than were asked for."""

    table: pa.Table
    truncated: bool


def run(sql: str, reader: Reader, rows_max: int = ROWS_MAX) -> Answer:
    """Run one statement of a user and return its first `rows_max` rows.

    Raises StatementRefused, QueryTimeout, or LedgerError with DuckDB's own words for a statement that fails.
    """
    table = reader.query(limited(admit(sql), rows_max + 1))
    return Answer(table.slice(0, rows_max), table.num_rows > rows_max)
