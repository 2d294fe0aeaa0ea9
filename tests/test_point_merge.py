"""Usage points in the ledger: each once, and what each adds worked out when it is read, in any order of arrival."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint

from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import POINT_COLUMNS, POINT_FACTS
from tests.otlp_metrics import (
    CLAUDE,
    CUMULATIVE,
    DELTA,
    USAGE,
    asked,
    counter,
    exponential,
    histogram,
    in_all,
    measured,
    metric_body,
    number,
    send,
    times,
)

INPUT = {"type": "input", "model": "m", "session.id": "s"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger.open(tmp_path)
    yield one
    one.close()


def running(value: float, time_s: float, *, start_s: float | None = 0, pid: int | None = None) -> bytes:
    """One export of a cumulative counter."""
    resource = {"service.name": "app"} | ({} if pid is None else {"process.pid": pid})
    point = number(value, INPUT, start_s=start_s, time_s=time_s)
    return metric_body(counter(CLAUDE, point, temporality=CUMULATIVE), resource=resource)


def delta(value: float, start_s: float, time_s: float) -> bytes:
    return metric_body(counter(CLAUDE, number(value, INPUT, start_s=start_s, time_s=time_s), temporality=DELTA))


def added(ledger: Ledger) -> list[int | None]:
    """What each point adds, in order of time."""
    return [row["added_tokens"] for row in asked(ledger, "select added_tokens from usage_points order by ended_at")]


def test_the_table_holds_the_columns_of_the_schema(ledger: Ledger) -> None:
    send(ledger, delta(1, 0, 60))
    (row,) = asked(ledger, "select * from usage_points")
    assert set(POINT_FACTS) <= set(row)
    assert row["ended_on"] == datetime(2026, 11, 18, tzinfo=UTC).date()
    assert set(row) - set(POINT_COLUMNS) == {"added_tokens", "added_cost_usd", "added_measurements", "ended_on"}


def test_points_that_are_sent_again_change_nothing(ledger: Ledger) -> None:
    bodies = [delta(5, 0, 60), delta(7, 60, 120), running(9, 60)]
    assert send(ledger, *bodies) == 0
    assert send(ledger, *bodies) == 3
    assert send(ledger, bodies[1], bodies[1], delta(1, 120, 180)) == 2
    assert in_all(ledger) == 5 + 7 + 9 + 1


def test_points_that_are_sent_again_after_a_restart_of_the_ledger_change_nothing(tmp_path: Path) -> None:
    for repeated in (0, 1):
        ledger = Ledger.open(tmp_path)
        assert send(ledger, delta(5, 0, 60)) == repeated
        assert in_all(ledger) == 5
        ledger.close()


def test_a_group_of_points_and_nothing_else_makes_no_call(ledger: Ledger) -> None:
    send(ledger, delta(5, 0, 60))
    assert asked(ledger, "select count(*) as calls from calls") == [{"calls": 0}]


def test_deltas_add_what_they_say(ledger: Ledger) -> None:
    send(ledger, delta(5, 0, 60), delta(0, 60, 120), delta(7, 60, 180))
    assert added(ledger) == [5, 0, 7]


def test_a_cumulative_counter_adds_what_came_since_the_point_before(ledger: Ledger) -> None:
    send(ledger, running(5, 60), running(5, 120), running(12, 180))
    assert added(ledger) == [5, 0, 7]


def test_a_point_that_arrives_late_changes_what_the_next_one_adds(ledger: Ledger) -> None:
    send(ledger, running(12, 180))
    assert added(ledger) == [12]
    send(ledger, running(5, 60))
    assert added(ledger) == [5, 7]


def test_a_process_that_starts_anew_begins_from_nothing(ledger: Ledger) -> None:
    send(ledger, running(10, 60), running(30, 120), running(25, 180, start_s=150), running(26, 240, start_s=150))
    assert added(ledger) == [10, 20, 25, 1]


def test_two_processes_side_by_side_that_nothing_but_their_start_tells_apart(ledger: Ledger) -> None:
    one = [running(value, time_s) for value, time_s in ((10, 60), (20, 120), (30, 180))]
    other = [running(value, time_s, start_s=1) for value, time_s in ((100, 61), (100, 121), (150, 181))]
    send(ledger, *(body for pair in zip(one, other, strict=True) for body in pair))
    assert added(ledger) == [10, 100, 10, 0, 10, 50]


def test_a_value_that_falls_began_anew(ledger: Ledger) -> None:
    send(ledger, running(10, 60), running(4, 120), running(6, 180))
    assert added(ledger) == [10, 4, 2]


def test_what_came_before_the_first_point_is_not_known_without_a_start(ledger: Ledger) -> None:
    send(ledger, *(running(value, time_s, start_s=None) for value, time_s in ((100, 60), (130, 120), (7, 180))))
    assert added(ledger) == [None, 30, 7]


def test_a_counter_that_starts_when_its_first_point_ends_says_that_its_start_is_not_known(ledger: Ledger) -> None:
    send(ledger, running(100, 60, start_s=60), running(130, 120, start_s=60))
    assert added(ledger) == [None, 30]


def test_histograms_of_both_kinds_add_their_sums_and_numbers(ledger: Ledger) -> None:
    said = {"gen_ai.token.type": "input"}
    send(
        ledger,
        metric_body(histogram(USAGE, measured(30, 2, said), temporality=CUMULATIVE)),
        metric_body(histogram(USAGE, measured(45, 5, said, time_s=120), temporality=CUMULATIVE)),
        metric_body(exponential(USAGE, ExponentialHistogramDataPoint(sum=7, count=1, **times(0, 60)))),
    )
    rows = asked(ledger, "select added_tokens, added_measurements from usage_points order by all")
    assert [tuple(row.values()) for row in rows] == [(7, 1), (15, 3), (30, 2)]


def test_cost_is_added_up_exactly(ledger: Ledger) -> None:
    for time_s, dollars in ((60, 0.1), (120, 0.3), (180, 0.30000000000000004)):
        point = number(dollars, {}, time_s=time_s)
        send(ledger, metric_body(counter("claude_code.cost.usage", point, temporality=CUMULATIVE)))
    assert in_all(ledger, "added_cost_usd") == Decimal("0.300000000000")


def test_the_value_of_a_nested_attribute_can_be_asked_for(ledger: Ledger) -> None:
    send(ledger, metric_body(counter(CLAUDE, number(1, {"effort": "high"}))))
    assert asked(ledger, "select attributes ->> 'effort' as effort from usage_points") == [{"effort": "high"}]


runs = st.lists(
    st.tuples(
        st.sampled_from([None, 0.0, 100.0]),  # when the counter started
        st.lists(st.integers(0, 50), min_size=1, max_size=5),  # what it added from export to export
        st.sampled_from([1, 2]),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=12)
@given(runs, st.data())
def test_any_order_and_batching_of_the_same_points_adds_the_same(runs, data: st.DataObject) -> None:
    bodies = {
        running(sum(steps[: at + 1]), 200 + 60 * at, start_s=start_s, pid=pid)
        for start_s, steps, pid in runs
        for at in range(len(steps))
    }
    in_order = sorted(bodies)
    shuffled = data.draw(st.permutations([*in_order, *in_order[:2]]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(shuffled)), max_size=4)))
    groups = [shuffled[first:last] for first, last in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    question = "select ended_at, started_at, instance_id, tokens, added_tokens from usage_points order by all"
    told = []
    for batches in ([in_order], groups):
        with TemporaryDirectory() as folder:
            ledger = Ledger.open(Path(folder))
            for batch in batches:
                if batch:
                    send(ledger, *batch)
            told.append(asked(ledger, question))
            ledger.close()
    assert told[0] == told[1]


def test_a_counter_with_a_known_start_adds_up_to_its_last_value(ledger: Ledger) -> None:
    send(ledger, *(running(value, 60 * (1 + at)) for at, value in enumerate([0, 3, 3, 11, 40])))
    assert in_all(ledger) == 40
