"""A roll-up counts as a call only if no call beneath it came, and gives way when one comes after all."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from spanledger.storage.ledger import Ledger
from spanledger.storage.promotion import SETTLE_US
from spanledger.storage.schema import LABEL, SPAN_COLUMNS, SPANS, Arrivals, Ranks
from tests.records import NOON, batch, free, record

ARRIVED = NOON + timedelta(days=1)
LATER_US = int(ARRIVED.timestamp() * 1_000_000) + SETTLE_US + 1


@pytest.fixture
def ledger(tmp_path):
    one = Ledger.open(tmp_path)
    yield one
    one.close()


def roll_up(span, *, after_s=0.0, for_s=10.0, trace=7, **columns):
    """An agent's span that says what its calls used."""
    started = NOON + timedelta(seconds=after_s)
    return {
        "record_hash": span, "tenant": "default", "trace_id": f"{trace:032x}", "span_id": f"{span:016x}",
        "started_at": started, "ended_at": started + timedelta(seconds=for_s), "ingested_at": ARRIVED,
        "operation": "invoke_agent", "dialect": "agents", "input_tokens": 500, "output_tokens": 50,
    } | columns  # fmt: skip


def beneath(number, *, after_s=1.0, trace=7, **columns):
    """A call of the same trace."""
    return record(number, f"chatcmpl-{number}", after_s=after_s, trace_id=f"{trace:032x}", **columns)


def store(ledger, spans=(), calls=()):
    columns = []
    for name, kind in SPAN_COLUMNS.items():
        values = pa.array([one.get(name) for one in spans], pa.string() if kind is LABEL else kind)
        columns.append(values.dictionary_encode() if kind is LABEL else values)
    rows = pa.table(columns, schema=SPANS)
    arrivals = replace(Arrivals.of_calls(batch(calls)), spans=rows, span_parts=np.zeros(len(spans), np.int64))
    ledger.commit(ledger.plan(arrivals, price=free, ranks=Ranks({})))


def calls(ledger):
    with ledger.reader() as reader:
        rows = reader.query("select input_tokens, flags, sources from calls order by started_at").to_pylist()
    return [(row["input_tokens"], row["flags"]) for row in rows]


def test_a_roll_up_without_calls_counts_once_it_has_waited(ledger):
    store(ledger, [roll_up(1)])
    assert ledger.promote(free, LATER_US - 2) == 0, "its calls may still be on their way"
    assert ledger.promote(free, LATER_US) == 1
    assert calls(ledger) == [(500, "roll_up")]
    assert ledger.promote(free, LATER_US + 1) == 0, "only once"


def test_one_with_calls_does_not(ledger):
    store(ledger, [roll_up(1)], [beneath(2)])
    assert ledger.promote(free, LATER_US) == 0
    assert calls(ledger) == [(100, None)]


@pytest.mark.parametrize(
    "call",
    [beneath(2, trace=8), beneath(2, tenant="zeta"), beneath(2, after_s=30.0)],
    ids=["in another trace", "of another tenant", "after it had ended"],
)
def test_a_call_elsewhere_is_none_beneath(ledger, call):
    store(ledger, [roll_up(1)], [call])
    assert ledger.promote(free, LATER_US) == 1


def test_of_roll_ups_within_each_other_the_innermost_counts(ledger):
    store(ledger, [roll_up(1, for_s=30.0, input_tokens=900), roll_up(2, after_s=1.0, operation="invoke_workflow")])
    assert ledger.promote(free, LATER_US) == 1
    assert calls(ledger) == [(500, "roll_up")]


def test_two_runs_one_after_the_other_are_two(ledger):
    store(ledger, [roll_up(1, for_s=5.0), roll_up(2, after_s=20.0, for_s=5.0)])
    assert ledger.promote(free, LATER_US) == 2


@pytest.mark.parametrize(
    "columns",
    [
        {"operation": "execute_tool"},
        {"input_tokens": None, "output_tokens": None},
        {"flags": "cumulative"},
        {"trace_id": None},
    ],
    ids=["a tool", "without usage", "that adds up over its life", "outside any trace"],
)
def test_a_span_is_never_promoted(ledger, columns):
    store(ledger, [roll_up(1, **columns)])
    assert ledger.promote(free, LATER_US) == 0


def test_it_gives_way_when_a_call_comes_after_all(ledger):
    store(ledger, [roll_up(1)])
    ledger.promote(free, LATER_US)
    store(ledger, [], [beneath(2, ingested_at=ARRIVED + timedelta(hours=1))])
    assert ledger.promote(free, LATER_US + 3_600_000_000) == -1
    assert calls(ledger) == [(100, None)]


def test_what_was_promoted_survives_a_restart_and_the_count_holds(tmp_path):
    ledger = Ledger.open(tmp_path)
    store(ledger, [roll_up(1)])
    ledger.promote(free, LATER_US)
    ledger.close()
    ledger = Ledger.open(tmp_path)  # refuses if its count of calls were off
    store(ledger, [roll_up(1)])
    assert ledger.promote(free, LATER_US + 1) == 0
    assert calls(ledger) == [(500, "roll_up")]
    ledger.close()


def test_costs_are_those_of_the_price_step(ledger):
    def price(rows):
        at = rows.schema.get_field_index("web_searches")
        return rows.set_column(at, rows.schema.field(at), [[7] * rows.num_rows])

    store(ledger, [roll_up(1)])
    ledger.promote(price, LATER_US)
    with ledger.reader() as reader:
        assert reader.query("select web_searches from calls").to_pylist() == [{"web_searches": 7}]
