"""The ledger as its users see it: merges, readers, removal, counts, and what survives what."""

import shutil
import threading
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest

from spanledger.storage import room
from spanledger.storage.aliases import Aliases
from spanledger.storage.errors import LedgerError, LedgerUnavailable, QueryTimeout
from spanledger.storage.ledger import REOPEN_AFTER_S, Ledger
from spanledger.storage.refusals import Refusal
from spanledger.storage.schema import COLUMNS, DERIVED, Arrivals, Ranks
from tests.records import NOON, batch, free, many, record


@pytest.fixture
def ledger(tmp_path):
    one = Ledger.open(tmp_path)
    yield one
    one.close()


def ask(ledger, sql):
    with ledger.reader() as reader:
        return reader.query(sql).to_pylist()


def test_the_view_has_every_column_of_the_schema_in_its_order(ledger):
    with ledger.reader() as reader:
        assert reader.query("select * from calls").column_names == [*COLUMNS, *DERIVED]
        assert reader.query("select * from observations").column_names == [*COLUMNS, *DERIVED]


def test_every_column_survives_the_way_through_the_ledger(ledger):
    told = record(
        1, "chatcmpl-aaaa", team="ml", service_name="chatbot", user_id="ann", session_id="s", web_searches=2,
        partial=True, time_to_first_chunk_s=0.25, attributes='{"a":1}', sample_weight=2.0, stream="true",
        cost_usd=Decimal("0.000000000001"), reported_cost_usd=Decimal("999999.999999999999"),
    )  # fmt: skip
    ledger.merge(batch([told]), price=free, ranks=Ranks({}))
    (row,) = ask(ledger, "select * from calls")
    assert {name: row[name] for name in told} == told
    assert row["git_branch"] is None
    assert row["started_on"] == NOON.date()


def test_refusals_are_counted_beside_the_calls(ledger):
    ledger.merge(many(1), [Refusal("default", "the span id is missing", 3)], price=free, ranks=Ranks({}))
    assert ask(ledger, "select tenant, reason, spans from rejections") == [
        {"tenant": "default", "reason": "the span id is missing", "spans": 3}
    ]


def test_a_row_the_ledger_cannot_hold_spoils_no_other_part_of_its_batch(ledger):
    rows = batch([record(1), record(2, ingested_at=None), record(3), record(4)])
    arrivals = replace(Arrivals.of_calls(rows), call_parts=np.array([0, 1, 1, 2]))
    planned = ledger.plan(arrivals, [Refusal("default", "odd", 1)], price=free, ranks=Ranks({}))
    refused = ledger.commit(planned).refused
    assert set(refused) == {1}
    assert "NOT NULL constraint failed" in refused[1]
    assert [row["span_id"] for row in ask(ledger, "select span_id from calls order by all")] == [
        f"{n:016x}" for n in (1, 4)
    ]
    assert ask(ledger, "select reason from rejections") == [{"reason": "odd"}]
    assert ledger.merge(batch([record(3)]), price=free, ranks=Ranks({})).calls == 1


def test_a_commit_that_would_make_the_log_too_large_goes_into_the_file_at_once(tmp_path):
    sizes = []
    for name in ("log", "file"):
        ledger = Ledger.open(tmp_path / name)
        if name == "file":
            ledger.fold_log_beyond(1000)
        ledger.merge(many(500), price=free, ranks=Ranks({}))
        log = tmp_path / name / "ledger.duckdb.wal"
        sizes.append(log.stat().st_size if log.exists() else 0)
        crashed = Path(shutil.copytree(tmp_path / name, tmp_path / f"{name} crashed"))
        ledger.close()
        again = Ledger.open(crashed)
        assert ask(again, "select count(*) as calls from calls") == [{"calls": 500}]
        again.close()
    first, second = sizes
    assert first > 20_000 > 1000 > second


def test_a_batch_is_planned_while_the_one_before_is_committed(ledger):
    first = ledger.plan(Arrivals.of_calls(many(3)), price=free, ranks=Ranks({}))
    second = ledger.plan(Arrivals.of_calls(many(3, first=3)), price=free, ranks=Ranks({}))
    assert (ledger.commit(first).calls, ledger.commit(second).calls) == (3, 3)


def test_a_plan_that_meets_what_is_only_in_the_ledger_waits_for_the_commit_before(ledger):
    ledger.merge(many(1, first=100), price=free, ranks=Ranks({}))
    first = ledger.plan(Arrivals.of_calls(many(3)), price=free, ranks=Ranks({}))
    merged = []
    meeting = threading.Thread(target=lambda: merged.append(ledger.merge(many(4), price=free, ranks=Ranks({}))))
    meeting.start()
    meeting.join(0.2)
    assert meeting.is_alive()
    ledger.commit(first)
    meeting.join()
    assert (merged[0].calls, merged[0].repeated) == (1, 3)


def test_a_plan_that_meets_the_batch_before_is_made_before_that_is_committed(ledger):
    def plan(*records):
        return ledger.plan(Arrivals.of_calls(batch(records)), price=free, ranks=Ranks({}))

    ledger.merge(many(1), price=free, ranks=Ranks({}))
    ledger.merge(many(1), price=free, ranks=Ranks({}))  # from here on what is planned is kept in memory
    first = plan(record(1, "chatcmpl-aaaa"), record(2, "chatcmpl-bbbb"))
    second = plan(record(3, "chatcmpl-aaaa", dialect="second"), record(2, "chatcmpl-bbbb"))
    third = plan(record(4, "chatcmpl-aaaa", dialect="third"))
    assert [ledger.commit(one).calls for one in (first, second, third)] == [2, 0, 0]
    assert ask(ledger, "select sources from calls where revision = 2") == [{"sources": "first,second,third"}]
    assert ask(ledger, "select count(*) as calls from calls") == [{"calls": 3}]


