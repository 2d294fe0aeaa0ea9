"""A user's statement on a real ledger: bounded in rows and time, and unable to reach its files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spanledger.storage.errors import LedgerError, QueryTimeout, StatementRefused
from spanledger.storage.ledger import Ledger
from spanledger.storage.sandbox import run
from tests.ledger_rows import fill


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    ledger = Ledger.open(fill(tmp_path_factory.mktemp("ledger"), [{"provider": "openai"}, {"provider": "acme"}]))
    yield ledger
    ledger.close()


def test_rows_are_cut_at_the_limit_in_the_statements_order(ledger: Ledger) -> None:
    with ledger.reader() as reader:
        cut = run("SELECT provider FROM calls ORDER BY provider; -- both", reader, 1)
        whole = run("SELECT provider FROM calls ORDER BY provider", reader, 2)
    assert (cut.table.to_pylist(), cut.truncated) == ([{"provider": "acme"}], True)
    assert (whole.table.num_rows, whole.truncated) == (2, False)


def test_every_table_that_is_offered_can_be_read(ledger: Ledger) -> None:
    with ledger.reader() as reader:
        for table in ("calls", "observations", "rejections"):
            assert run(f"SUMMARIZE {table}", reader).table.num_rows > 0


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM range(1000000000000)",
        "SELECT count(*) FROM calls a, range(1000000) b, range(1000000) c",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    ],
)
def test_what_runs_too_long_is_stopped_and_the_ledger_goes_on(statement: str, ledger: Ledger) -> None:
    with ledger.reader(time_limit_s=0.2) as reader, pytest.raises(QueryTimeout):
        run(statement, reader)
    with ledger.reader(time_limit_s=5) as reader:
        assert run("SELECT count(*) AS n FROM calls", reader).table.to_pylist() == [{"n": 2}]


@pytest.mark.parametrize("name", ["ledger.duckdb", "ledger.duckdb.wal", "commit.mark"])
def test_the_ledgers_own_files_are_out_of_reach(name: str, ledger: Ledger) -> None:
    path: Path = ledger.folder / name
    before = {entry.name for entry in ledger.folder.iterdir()}
    with ledger.reader() as reader:
        for attempt in (f"COPY (SELECT 1) TO '{path}' (FORMAT csv)", f"FROM read_blob('{path}')", f"FROM '{path}'"):
            with pytest.raises(StatementRefused):
                run(attempt, reader)
    assert {entry.name for entry in ledger.folder.iterdir()} == before


def test_a_statement_that_fails_says_why_in_duckdbs_words(ledger: Ledger) -> None:
    with ledger.reader() as reader, pytest.raises(LedgerError, match='Referenced column "nope" not found'):
        run("SELECT nope FROM calls", reader)
