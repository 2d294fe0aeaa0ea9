"""Generated transcripts of Claude Code, with all that makes counting them hard: the ledger has exactly the truth.

The generator lies beside this repository; it writes what it knows into expected.json.
"""

import json
import random
import runpy
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from spanledger.instrumentation.replay.sources.claude_code import SOURCE
from spanledger.storage.ledger import Ledger
from tests.replaying import SHARED_LOGS, feed, read, requests

GENERATOR = SHARED_LOGS.parents[1] / "tools" / "gen_claude_logs.py"
ABSENT = "there is no generator at shared/tools beside this repository"

SETTINGS = 20
GROUPS = 3
"""In so many commits each set arrives, so that records meet within one and across."""

COLUMNS = {
    "responses": "count(*)",
    "input_tokens": "sum(input_tokens - cache_read_tokens - cache_write_tokens)",
    "output_tokens": "sum(output_tokens)",
    "cache_creation_input_tokens": "sum(cache_write_tokens)",
    "cache_read_input_tokens": "sum(cache_read_tokens)",
    "ephemeral_1h_input_tokens": "sum(cache_write_1h_tokens)",
    "web_search_requests": "coalesce(sum(web_searches), 0)",
}


def generated(folder: Path, seed: int) -> dict[str, Any]:
    """A set of transcripts by random settings; returns the truth."""
    chance = random.Random(seed)
    options = {
        "sessions": chance.randint(3, 6),
        "messages": chance.randint(5, 20),
        "seed": seed,
        "resume-frac": chance.choice([0, 0.3, 0.7]),
        "subagent-frac": chance.choice([0, 0.3, 0.8]),
        "btw-frac": chance.choice([0, 0.3, 0.8]),
        "gateway-frac": chance.choice([0, 0.3, 0.6]),
        "fast-frac": chance.choice([0, 0.2]),
        "torn-frac": chance.choice([0, 0.5]),
        "days": chance.choice([1, 10, 40]),
    }
    before = sys.argv
    sys.argv = [
        "generator",
        str(folder),
        *(str(part) for name, value in options.items() for part in (f"--{name}", value)),
    ]
    try:
        runpy.run_path(str(GENERATOR), run_name="__main__")
    finally:
        sys.argv = before
    return json.loads((folder / "expected.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory):
    opened = Ledger.open(tmp_path_factory.mktemp("truth"))
    yield opened
    opened.close()


def asked(ledger: Ledger, tenant: str, by: str = "''") -> dict[str, dict[str, int]]:
    """The totals of a tenant's calls by an expression."""
    sums = ", ".join(f"{sql} as {name}" for name, sql in COLUMNS.items())
    with ledger.reader() as reader:
        rows = reader.query(f"select {by} as by, {sums} from calls where tenant = '{tenant}' group by 1").to_pylist()
    return {row.pop("by"): {name: int(value or 0) for name, value in row.items()} for row in rows}


@pytest.mark.skipif(not GENERATOR.is_file(), reason=ABSENT)
@pytest.mark.parametrize("seed", range(SETTINGS))
def test_the_ledger_has_the_truth_whatever_the_order_and_however_often(ledger: Ledger, tmp_path: Path, seed: int):
    truth = generated(tmp_path, seed)
    whole = truth["totals"] | {"responses": truth["responses"]}
    files = sorted(tmp_path.rglob("*.jsonl"))
    chance = random.Random(seed)
    paths = chance.choice((files, files[::-1], chance.sample(files, len(files))))
    tenant = str(seed)
    groups = [
        requests([(SOURCE, read(SOURCE, path)) for path in paths[place::GROUPS]], tenant) for place in range(GROUPS)
    ]
    groups = [group for group in groups if group]
    feed(ledger, *groups)
    assert asked(ledger, tenant) == {"": whole}
    feed(ledger, *groups[::-1])
    assert asked(ledger, tenant) == {"": whole}
    by_day = asked(ledger, tenant, "strftime(ended_at, '%Y-%m-%d')")
    assert by_day == {day: Counter(row) for day, row in truth["by_day_utc"].items()}
    by_model = asked(ledger, tenant, "response_model || if(speed = 'fast', '-fast', '')")
    assert by_model == {model: Counter(row) for model, row in truth["by_model"].items()}
