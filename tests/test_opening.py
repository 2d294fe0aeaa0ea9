"""A ledger opens, or refuses in one sentence that says what to do. It never opens with rows missing."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from spanledger.storage.errors import LedgerBehind, LedgerError, LedgerInUse, LedgerTooNew
from spanledger.storage.ledger import Ledger
from spanledger.storage.mark import Mark, MarkFile, read_mark
from spanledger.storage.schema import Ranks
from tests.records import free, many

ROOT = Path(__file__).resolve().parents[1]
"""From here a process of its own imports `tests`."""

CRASH = """
import os, sys
from pathlib import Path
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Ranks
from tests.records import free, many
ledger = Ledger.open(Path(sys.argv[1]))
for turn in range(20):
    ledger.merge(many(100, first=turn * 100), price=free, ranks=Ranks({}))
os._exit(9)  # no checkpoint: every row but the schema is in the write-ahead log
"""

HOLD = """
import sys
from pathlib import Path
from spanledger.storage.ledger import Ledger
ledger = Ledger.open(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
ledger.close()
"""


def flip_a_bit(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.fixture
def crashed(tmp_path):
    """A ledger of 2,000 acknowledged calls whose process died, write-ahead log and all."""
    ended = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path)], check=False, cwd=ROOT)
    assert ended.returncode == 9
    assert (tmp_path / "ledger.duckdb.wal").stat().st_size > 100_000
    return tmp_path


def change_wal(folder, change):
    wal = folder / "ledger.duckdb.wal"
    wal.write_bytes(change(wal.read_bytes()))


def count(ledger):
    with ledger.reader() as reader:
        return reader.query("select count(*) as calls from calls").to_pylist()[0]["calls"]


def test_a_crashed_ledger_opens_with_every_acknowledged_row(crashed):
    ledger = Ledger.open(crashed)
    assert count(ledger) == 2000
    ledger.close()


@pytest.mark.parametrize(
    ("damage", "missing"),
    [
        pytest.param(lambda data: os.urandom(64) + data[64:], "2,000 rows of the last 20 commits", id="garbage header"),
        pytest.param(lambda data: b"", "2,000 rows of the last 20 commits", id="empty log"),
        pytest.param(lambda data: data[:-100], "100 rows of the last 1 commits", id="torn tail"),
    ],
)
def test_a_start_behind_the_mark_refuses_and_says_how_many_rows_are_missing(crashed, damage, missing):
    change_wal(crashed, damage)
    with pytest.raises(LedgerBehind, match=missing) as refused:
        Ledger.open(crashed)
    assert "restore ledger.duckdb and ledger.duckdb.wal from a snapshot" in str(refused.value)
    assert "move commit.mark away" in str(refused.value)


def test_a_lost_log_is_noticed_by_a_reader_too(crashed):
    (crashed / "ledger.duckdb.wal").unlink()
    with pytest.raises(LedgerBehind, match="2,000 rows"):
        Ledger.open_readonly(crashed)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(flip_a_bit, id="flipped bit"),
        pytest.param(lambda data: data[:-2000] + os.urandom(2000), id="garbage tail"),
    ],
)
def test_a_damaged_log_refuses_rather_than_open_with_less(crashed, damage):
    change_wal(crashed, damage)
    with pytest.raises(LedgerError, match=r"restore ledger\.duckdb and ledger\.duckdb\.wal from a snapshot"):
        Ledger.open(crashed)


def test_zeros_behind_the_log_cost_no_row(crashed):
    """DuckDB 2 reads past them, 1.5 refuses."""
    change_wal(crashed, lambda data: data + bytes(4096))
    refused = ""
    try:
        ledger = Ledger.open(crashed)
    except LedgerError as error:
        refused = str(error)
    if refused:
        assert "restore ledger.duckdb and ledger.duckdb.wal from a snapshot" in refused
    else:
        assert count(ledger) == 2000
        ledger.close()


def test_a_refusal_changes_nothing(crashed):
    wal = (crashed / "ledger.duckdb.wal").read_bytes()
    change_wal(crashed, lambda data: os.urandom(64) + data[64:])
    with pytest.raises(LedgerBehind):
        Ledger.open(crashed)
    (crashed / "ledger.duckdb.wal").write_bytes(wal)
    ledger = Ledger.open(crashed)
    assert count(ledger) == 2000
    ledger.close()


def test_moving_the_mark_away_accepts_the_loss(crashed):
    change_wal(crashed, lambda data: data[:-100])
    (crashed / "commit.mark").rename(crashed / "commit.mark.lost")
    ledger = Ledger.open(crashed)
    assert count(ledger) == 1900
    ledger.merge(many(2000), price=free, ranks=Ranks({}))
    assert count(ledger) == 2000
    ledger.close()


def test_a_ledger_in_use_says_by_whom(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"open\n"
    for attempt in (Ledger.open, Ledger.open_readonly):
        with pytest.raises(LedgerInUse, match=rf"in use by another process \(pid {holder.pid}\); stop it or choose"):
            attempt(tmp_path)
    holder.communicate()
    assert holder.returncode == 0


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path):
    Ledger.open(tmp_path).close()
    connection = duckdb.connect(tmp_path / "ledger.duckdb")
    connection.execute("insert into migrations values ('9999_from_the_future', now())")
    connection.close()
    with pytest.raises(LedgerTooNew, match=r"newer version of Spanledger .*9999_from_the_future.*; upgrade this one"):
        Ledger.open(tmp_path)


def test_an_unwritable_folder_says_so(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(LedgerError, match=r"cannot make the folder .*; choose another with --data"):
        Ledger.open(file / "below")


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "ledger.duckdb").write_bytes(b"this is not a database, it is a text of more than enough bytes" * 100)
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger.open(tmp_path)


def test_reading_where_there_is_no_ledger_says_how_to_get_one(tmp_path):
    with pytest.raises(LedgerError, match=r"there is no ledger in .* yet; start one with `spanledger up`"):
        Ledger.open_readonly(tmp_path)


def test_a_mark_of_another_ledger_is_refused(tmp_path):
    for name in ("one", "two"):
        ledger = Ledger.open(tmp_path / name)
        ledger.merge(many(3), price=free, ranks=Ranks({}))
        ledger.close()
    (tmp_path / "one" / "commit.mark").replace(tmp_path / "two" / "commit.mark")
    with pytest.raises(LedgerError, match="belongs to another ledger"):
        Ledger.open(tmp_path / "two")


def test_the_mark_survives_and_a_torn_one_reads_as_none(tmp_path):
    ledger = Ledger.open(tmp_path)
    ledger.merge(many(3), price=free, ranks=Ranks({}))
    ledger.close()
    mark = read_mark(tmp_path)
    assert (mark.commit_sequence, mark.calls) == (1, 3)
    file = MarkFile(tmp_path)
    file.write(Mark(mark.ledger_id, 7, 70))
    file.close()
    assert read_mark(tmp_path) == Mark(mark.ledger_id, 7, 70)
    torn = (tmp_path / "commit.mark").read_bytes()
    (tmp_path / "commit.mark").write_bytes(torn[:20] + bytes(1) + torn[21:])
    assert read_mark(tmp_path) is None


def test_the_files_are_the_owners_alone(tmp_path):
    folder = tmp_path / "new"
    Ledger.open(folder).close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "ledger.duckdb").stat().st_mode & 0o777 == 0o600


def test_an_older_duckdb_can_read_the_file(tmp_path):
    ledger = Ledger.open(tmp_path)
    asked = "select tags['storage_version'] as oldest from duckdb_databases() where database_name = 'ledger'"
    with ledger.reader() as reader:
        assert reader.query(asked).to_pylist() == [{"oldest": "v1.5.0+"}]
    ledger.close()


def test_what_does_not_fit_the_memory_is_spilled_beside_the_ledger(tmp_path):
    ledger = Ledger.open(tmp_path)
    with ledger.reader() as reader:
        (row,) = reader.query("select current_setting('temp_directory') as spill").to_pylist()
    assert row["spill"] == str(tmp_path / "spill")
    ledger.close()
