"""Removal: calls that were never real leave the ledger again."""

import duckdb


def remove_service_prefix(connection: duckdb.DuckDBPyConnection, prefix: str) -> int:
    """Begin a transaction that removes the calls whose service's name begins with `prefix`; returns how many."""
    connection.execute("begin")
    connection.execute(
        "create or replace temp table doomed as select call_id from call_facts join origins using (origin_key)"
        " where starts_with(service_name, ?)",
        [prefix],
    )
    (removed,) = connection.execute("select count(*) from doomed").fetchone() or (0,)
    for table in ("call_facts", "observation_facts"):
        connection.execute(f"delete from {table} where call_id in (select call_id from doomed)")
    return int(removed)
