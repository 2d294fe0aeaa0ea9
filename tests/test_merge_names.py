"""Names join whatever bears them: response and request ids, events of a span; but not a name that everybody bears."""

from datetime import timedelta
from itertools import permutations

import pytest

from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Ranks
from tests.records import NOON, batch, event, free, record

RANKS = Ranks({"sdk": 0, "first": 1, "framework": 5}, {"framework": 0, "sdk": 9})


@pytest.fixture
def ledger(tmp_path):
    one = Ledger.open(tmp_path)
    yield one
    one.close()


def stored(ledger, *batches):
    for records in batches:
        ledger.merge(batch(records), price=free, ranks=RANKS)
    with ledger.reader() as reader:
        return reader.query("select * from calls order by started_at, call_id").to_pylist()


def in_every_order(tmp_path, records):
    """The rows, which must be the same in any order of arrival."""
    stories = []
    for number, order in enumerate(permutations(records)):
        ledger = Ledger.open(tmp_path / str(number))
        stories.append(stored(ledger, *([one] for one in order)))
        ledger.close()
    assert all(story == stories[0] for story in stories)
    return stories[0]


def test_one_emitters_response_id_is_the_others_request_id(tmp_path):
    span = record(1, "req_011CMGZQdZ4m", dialect="first")
    said = record(2, None, request_id="req_011CMGZQdZ4m", dialect="sdk")
    assert len(in_every_order(tmp_path, [span, said])) == 1


def test_a_record_with_both_ids_links_those_with_one(tmp_path):
    records = [
        record(1, "msg_01NGD6Ddw", dialect="first"),
        record(2, None, request_id="req_011CMGZQ", dialect="framework"),
        record(3, "msg_01NGD6Ddw", request_id="req_011CMGZQ", dialect="sdk"),
    ]
    (row,) = in_every_order(tmp_path, records)
    assert row["sources"] == "first,framework,sdk"


def test_an_event_tells_of_the_span_that_it_lies_in(tmp_path):
    (row,) = in_every_order(tmp_path, [record(1, dialect="first"), event(9, of_span=1, dialect="framework")])
    assert (row["sources"], row["span_id"]) == ("first,framework", f"{1:016x}")


def test_an_event_and_another_span_of_the_call_meet_through_the_span(tmp_path):
    records = [
        record(1, "chatcmpl-1", dialect="first"),
        event(9, of_span=1, dialect="framework"),
        record(2, "chatcmpl-1", dialect="sdk"),
    ]
    assert len(in_every_order(tmp_path, records)) == 1


def test_two_events_without_a_span_are_two_calls(ledger):
    assert len(stored(ledger, [event(1), event(2)])) == 2


def test_who_it_was_for_goes_by_an_order_of_its_own(ledger):
    (row,) = stored(
        ledger,
        [
            record(1, "chatcmpl-1", dialect="sdk", user_id="the gateway's key", input_tokens=100),
            record(2, "chatcmpl-1", dialect="framework", user_id="ann", input_tokens=90),
        ],
    )
    assert (row["user_id"], row["input_tokens"]) == ("ann", 100)


def test_a_record_that_knows_all_of_the_usage_comes_before_a_better_ranked_one_that_does_not(ledger):
    (row,) = stored(
        ledger,
        [
            record(1, "chatcmpl-1", dialect="sdk", output_tokens=1, partial=True),
            record(2, "chatcmpl-1", dialect="framework", output_tokens=341, partial=False),
        ],
    )
    assert (row["output_tokens"], row["partial"]) == (341, False)


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(days=-40), timedelta(days=-3650)], ids=str)
@pytest.mark.parametrize("wrong_first", [True, False])
def test_a_wrong_clock_doubles_no_call(tmp_path, off, wrong_first):
    now = NOON
    right = record(1, "chatcmpl-1", ingested_at=now, dialect="sdk")
    wrong = record(2, "chatcmpl-1", ingested_at=now, started_at=now + off, ended_at=now + off, dialect="first")
    order = [wrong, right] if wrong_first else [right, wrong]
    for one in order:  # the second comes after a restart
        ledger = Ledger.open(tmp_path)
        rows = stored(ledger, [one])
        ledger.close()
    (row,) = rows
    assert (row["started_at"], row["flags"]) == (now, "clock"), "the better ranked emitter's time, and a flag"


def of_a_gateway(number, **columns):
    """A call of a gateway that calls every answer the same."""
    usage = {"input_tokens": 100 + number, "output_tokens": 10 + number}
    return record(number, "response-0", after_s=number * 60.0, **(usage | columns))


def test_an_id_that_every_call_bears_is_no_name(tmp_path):
    records = [of_a_gateway(number) for number in range(1, 5)]
    for number, batches in enumerate(([records], [[one] for one in records], [records[2:], records[:2]])):
        ledger = Ledger.open(tmp_path / str(number))
        rows = stored(ledger, *batches)
        assert [row["span_id"] for row in rows] == [one["span_id"] for one in records]
        assert {row["flags"] for row in rows} == {"constant_id"}
        ledger.close()
        ledger = Ledger.open(tmp_path / str(number))
        assert len(stored(ledger, [of_a_gateway(9)], records)) == 5, "remembered, and nothing twice"
        ledger.close()


def test_two_records_of_one_call_may_differ_by_a_token(ledger):
    rows = stored(ledger, [record(1, "msg_00000001"), record(2, "msg_00000001", dialect="sdk", output_tokens=11)])
    assert [row["flags"] for row in rows] == [None]
