"""Migrations: a list of SQL files, each applied once, in order, in a transaction of its own.

A crash between two of them leaves the ledger at the earlier one and the next start goes on from there.
"""

from importlib.resources import files
from typing import Final

import duckdb

from spanledger.storage.errors import LedgerTooNew

MIGRATIONS: Final = ("0001_calls", "0002_points", "0003_promotions", "0004_prices", "0005_quotas")
"""The list is the order; the name is the key."""


def migrate(connection: duckdb.DuckDBPyConnection) -> bool:
    """Bring the ledger in use by `connection` to the newest shape; say whether anything was done.

    Raises LedgerTooNew when it holds a migration that this version does not know.
    """
    connection.execute("create table if not exists migrations (name varchar not null, applied_at timestamptz not null)")
    applied = {name for (name,) in connection.execute("select name from migrations").fetchall()}
    unknown = sorted(applied.difference(MIGRATIONS))
    if unknown:
        raise LedgerTooNew(f"it has the migration {unknown[-1]}, which this version does not know")
    missing = [name for name in MIGRATIONS if name not in applied]
    for name in missing:
        connection.execute("begin")
        try:
            connection.execute(statements(name))
            connection.execute("insert into migrations values (?, now())", [name])
            connection.execute("commit")
        except duckdb.Error:
            connection.execute("rollback")
            raise
    return bool(missing)


def statements(name: str) -> str:
    """The SQL of a migration."""
    return (files("spanledger.storage") / "migrations" / f"{name}.sql").read_text("utf-8")
