"""The process is set up before anything heavy is imported, and DuckDB takes Arrow tables all the same."""

import subprocess
import sys

from spanledger.cli.process import DONE_WITHOUT

PROGRAM = """
import sys
if sys.argv[1] == "prepared":
    from spanledger.cli import process
    process.prepare()
import duckdb
import pyarrow as pa

names = pa.chunked_array([["a", "b"], ["a"], []]).dictionary_encode()
hashes = pa.chunked_array([[2**64 - 1, 2**63], [7], []], pa.uint64())
table = pa.table({"hash": hashes, "name": names, "count": pa.array([1, None, 3])})
connection = duckdb.connect()
connection.execute("set dynamic_or_filter_threshold = 0")
connection.register("shown", table)
connection.execute("create table kept as select * from shown")
for question in (
    "select * from shown",
    "select sum(count) from shown where name = 'a' and count > 1",
    "select count from shown where hash > 9223372036854775808 or count is null",
    "select name from kept where hash in (select hash from shown where count = 1)",
    "select shown.count from shown join kept using (hash) where kept.name = 'a' order by all",
    "select count(*) from shown semi join (select hash from kept where count = 3) using (hash)",
    "select hash from shown limit 1 offset 2",
):
    print(connection.execute(question).fetchall())
print("pyarrow.dataset" in sys.modules, file=sys.stderr)
"""


def answers(how: str) -> tuple[str, str]:
    """What is answered, and whether the module was imported, by a process that was set up or not."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, done.stderr.strip()


def test_duckdb_answers_the_same_of_arrow_tables_without_what_it_is_kept_from() -> None:
    assert DONE_WITHOUT == ("pyarrow.dataset",)
    prepared, loaded = answers("prepared")
    plain, _ = answers("plain")
    assert (
        prepared.splitlines()
        == plain.splitlines()
        == [
            "[(18446744073709551615, 'a', 1), (9223372036854775808, 'b', None), (7, 'a', 3)]",
            "[(3,)]",
            "[(1,), (None,)]",
            "[('a',)]",
            "[(1,), (3,)]",
            "[(1,)]",
            "[(7,)]",
        ]
    )
    assert loaded == "False", "DuckDB 2 does without by itself"
