"""Trouble: what DuckDB's exceptions mean for a ledger."""

from typing import Final

import duckdb

BAD_ROWS: Final = (
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
)
"""DuckDB's words for data that it will never take, as opposed to a disk that it cannot write just now."""

BROKEN: Final = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, OSError)
"""After these DuckDB may refuse every later question until the file is opened afresh."""


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """End the transaction at hand, if there is one."""
    try:
        connection.execute("rollback")
    except duckdb.TransactionException:
        return  # the error came before anything was begun
