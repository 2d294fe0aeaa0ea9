"""Each call once, whoever tells of it, in whatever order and however often."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanledger.storage import recent
from spanledger.storage.ledger import Ledger
from spanledger.storage.recent import BYTES_MAX
from spanledger.storage.schema import Ranks
from tests.records import NOON, batch, free, many, record

RANKS = Ranks({"sdk": 0, "first": 1, "framework": 5})


@pytest.fixture
def ledger(tmp_path) -> Iterator[Ledger]:
    one = Ledger.open(tmp_path)
    yield one
    one.close()


def merge(ledger, records):
    return ledger.merge(batch(records), price=free, ranks=RANKS)


def calls(ledger, columns="*"):
    with ledger.reader() as reader:
        return reader.query(f"select {columns} from calls order by started_at, span_id").to_pylist()


def test_new_records_become_calls(ledger):
    assert merge(ledger, [record(1, "chatcmpl-aaaa"), record(2, "chatcmpl-bbbb")]).calls == 2
    assert [row["response_id"] for row in calls(ledger)] == ["chatcmpl-aaaa", "chatcmpl-bbbb"]


def test_a_record_sent_again_changes_nothing(ledger):
    merge(ledger, [record(1, "chatcmpl-aaaa")])
    before = calls(ledger)
    outcome = merge(ledger, [record(1, "chatcmpl-aaaa")])
    assert (outcome.calls, outcome.repeated) == (0, 1)
    assert calls(ledger) == before


def test_a_record_twice_in_one_batch_is_one_call(ledger):
    outcome = merge(ledger, [record(1, "chatcmpl-aaaa"), record(1, "chatcmpl-aaaa")])
    assert (outcome.calls, outcome.repeated) == (1, 1)


def test_a_record_sent_again_after_a_restart_changes_nothing(tmp_path):
    first = Ledger.open(tmp_path)
    merge(first, [record(1, "chatcmpl-aaaa"), record(2)])
    first.close()
    second = Ledger.open(tmp_path)
    assert merge(second, [record(1, "chatcmpl-aaaa"), record(2)]).calls == 0
    second.close()


def test_the_more_complete_record_of_a_span_wins_whole(ledger):
    merge(ledger, [record(1, output_tokens=3, input_tokens=7, user_id="ann")])
    merge(ledger, [record(1, output_tokens=9, input_tokens=None)])
    merge(ledger, [record(1, output_tokens=5, input_tokens=8)])
    (row,) = calls(ledger)
    assert (row["output_tokens"], row["input_tokens"], row["user_id"], row["revision"]) == (9, None, None, 0)


def test_two_emitters_with_one_response_id_are_one_call(ledger):
    outcome = merge(
        ledger,
        [
            record(1, "msg_aaaaaaaa", dialect="framework", user_id="ann", input_tokens=90, output_tokens=11),
            record(2, "msg_aaaaaaaa", dialect="sdk", cache_write_1h_tokens=40),
        ],
    )
    assert (outcome.calls, outcome.joined) == (1, 2)
    (row,) = calls(ledger)
    assert row["input_tokens"] == 100, "the better ranked emitter's word counts, not the greater number"
    assert row["output_tokens"] == 10
    assert row["cache_write_1h_tokens"] == 40
    assert row["user_id"] == "ann", "what only one of them says is kept"
    assert row["sources"] == "framework,sdk"
    assert row["revision"] == 1


def test_what_each_source_said_is_kept(ledger):
    merge(ledger, [record(1, "msg_aaaaaaaa", dialect="framework", output_tokens=11)])
    merge(ledger, [record(2, "msg_aaaaaaaa", dialect="sdk")])
    with ledger.reader() as reader:
        said = reader.query("select call_id, dialect, output_tokens from observations order by dialect").to_pylist()
    assert [(one["dialect"], one["output_tokens"]) for one in said] == [("framework", 11), ("sdk", 10)]
    assert {one["call_id"] for one in said} == {calls(ledger)[0]["call_id"]}


def test_a_record_without_response_id_is_no_double_of_another(ledger):
    merge(ledger, [record(1), record(2)])
    assert len(calls(ledger)) == 2


def test_a_short_response_id_joins_nothing(ledger):
    merge(ledger, [record(1, "1"), record(2, "1")])
    assert len(calls(ledger)) == 2


def test_tenants_never_share_a_call(ledger):
    merge(ledger, [record(1, "msg_aaaaaaaa", tenant="a"), record(1, "msg_aaaaaaaa", tenant="b")])
    assert [row["tenant"] for row in calls(ledger)] == ["a", "b"]


def test_midnight_between_two_emitters_is_no_border(ledger):
    merge(ledger, [record(1, "msg_aaaaaaaa", after_s=12 * 3600 - 1)])
    merge(ledger, [record(2, "msg_aaaaaaaa", after_s=12 * 3600 + 1, dialect="sdk")])
    assert len(calls(ledger)) == 1


def test_a_gateway_hours_later_in_the_day_is_still_the_same_call(ledger):
    merge(ledger, [record(1, "msg_aaaaaaaa")])
    merge(ledger, [record(2, "msg_aaaaaaaa", after_s=5 * 3600, dialect="sdk")])
    assert len(calls(ledger)) == 1


def test_a_span_that_came_again_more_complete_keeps_its_place_among_the_observations(ledger):
    merge(ledger, [record(1, "msg_aaaaaaaa", dialect="framework"), record(2, "msg_aaaaaaaa", dialect="sdk")])
    merge(ledger, [record(2, "msg_aaaaaaaa", dialect="sdk", output_tokens=20)])
    (row,) = calls(ledger)
    assert (row["output_tokens"], row["revision"]) == (20, 1)


def test_dates_decades_apart_in_one_batch_are_all_stored(ledger):
    years = [record(n, started_at=NOON.replace(year=2001 + n), ended_at=None) for n in range(90)]
    assert merge(ledger, years).calls == 90
    assert merge(ledger, years).calls == 0


def test_costs_follow_a_merge(ledger):
    def price(rows):
        doubled = [None if n is None else n * 2 for n in rows.column("output_tokens").to_pylist()]
        at = rows.schema.get_field_index("web_searches")
        return rows.set_column(at, rows.schema.field(at), [doubled])

    ledger.merge(batch([record(1, "msg_aaaaaaaa", dialect="framework", output_tokens=1)]), price=price, ranks=RANKS)
    ledger.merge(batch([record(2, "msg_aaaaaaaa", dialect="sdk", output_tokens=21)]), price=price, ranks=RANKS)
    assert calls(ledger, "web_searches, started_at, span_id")[0]["web_searches"] == 42


def test_a_batch_of_thousands_is_counted_once_whatever_is_mixed_in(ledger):
    ledger.merge(many(5000), price=free, ranks=RANKS)
    outcome = ledger.merge(many(5000, first=2500), price=free, ranks=RANKS)
    assert (outcome.calls, outcome.repeated) == (2500, 2500)
    assert len(calls(ledger, "call_id, started_at, span_id")) == 7500


RECORDS = st.lists(
    st.builds(
        lambda span, response, output, dialect, minutes: record(
            span,
            None if response is None else f"msg_{response:08d}",
            dialect=f"{dialect}",
            output_tokens=output,
            # A span has one start, whoever sends it how often.
            after_s=span * 60.0,
            ended_at=NOON + timedelta(seconds=span * 60 + minutes),
            user_id=f"user-{span}" if dialect == "first" else None,
        ),
        span=st.integers(1, 6),
        response=st.one_of(st.none(), st.integers(1, 3)),
        output=st.one_of(st.none(), st.integers(0, 3)),
        dialect=st.sampled_from(sorted(RANKS.usage)),
        minutes=st.integers(1, 3),
    ),
    min_size=1,
    max_size=7,
    # One span says one thing of itself: versions of it differ in how complete they are.
    unique_by=lambda one: (one["span_id"], one["output_tokens"], one["ended_at"]),
)


def one_story(records):
    """Give each span one response id and one dialect, as an emitter would."""
    first = {}
    for one in records:
        told = first.setdefault(one["span_id"], one)
        one |= {name: told[name] for name in ("response_id", "dialect", "sources", "user_id")}
    return records


@pytest.mark.parametrize("kept_bytes", [BYTES_MAX, 0], ids=["found in memory", "found in the ledger"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS.map(one_story), data=st.data())
def test_any_order_and_any_batching_end_in_the_same_ledger(tmp_path_factory, monkeypatch, kept_bytes, records, data):
    monkeypatch.setattr(recent, "BYTES_MAX", kept_bytes)

    def ledger_of(batches):
        one = Ledger.open(tmp_path_factory.mktemp("ledger"))
        for records_of_batch in batches:
            if records_of_batch:
                merge(one, records_of_batch)
        rows = calls(one)
        one.close()
        return rows

    order = data.draw(st.permutations(records))
    cut = data.draw(st.integers(0, len(order)))
    assert ledger_of([order[:cut], order[cut:], order[:cut]]) == ledger_of([[one] for one in records])


def test_a_third_record_joins_two_stored_calls_in_every_order(tmp_path):
    # The span was first sent without its response id; sent again, complete, it links what had looked like two calls.
    early = record(1, None, output_tokens=None)
    gateway = record(2, "msg_aaaaaaaa", dialect="sdk", after_s=1)
    late = record(1, "msg_aaaaaaaa", output_tokens=12)
    stories = set()
    for number, order in enumerate(permutations([early, gateway, late])):
        one = Ledger.open(tmp_path / str(number))
        for each in order:
            merge(one, [each])
        rows = calls(one)
        stories.add(str(rows))
        assert len(rows) == 1
        one.close()
    assert len(stories) == 1
