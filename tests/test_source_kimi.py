"""Kimi CLI's wire log: each status update with tokens is a call."""

from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Prompt, Usage
from spanledger.instrumentation.replay.sources.kimi import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read

FIXTURE = Path(__file__).parent / "logs" / "kimi-cli" / "sessions" / "group" / "session-a" / "wire.jsonl"
SHARED = (
    SHARED_LOGS / "kimi" / "ccusage-tests" / "skips_malformed_and_zero_token_wire_lines" / "sessions" / "group"
    / "session-a" / "wire.jsonl"
)  # fmt: skip


def test_a_step_is_a_call_whose_prompt_is_three_disjoint_parts() -> None:
    first, second = [record for record in read(SOURCE, FIXTURE) if isinstance(record, Call)]
    assert first.usage == Usage(
        input_tokens=70_630, cache_read_tokens=69_376, cache_write_tokens=10, output_tokens=155
    )  # fmt: skip
    assert (first.response_id, first.session.id) == ("chatcmpl-kimi1", "session-a")
    assert (second.response_id, second.usage.input_tokens) == (None, 5)
    assert first.started_ns == 1_770_983_427_250_000_000


def test_the_beginning_of_a_turn_is_a_prompt() -> None:
    (prompt,) = [record for record in read(SOURCE, FIXTURE) if isinstance(record, Prompt)]
    assert prompt.characters == len("CANARY-7f3a")


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_lines_that_are_damaged_or_count_nothing_are_no_calls() -> None:
    log = Log(SHARED)
    assert read(SOURCE, SHARED, log) == []
    assert SOURCE.recognises(SHARED, log.head())
