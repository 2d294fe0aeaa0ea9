"""What real emitters sent, replayed into a ledger without any of their packages, and held against what was served.

`python -m tests.e2e.record_emitters` renews the recordings, `make e2e` runs the emitters themselves.
"""

import re
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.emitter_gaps import GAPS, sort_out
from tests.e2e.emitter_judge import COST_OF_TOKENS, Verdict, judge
from tests.e2e.emitter_matrix import EMITTERS
from tests.e2e.emitter_replay import calls, replayed
from tests.e2e.emitter_table import PAGE, page
from tests.e2e.recordings import RECORDINGS, REQUESTS, read_recording, recorded
from tests.e2e.vendor_wire import COMPLETION_CANARY, PROMPT_CANARY

NAMES = [emitter.name for emitter in EMITTERS]
SIZE_MAX = 60_000
"""Bytes of a recording: small enough for a repository."""

PLACES = re.compile(rb"/(?:home|root|Users|work)/")


@dataclass(frozen=True)
class Story:
    """What a replay left in the ledger: judged, and all that any table holds, as text."""

    verdict: Verdict
    rows: list[dict[str, Any]]
    tables: dict[str, str]


@cache
def story(name: str) -> Story:
    """Replay a recording once; every test looks at the same ledger."""
    recording = read_recording(name)
    with tempfile.TemporaryDirectory() as scratch, replayed(recording.bodies, Path(scratch) / "ledger") as ledger:
        rows = calls(ledger)
        with ledger.reader() as reader:
            names = [row["name"] for row in reader.query("SHOW TABLES").to_pylist()]
            tables = {table: str(reader.query(f'FROM "{table}"').to_pylist()) for table in names}
    return Story(judge(rows, recording.truth), rows, tables)


def test_every_emitter_of_the_matrix_has_its_recording_and_no_other_has():
    assert sorted(NAMES) == list(recorded())


def test_every_gap_belongs_to_an_emitter_of_the_matrix():
    assert {name for gap in GAPS for name in gap.emitters} <= set(NAMES)


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "aws.bedrock", "gcp.gemini"])
def test_the_recordings_hold_what_the_page_claims(vendor: str):
    served = [call for name in NAMES for call in read_recording(name).truth if call.vendor == vendor]

    assert {call.streamed for call in served} == {True, False}
    assert {call.status == 200 for call in served} == {True, False}
    assert {call.cache_read > 0 for call in served} == {True, False}
    written = {(call.cache_write_5m > 0, call.cache_write_1h > 0) for call in served}
    assert len(written) == (1 if vendor in ("openai", "gcp.gemini") else 4), "five minutes, an hour, both, neither"


@pytest.mark.parametrize("name", NAMES)
def test_each_served_call_is_one_row_with_its_tokens_and_dollars_but_for_what_the_emitter_leaves_out(name: str):
    sorted_out = sort_out(name, story(name).verdict)

    assert [str(difference) for difference in sorted_out.unexplained] == []
    assert [gap.reason for gap in sorted_out.unused] == [], "a gap that explains nothing"


@pytest.mark.parametrize("name", NAMES)
def test_in_reverse_order_and_sent_again_the_rows_are_the_same(name: str, tmp_path: Path):
    bodies = read_recording(name).bodies
    with replayed((*reversed(bodies), *bodies), tmp_path / "ledger") as ledger:
        assert sorted(calls(ledger), key=repr) == sorted(story(name).rows, key=repr)


@pytest.mark.parametrize("name", NAMES)
def test_no_prompt_and_no_completion_of_any_emitter_is_stored(name: str):
    tables = story(name).tables

    assert "calls" in tables
    assert [table for table, text in tables.items() if PROMPT_CANARY in text or COMPLETION_CANARY in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_small_and_names_no_place_of_the_machine_it_was_made_on(name: str):
    assert (RECORDINGS / name / REQUESTS).stat().st_size < SIZE_MAX
    assert [body.signal for body in read_recording(name).bodies if PLACES.search(body.data)] == []


def test_a_call_that_is_lost_doubled_or_miscounted_is_noticed():
    truth = read_recording("otel-genai-openai").truth
    rows = story("otel-genai-openai").rows
    first = next(row for row in rows if row["input_tokens"])

    assert judge(rows, truth).differences == ()
    assert len(judge([row for row in rows if row is not first], truth).differences) == 1
    assert len(judge([*rows, dict(first)], truth).differences) == 1
    more = [row if row is not first else row | {"input_tokens": row["input_tokens"] + 1} for row in rows]
    tokens, dollars = judge(more, truth).differences
    assert dollars.field == COST_OF_TOKENS
    assert str(tokens).startswith(f"call 1: input_tokens is {first['input_tokens'] + 1}, served was")


def test_the_table_in_the_documents_says_what_came_of_the_recordings():
    results = {name: (story(name).verdict, sort_out(name, story(name).verdict)) for name in NAMES}

    assert PAGE.read_text(encoding="utf-8") == page(results), (
        "docs/emitters.md is behind: python -m tests.e2e.emitter_table"
    )
