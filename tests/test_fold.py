"""The fold of a call's records: which of them says what, the same in any order."""

from datetime import timedelta
from itertools import permutations

import numpy as np
import pytest

from spanledger.storage.fold import fold
from spanledger.storage.schema import Ranks
from tests.records import NOON, batch, record

RANKS = Ranks(
    {"gateway": 0, "sdk": 1, "event": 2, "framework": 3}, {"framework": 1, "sdk": 5, "event": 5, "gateway": 6}
)


def lasting(span, dialect, start_s, end_s, **columns):
    """A record of `dialect` from start_s to end_s seconds after noon; None is an end that nobody said."""
    times = {"started_at": NOON + timedelta(seconds=start_s)}
    times["ended_at"] = None if end_s is None else NOON + timedelta(seconds=end_s)
    return record(span, dialect=dialect, **columns) | times


def folded(*records):
    """The one row that these records fold to, in whatever order they come."""
    answers = []
    for order in permutations(records):
        groups = np.zeros(len(order), np.int64)
        rows, _ = fold(batch(order), groups, RANKS, constant=np.array([], np.uint64))
        answers.append(rows.to_pylist())
    assert all(answer == answers[0] for answer in answers), "the order of arrival matters"
    ((row,),) = answers[:1]
    return row


def seconds(row):
    return [(row[name] - NOON).total_seconds() if row[name] else None for name in ("started_at", "ended_at")]


def test_an_event_without_a_duration_moves_neither_start_nor_end():
    event = lasting(1, "sdk", 5, 5)
    assert seconds(folded(event, lasting(2, "event", 1, 4.5), lasting(3, "framework", 0, 6))) == [1, 4.5]


def test_start_and_end_are_of_one_record():
    assert seconds(folded(lasting(1, "sdk", 5, None), lasting(2, "framework", 0, 6))) == [0, 6]


@pytest.mark.parametrize("end_s", [5, None])
def test_where_no_record_lasted_the_first_says_when(end_s):
    assert seconds(folded(lasting(1, "sdk", 5, end_s), lasting(2, "event", 4, 4))) == [5, end_s or 4]


def test_each_call_of_a_batch_has_its_own_times():
    records = [lasting(1, "sdk", 5, 5), lasting(2, "sdk", 1, 2), lasting(3, "event", 3, 4), lasting(4, "event", 0, 9)]
    rows, groups = fold(batch(records), np.array([7, 8, 7, 8]), RANKS, constant=np.array([], np.uint64))
    assert groups.tolist() == [7, 8]
    assert [seconds(row) for row in rows.to_pylist()] == [[3, 4], [1, 2]]


def test_of_a_gateway_and_its_caller_the_one_says_what_was_billed_and_the_other_where_it_came_from():
    gateway = record(1, dialect="gateway", service_name="gateway", request_model="claude-sonnet-4-5", team="platform")
    caller = record(2, dialect="sdk", service_name="shop", host_name="shop-1", request_model="sonnet")
    row = folded(gateway, caller)
    assert (row["request_model"], row["service_name"], row["host_name"]) == ("claude-sonnet-4-5", "shop", "shop-1")
    assert row["team"] == "platform", "only the gateway knows"


def test_of_two_of_one_rank_the_one_closer_to_the_vendor_goes_first():
    ranks = Ranks({"near": 1, "far": 1}, {"near": 7, "far": 3})
    records = [record(n, f"chatcmpl-{name}", dialect=name, output_tokens=n) for n, name in enumerate(("near", "far"))]
    for order in (records, records[::-1]):
        rows, _ = fold(batch(order), np.zeros(2, np.int64), ranks, constant=np.array([], np.uint64))
        assert rows.column("response_id").to_pylist() == ["chatcmpl-near"]