def test_plans_that_rest_on_a_commit_that_failed_fail_with_it(ledger, monkeypatch):
    ledger.merge(many(1), price=free, ranks=Ranks({}))
    ledger.merge(many(1), price=free, ranks=Ranks({}))
    told = [batch([record(span, "chatcmpl-aaaa", dialect=f"{span}")]) for span in (1, 2)]
    first, second = (ledger.plan(Arrivals.of_calls(rows), price=free, ranks=Ranks({})) for rows in told)
    with monkeypatch.context() as broken:
        broken.setattr("spanledger.storage.ledger.write", fails)
        with pytest.raises(LedgerUnavailable):
            ledger.commit(first)
    with pytest.raises(LedgerUnavailable):
        ledger.commit(second)
    time.sleep(REOPEN_AFTER_S)
    assert [ledger.merge(rows, price=free, ranks=Ranks({})).calls for rows in told] == [1, 0]


def test_what_was_told_a_repeat_of_a_call_whose_commit_failed_is_not_taken_for_stored(ledger, monkeypatch):
    ledger.merge(many(1), price=free, ranks=Ranks({}))
    ledger.merge(many(1), price=free, ranks=Ranks({}))
    rows = batch([record(1, "chatcmpl-aaaa")])
    nothing = Arrivals.of_calls(rows.slice(0, 0))
    first = ledger.plan(Arrivals.of_calls(rows), price=free, ranks=Ranks({}))
    era, told = ledger.era, Aliases.of(rows)
    assert ledger.repeats(told.record, told.started, told.completeness).tolist() == [True]
    with monkeypatch.context() as full:
        full.setattr(room, "FREE_BYTES_MIN", 1 << 62)
        with pytest.raises(LedgerUnavailable):
            ledger.commit(first)
    with pytest.raises(LedgerUnavailable, match="try again"):
        ledger.commit(ledger.plan(nothing, price=free, ranks=Ranks({}), era=era))
    assert ledger.repeats(told.record, told.started, told.completeness).tolist() == [False]
    assert ledger.merge(rows, price=free, ranks=Ranks({})).calls == 1


def fails(*_):
    raise duckdb.IOException("the disk is gone")


def test_a_reader_sees_the_last_commit_while_the_writer_goes_on(ledger):
    stop = threading.Event()
    seen = []

    def read():
        while not stop.is_set():
            seen.append(ask(ledger, "select count(*) as calls, count(distinct call_id) as ids from calls")[0])

    reading = threading.Thread(target=read)
    reading.start()
    for turn in range(10):
        ledger.merge(many(500, first=turn * 500), price=free, ranks=Ranks({}))
    stop.set()
    reading.join()
    counts = [one["calls"] for one in seen]
    assert counts == sorted(counts)
    assert all(one["calls"] % 500 == 0 and one["calls"] == one["ids"] for one in seen)


def test_a_query_past_its_time_is_stopped(ledger):
    endless = "select count(*) from range(100000) a, range(100000) b, range(100) c where a.range + b.range = c.range"
    with ledger.reader(time_limit_s=0.2) as reader, pytest.raises(QueryTimeout, match=r"ran for more than 0\.2 s"):
        reader.query(endless)
    assert ask(ledger, "select 1 as one") == [{"one": 1}]


def test_a_bad_statement_is_told_in_duckdbs_words(ledger):
    with ledger.reader() as reader, pytest.raises(LedgerError, match='Referenced column "nonsense" not found'):
        reader.query("select nonsense from calls")


def test_removal_by_service_takes_those_calls_and_no_others(ledger):
    demo = [record(n, f"msg_demo{n:04d}", service_name=f"demo-{n % 2}") for n in range(10)]
    ledger.merge(batch([*demo, record(99, service_name="real")]), price=free, ranks=Ranks({}))
    assert ledger.remove_service_prefix("demo-") == 10
    assert ask(ledger, "select service_name from calls") == [{"service_name": "real"}]
    assert ledger.merge(batch(demo), price=free, ranks=Ranks({})).calls == 10, "what was removed can be sent again"


def test_removal_holds_after_a_restart(tmp_path):
    ledger = Ledger.open(tmp_path)
    ledger.merge(batch([record(1, service_name="demo-a"), record(2)]), price=free, ranks=Ranks({}))
    ledger.remove_service_prefix("demo-")
    ledger.close()
    ledger = Ledger.open(tmp_path)
    assert ask(ledger, "select count(*) as calls from calls") == [{"calls": 1}]
    ledger.close()


def test_a_readonly_ledger_takes_nothing(tmp_path):
    Ledger.open(tmp_path).close()
    ledger = Ledger.open_readonly(tmp_path)
    with pytest.raises(LedgerUnavailable, match="open for reading only"):
        ledger.merge(many(1), price=free, ranks=Ranks({}))
    assert ask(ledger, "select count(*) as calls from calls") == [{"calls": 0}]
    ledger.close()


def test_a_full_disk_is_told_before_anything_is_written(ledger, monkeypatch):
    monkeypatch.setattr(room, "FREE_BYTES_MIN", 1 << 62)
    with pytest.raises(LedgerUnavailable, match=r"the disk that holds .* is full .*; free some space"):
        ledger.merge(many(1), price=free, ranks=Ranks({}))
    monkeypatch.undo()
    assert ledger.merge(many(1), price=free, ranks=Ranks({})).calls == 1


def test_big_commits_go_past_the_write_ahead_log(tmp_path):
    ledger = Ledger.open(tmp_path)
    ledger.merge(many(10_000), price=free, ranks=Ranks({}))
    assert (tmp_path / "ledger.duckdb.wal").stat().st_size < 200_000
    ledger.close()
