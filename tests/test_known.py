"""Known: a record that was sent again is told before any work is put into it, and nothing else is."""

import numpy as np
import pytest

from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Ranks
from tests.records import NOON, batch, free, record, shuffled

RANKS = Ranks({"first": 1, "second": 2})


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger.open(tmp_path / "ledger")
    yield opened
    opened.close()


def asked(ledger, records):
    """Which of `records` the ledger says it has."""
    rows = batch(records)
    hashes = rows.column("record_hash").to_numpy()
    started = rows.column("started_at").cast("int64").to_numpy()
    output = rows.column("output_tokens").fill_null(-1).to_numpy()
    ended = rows.column("ended_at").cast("int64").fill_null(-1).to_numpy()
    perhaps = ledger.perhaps_stored(hashes, started)
    found = ledger.repeats(hashes, started, np.column_stack([output, ended]))
    assert not (found & ~perhaps).any(), "the filter must never deny what is stored"
    return found.tolist()


def stored(ledger, records):
    ledger.merge(batch(records), price=free, ranks=RANKS)


def test_what_was_stored_is_known_and_what_was_not_is_new(ledger):
    stored(ledger, [record(1), record(2, "chatcmpl-2")])
    assert asked(ledger, [record(2, "chatcmpl-2"), record(3), record(1)]) == [True, False, True]


@pytest.mark.parametrize(
    ("again", "known"),
    [
        ({}, True),
        ({"output_tokens": 9}, True),
        ({"output_tokens": None}, True),
        ({"output_tokens": 11}, False),
        ({"ended_at": NOON.replace(second=30)}, False),
        ({"ended_at": None}, True),
        ({"output_tokens": 11, "ended_at": None}, False),
    ],
)
def test_a_record_that_says_more_than_the_stored_one_is_no_repeat(ledger, again, known):
    stored(ledger, [record(1)])
    assert asked(ledger, [record(1, **again)]) == [known]


def test_a_record_that_was_folded_into_a_call_is_known_by_itself(ledger):
    stored(ledger, [record(1, "chatcmpl-1"), record(2, "chatcmpl-1", dialect="second", output_tokens=500)])
    assert asked(ledger, [record(1, "chatcmpl-1"), record(2, "chatcmpl-1", output_tokens=500)]) == [True, True]
    assert asked(ledger, [record(1, "chatcmpl-1", output_tokens=11)]) == [False], "the other record says 500, not this"


def test_another_record_of_a_stored_call_is_no_repeat(ledger):
    stored(ledger, [record(1, "chatcmpl-1")])
    assert asked(ledger, [record(2, "chatcmpl-1")]) == [False]


def test_the_same_span_twice_in_a_question_is_answered_twice(ledger):
    stored(ledger, [record(1)])
    assert asked(ledger, [record(1), record(1), record(2), record(2)]) == [True, True, False, False]


def test_days_are_asked_one_by_one(ledger):
    apart = [record(n, after_s=n * 20_000) for n in range(12)]
    stored(ledger, apart[::2])
    order = shuffled(batch(apart), seed=1).column("span_id").to_pylist()
    mixed = sorted(apart, key=lambda one: order.index(one["span_id"]))
    assert asked(ledger, mixed) == [int(one["span_id"], 16) % 2 == 0 for one in mixed]


def test_an_empty_question_has_an_empty_answer(ledger):
    assert asked(ledger, []) == []
