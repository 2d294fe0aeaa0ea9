"""The ledger's shape is what the schema says, and a migration that was cut short goes on."""

import duckdb
import pytest

from spanledger.storage import migrations
from spanledger.storage.migrations import MIGRATIONS, migrate
from spanledger.storage.schema import COLUMNS, COUNT, DIMENSION_KEYS, DIMENSIONS, FACTS, HASH, MONEY, TEXT, TIME

TYPES = {TEXT: "VARCHAR", COUNT: "BIGINT", HASH: "UBIGINT", TIME: "TIMESTAMP WITH TIME ZONE", MONEY: "DECIMAL(18,12)"}


@pytest.fixture
def connection():
    one = duckdb.connect(":memory:")
    yield one
    one.close()


def columns(connection, table):
    question = f"select column_name, data_type from duckdb_columns() where table_name = '{table}'"
    return dict(connection.execute(question).fetchall())


def test_the_tables_hold_the_columns_of_the_schema(connection):
    assert migrate(connection)
    for table in ("call_facts", "observation_facts"):
        found = columns(connection, table)
        assert sorted(found) == sorted([*FACTS, *DIMENSION_KEYS.values()])
        for name in FACTS:
            if COLUMNS[name] in TYPES:
                assert found[name] == TYPES[COLUMNS[name]], name
    for table, names in DIMENSIONS.items():
        assert list(columns(connection, table)) == [DIMENSION_KEYS[table], *names]


def test_a_ledger_in_its_newest_shape_is_left_alone(connection):
    assert migrate(connection)
    assert not migrate(connection)


def test_every_file_is_in_the_list_and_every_name_has_a_file():
    from importlib.resources import files

    found = sorted(path.name.removesuffix(".sql") for path in (files("spanledger.storage") / "migrations").iterdir())
    assert found == list(MIGRATIONS)


def test_a_migration_that_fails_leaves_the_earlier_shape_and_goes_on_next_time(connection, monkeypatch):
    real = migrations.statements
    monkeypatch.setattr(migrations, "statements", lambda name: real(name) + "; select * from nowhere")
    with pytest.raises(duckdb.CatalogException):
        migrate(connection)
    assert columns(connection, "call_facts") == {}
    monkeypatch.undo()
    assert migrate(connection)
    assert "call_id" in columns(connection, "call_facts")
