"""Opening a ledger: the folder, DuckDB's settings, the storage format, and every way in which a start must refuse."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from spanledger.storage.errors import LedgerBehind, LedgerError, LedgerInUse, LedgerTooNew
from spanledger.storage.mark import NAME as MARK_NAME
from spanledger.storage.mark import Mark, read_mark
from spanledger.storage.migrations import migrate

FILE_NAME: Final = "ledger.duckdb"
SPILL_NAME: Final = "spill"
"""Where DuckDB puts what does not fit its memory while it answers; it is empty again afterwards."""

STORAGE_VERSION: Final = "v1.5.0"
"""The oldest DuckDB that must read the file: a user can go back a release of ours."""

ROW_GROUP_ROWS: Final = 8192
"""Rows in a row group. A commit of at least as many writes them compressed, straight to the file, and past the
write-ahead log: measured 120,000-135,000 rows/s and a checkpoint of 0.03 s, against 105,000 and 2 s with DuckDB's
122,880, for the same 490,000 rows."""

SETTINGS: Final = {
    # One thread a query: two made a commit of 8,000 rows twice as slow, and every reader brings its own thread.
    "threads": "1",
    "memory_limit": "'150MB'",
    # Commits too small for a row group of their own go through the log. A checkpoint of 16 MB holds the writer up for
    # 0.1 s at most, one of 256 MB for 1.1 s.
    "checkpoint_threshold": "'16MB'",
    # A checkpoint also joins half-filled row groups. Without a bound the first one in a quiet moment after 2 million
    # calls held the writer up for 4 s; a few at a time are joined by the next checkpoints.
    "max_vacuum_tasks": "4",
    # A join hands the few keys of its smaller side to the scan of the other one. Where that is an Arrow table, 1.5.5
    # makes a list of signed numbers of them, which a hash above 2⁶³ does not fit: the statement fails.
    "dynamic_or_filter_threshold": "0",
    "TimeZone": "'UTC'",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
}


@dataclass(frozen=True)
class Opened:
    """A connection whose current database is the ledger, and where the ledger stands."""

    connection: duckdb.DuckDBPyConnection
    mark: Mark


def open_ledger(folder: Path) -> Opened:
    """Open for writing, made anew where there is none. Raises LedgerError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"cannot make the folder {folder}: {error.strerror}; choose another with --data") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LedgerError(f"cannot write to the folder {folder}; make it writable or choose another with --data")
    opened = attach(folder, read_only=False)
    (folder / FILE_NAME).chmod(0o600)
    return opened


def attach(folder: Path, *, read_only: bool) -> Opened:
    """Attach the ledger in `folder`, migrate it unless `read_only`, hold it against its mark. Raises LedgerError."""
    path = folder / FILE_NAME
    if read_only and not path.exists():
        raise LedgerError(
            f"there is no ledger in {folder} yet; start one with `spanledger up` or name its folder with --data"
        )
    connection = duckdb.connect(":memory:")
    try:
        for name, value in SETTINGS.items():
            connection.execute(f"set global {name} = {value}")
        # Else a big question would spill into whatever folder the process was started in.
        connection.execute(f"set global temp_directory = {_literal(folder / SPILL_NAME)}")
        mode = "read_only" if read_only else f"storage_version '{STORAGE_VERSION}', row_group_size {ROW_GROUP_ROWS}"
        connection.execute(f"attach {_literal(path)} as ledger ({mode})")
        connection.execute("use ledger")
        _refuse_if_lost(connection, folder)
        if not read_only and migrate(connection):
            connection.execute("checkpoint ledger")
        return Opened(connection, _state(connection, folder))
    except duckdb.Error as error:
        connection.close()
        raise _refusal(error, folder) from error
    except LedgerTooNew as error:
        connection.close()
        raise LedgerTooNew(
            f"the ledger in {folder} was written by a newer version of Spanledger ({error}); upgrade this one"
        ) from error
    except LedgerError:
        connection.close()
        raise


def _literal(path: Path) -> str:
    """A path as a literal of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def _refuse_if_lost(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """A mark beside a file without any table: the write-ahead log that held them was not read."""
    mark = read_mark(folder)
    if mark is None:
        return
    tables = connection.execute("select count(*) from duckdb_tables() where database_name = 'ledger'").fetchone()
    if tables == (0,):
        raise _behind(folder, mark, Mark(mark.ledger_id, 0, 0))


def _state(connection: duckdb.DuckDBPyConnection, folder: Path) -> Mark:
    """Where the ledger stands; refuses when commit.mark says that more was acknowledged."""
    row = connection.execute(
        "select ledger_id, commit_sequence, calls, (select count(*) from call_facts) from ledger_state"
    ).fetchone()
    if row is None:
        raise LedgerError(f"the ledger in {folder} has lost its state; restore a snapshot of {FILE_NAME}")
    state = Mark(row[0], int(row[1]), int(row[2]))
    mark = read_mark(folder)
    if mark is not None:
        if mark.ledger_id != state.ledger_id:
            raise LedgerError(
                f"{folder / MARK_NAME} belongs to another ledger than {FILE_NAME} beside it;"
                " put the right pair together, or move the mark away"
            )
        if mark.commit_sequence > state.commit_sequence:
            raise _behind(folder, mark, state)
    if int(row[3]) != state.calls:
        raise _behind(folder, state, Mark(state.ledger_id, state.commit_sequence, int(row[3])))
    return state


def _behind(folder: Path, acknowledged: Mark, found: Mark) -> LedgerBehind:
    rows = acknowledged.calls - found.calls
    commits = acknowledged.commit_sequence - found.commit_sequence
    return LedgerBehind(
        f"the ledger in {folder} is behind what was acknowledged: {rows:,} rows of the last {commits:,} commits are"
        f" missing, so its write-ahead log was damaged or removed; restore {FILE_NAME} and {FILE_NAME}.wal from a"
        f" snapshot, or move {MARK_NAME} away to go on without those rows"
    )


def _refusal(error: duckdb.Error, folder: Path) -> LedgerError:
    text = str(error)
    if "lock" in text.lower():
        holder = re.search(r"PID (\d+)", text)
        by = f" (pid {holder.group(1)})" if holder else ""
        return LedgerInUse(
            f"the ledger in {folder} is in use by another process{by}; stop it or choose another folder with --data"
        )
    if "version number" in text or "newer version" in text or "storage version" in text.lower():
        return LedgerTooNew(
            f"the ledger in {folder} was written by a newer version than this one can read; upgrade Spanledger"
        )
    if isinstance(error, duckdb.PermissionException) or "permission" in text.lower():
        return LedgerError(f"cannot open {folder / FILE_NAME}: permission denied; make it readable and writable")
    return LedgerError(
        f"the ledger in {folder} cannot be opened: {sentence(error)};"
        f" restore {FILE_NAME} and {FILE_NAME}.wal from a snapshot"
    )


def sentence(error: Exception) -> str:
    """The first line of an error's words, without DuckDB's class name in front and advice behind."""
    first = str(error).strip().split("\n", 1)[0]
    return re.sub(r"^[A-Z][A-Za-z /-]*Error: ", "", first).rstrip(". ")
