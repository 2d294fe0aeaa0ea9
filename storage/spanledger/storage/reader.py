"""A reader of the ledger: one cursor, one snapshot, one thread, until its time is up; and a bound on how many."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import duckdb
import pyarrow as pa

from spanledger.storage.errors import LedgerError, LedgerUnavailable, QueryTimeout
from spanledger.storage.opening import sentence

READERS_MAX: Final = 4
"""Readers at once; more wait, so that a page with twenty charts does not slow the writer down to a crawl."""

READER_WAIT_S: Final = 10.0


def cursor_on(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A cursor of its own on the ledger of `connection`, so that it can be used beside it."""
    cursor = connection.cursor()
    cursor.execute("use ledger")
    return cursor


class Reader:
    """One cursor on a ledger, for one thread, until its time is up."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, time_limit_s: float | None) -> None:
        self._cursor = cursor
        self._until = None if time_limit_s is None else time.monotonic() + time_limit_s
        self._time_limit_s = time_limit_s

    def query(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> pa.Table:
        """Run one question. Raises QueryTimeout, LedgerError with DuckDB's own words for a bad statement.

        With parameters DuckDB 1.5 puts the answer together value by value: 2 µs a row, which reports can afford.
        """
        timer = None
        if self._until is not None:
            timer = threading.Timer(max(0.0, self._until - time.monotonic()), self._cursor.interrupt)
            timer.start()
        try:
            return self._cursor.sql(sql, params=parameters or None).to_arrow_table()
        except duckdb.InterruptException as error:
            raise QueryTimeout(f"the query ran for more than {self._time_limit_s:g} s and was stopped") from error
        except duckdb.Error as error:
            raise LedgerError(sentence(error)) from error
        finally:
            if timer is not None:
                timer.cancel()


class Readers:
    """Those who read a ledger at once."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(READERS_MAX)

    @contextmanager
    def reading(
        self, connection: Callable[[], duckdb.DuckDBPyConnection], time_limit_s: float | None
    ) -> Iterator[Reader]:
        """A reader on the last commit, once there is a place for one. Raises LedgerUnavailable."""
        if not self._places.acquire(timeout=READER_WAIT_S):
            raise LedgerUnavailable(f"{READERS_MAX} questions are being answered already; ask again in a moment")
        try:
            try:
                cursor = cursor_on(connection())
                cursor.execute("begin transaction read only")
            except duckdb.Error as error:
                raise LedgerUnavailable(sentence(error)) from error
            try:
                yield Reader(cursor, time_limit_s)
            finally:
                cursor.close()
        finally:
            self._places.release()
