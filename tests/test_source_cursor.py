"""Cursor's usage export: three parts of a prompt that do not overlap, and costs that may be words."""

from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Usage
from spanledger.instrumentation.replay.sources.cursor import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read, totals

FIXTURE = Path(__file__).parent / "logs" / "cursor" / "usage-events.csv"
SHARED = SHARED_LOGS / "cursor" / "shape" / "usage-events.csv"


def calls(path: Path, log: Log | None = None) -> list[Call]:
    return [record for record in read(SOURCE, path, log) if isinstance(record, Call)]


def test_the_parts_of_a_row_add_up_to_its_total() -> None:
    call = calls(FIXTURE)[0]
    assert call.usage == Usage(
        input_tokens=11_150, cache_read_tokens=9000, cache_write_tokens=2000, output_tokens=400
    )  # fmt: skip
    assert (call.usage.input_tokens or 0) + 400 == 11_550
    assert (call.cost_usd, call.session.user, call.session.plan) == (Decimal("0.0301"), "dev@example.com", None)


def test_two_equal_rows_are_two_calls_and_the_same_two_in_every_export(tmp_path: Path) -> None:
    again = tmp_path / "copy.csv"
    again.write_bytes(FIXTURE.read_bytes())
    keys = [call.key for call in calls(FIXTURE)]
    assert len(set(keys)) == len(keys) == 3
    assert [call.key for call in calls(again)] == keys


def test_a_file_that_grew_is_read_from_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    lines = FIXTURE.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]))
    log = Log(path)
    before = calls(path, log)
    path.write_bytes(b"".join(lines[:4]))
    after = calls(path, Log(path, offset=log.offset, state=log.state))
    assert after[:2] == before
    assert len(after) == 3


def test_what_the_plan_includes_has_no_cost() -> None:
    call = calls(FIXTURE)[2]
    assert (call.session.plan, call.cost_usd, call.model) == ("cursor", None, "auto")
    assert call.usage.input_tokens == 1600


def test_rows_that_tell_of_no_call_are_counted() -> None:
    log = Log(FIXTURE)
    calls(FIXTURE, log)
    assert log.skipped == {"row without counts of tokens": 1, "row without a date or a model": 1}
    assert SOURCE.recognises(FIXTURE, log.head())


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_both_rows_count() -> None:
    records = read(SOURCE, SHARED)
    found = totals(records)
    assert (found["calls"], found["uncached"], found["output_tokens"]) == (2, 250, 450)
    assert (found["cache_read_tokens"], found["cache_write_tokens"]) == (9500, 2000)
    assert sum(record.cost_usd or 0 for record in records if isinstance(record, Call)) == Decimal("0.0301")
