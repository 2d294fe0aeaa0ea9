"""One ledger, two versions of DuckDB in turn: a user may upgrade, and go back."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = (ROOT / ".venv", ROOT / ".cache" / "duckdb-next")
"""The locked version's, and the one that .ci/duckdb-next makes."""
TURNS = 4
CALLS = 500

TURN = f"""
import os, sys
from pathlib import Path
import duckdb
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Ranks
from tests.records import free, many

folder, turn, end = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
ledger = Ledger.open(folder)
merged = ledger.merge(many({CALLS} * (turn + 1)), price=free, ranks=Ranks({{}}))
with ledger.reader() as reader:
    (held,) = reader.query("select count(*) as calls, count(distinct call_id) as ids from calls").to_pylist()
print(duckdb.__version__, merged.calls, merged.repeated, held["calls"], held["ids"], flush=True)
if end == "killed":
    os._exit(0)  # no checkpoint: the next version replays this one's write-ahead log
ledger.close()
"""


@pytest.fixture(scope="module")
def pythons() -> list[Path]:
    """The interpreters of both environments."""
    found = [environment / "bin" / "python" for environment in ENVIRONMENTS]
    missing = [str(python.relative_to(ROOT)) for python in found if not python.exists()]
    if missing:
        pytest.skip(f"there are no two versions of DuckDB to take turns: {', '.join(missing)} (.ci/duckdb-next)")
    return found


@pytest.mark.parametrize("end", ["closed", "killed"])
@pytest.mark.parametrize("newest_first", [False, True], ids=["older first", "newer first"])
def test_two_versions_take_turns_on_a_ledger_and_neither_loses_or_doubles_a_call(pythons, tmp_path, newest_first, end):
    order = pythons[::-1] if newest_first else pythons
    versions = set()
    for turn in range(TURNS):
        command = [order[turn % 2], "-c", TURN, str(tmp_path / "ledger"), str(turn), end]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        version, *counts = done.stdout.split()
        versions.add(version)
        assert [int(count) for count in counts] == [CALLS, CALLS * turn, CALLS * (turn + 1), CALLS * (turn + 1)]
    assert len(versions) == 2, versions
