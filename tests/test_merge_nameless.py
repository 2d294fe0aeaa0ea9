"""Records without a name of their call find their twin by what was used, where and when, and never one too many."""

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanledger.storage import recent
from spanledger.storage.ledger import Ledger
from spanledger.storage.recent import BYTES_MAX
from spanledger.storage.schema import Ranks
from tests.records import batch, free, record

RANKS = Ranks({"sdk": 0, "first": 1, "framework": 5})
APP = {"service_name": "app", "host_name": "one"}


@pytest.fixture
def ledger(tmp_path):
    one = Ledger.open(tmp_path)
    yield one
    one.close()


def told(span, dialect, after_s=0.0, for_s=1.0, response=None, **columns):
    """A record of `dialect` that lasts from after_s for for_s seconds."""
    one = record(span, response, after_s=after_s, dialect=dialect, **(APP | columns))
    end = record(0, after_s=after_s + for_s)["started_at"]
    return one | {"ended_at": end}


def stored(ledger, *batches):
    for records in batches:
        ledger.merge(batch(records), price=free, ranks=RANKS)
    question = "select sources, response_id, input_tokens from calls order by started_at, sources"
    with ledger.reader() as reader:
        return reader.query(question).to_pylist()


SDK = told(1, "sdk", 0.1, 0.8, response="chatcmpl-1")
FRAMEWORK = told(2, "framework", 0.0, 1.0)


@pytest.mark.parametrize("batches", [[[SDK, FRAMEWORK]], [[SDK], [FRAMEWORK]], [[FRAMEWORK], [SDK]]])
def test_a_framework_around_the_sdk_is_the_same_call(ledger, batches):
    rows = stored(ledger, *batches)
    assert [(row["sources"], row["response_id"]) for row in rows] == [("framework,sdk", "chatcmpl-1")]


def test_it_is_still_the_same_call_after_a_restart(tmp_path):
    for records in ([FRAMEWORK], [SDK], [FRAMEWORK]):
        ledger = Ledger.open(tmp_path)
        rows = stored(ledger, records)
        ledger.close()
    assert [row["sources"] for row in rows] == ["framework,sdk"]


APART = {
    "of another process": {"service_name": "other"},
    "of another host": {"host_name": "two"},
    "that used other tokens": {"input_tokens": 101},
    "that gave another answer": {"output_tokens": 11},
    "of another model": {"request_model": "claude-opus-5"},
    "of another tenant": {"tenant": "zeta"},
    "of the same emitter": {"dialect": "sdk"},
    "that began before and ended before": {"after_s": -1.0},
    "that came later": {"after_s": 1.5},
}


@pytest.mark.parametrize("columns", APART.values(), ids=APART)
def test_a_record_is_no_twin_of_one(ledger, columns):
    sdk = told(1, "sdk", 0.1, 0.8, response="chatcmpl-1", request_model="gpt-5-mini-2025-08-07")
    other = {"dialect": "framework", "after_s": 0.0, "request_model": "gpt-5-mini"} | columns
    assert len(stored(ledger, [sdk], [told(2, **other)])) == 2


TRACE = {"trace_id": f"{7:032x}", "parent_span_id": None}
REFUSED = TRACE | {"status": "error", "input_tokens": None, "output_tokens": None}
ASKED = told(1, "framework", 0.0, 1.0, request_model="fast", **REFUSED)
REFUSING = told(2, "sdk", 0.1, 0.8, request_model="gpt-5-mini", **REFUSED | {"service_name": "gateway"})


@pytest.mark.parametrize("batches", [[[ASKED, REFUSING]], [[ASKED], [REFUSING]], [[REFUSING], [ASKED]]])
def test_a_gateway_may_refuse_a_call_under_another_name_of_its_model(ledger, batches):
    assert [row["sources"] for row in stored(ledger, *batches)] == ["framework,sdk"]


def test_each_refusal_goes_to_the_call_of_its_model_first(ledger):
    sdk = [REFUSING | {"request_model": model, "span_id": f"{n:016x}"} for n, model in ((3, "fast"), (4, "slow"))]
    asked = [ASKED | {"request_model": model, "span_id": f"{n:016x}"} for n, model in ((5, "slow"), (6, "fast"))]
    stored(ledger, [*sdk, *asked])
    with ledger.reader() as reader:
        rows = reader.query("select request_model, sources from calls order by request_model").to_pylist()
    assert [(row["request_model"], row["sources"]) for row in rows] == [
        ("fast", "framework,sdk"),
        ("slow", "framework,sdk"),
    ]


SERVED = {"input_tokens": 100, "output_tokens": 10}


@pytest.mark.parametrize(
    ("asked", "refusing"),
    [({"trace_id": f"{8:032x}"}, {}), (SERVED, SERVED), ({"dialect": "sdk"}, {})],
    ids=["of another trace", "that was served", "of the same emitter"],
)
def test_under_another_name_of_its_model_no_other_is_the_same_call(ledger, asked, refusing):
    assert len(stored(ledger, [ASKED | asked], [REFUSING | refusing])) == 2


def test_two_sessions_of_one_process_share_no_call(ledger):
    assert len(stored(ledger, [SDK | {"session_id": "s-1"}], [FRAMEWORK | {"session_id": "s-2"}])) == 2


def test_two_names_are_two_calls_however_alike(ledger):
    assert len(stored(ledger, [SDK, told(2, "framework", response="chatcmpl-2")])) == 2


def test_the_same_trace_joins_across_processes(ledger):
    gateway = told(2, "framework", 0.2, 0.5, service_name="gateway", trace_id=SDK["trace_id"])
    assert [row["sources"] for row in stored(ledger, [SDK], [gateway])] == ["framework,sdk"]


def test_a_record_that_names_no_host_may_be_of_the_same_process(ledger):
    rows = stored(ledger, [SDK], [FRAMEWORK | {"host_name": None}])
    assert [row["sources"] for row in rows] == ["framework,sdk"]


def test_two_records_that_name_nothing_have_no_process_in_common(ledger):
    nowhere = {"service_name": None, "host_name": None}
    assert len(stored(ledger, [SDK | nowhere], [FRAMEWORK | nowhere])) == 2


def test_the_same_session_joins_what_a_log_says_a_little_later(ledger):
    span = told(1, "sdk", 0.0, 10.0, session_id="s-1")
    line = told(2, "framework", 11.5, 0.0, session_id="s-1", service_name="log", host_name="elsewhere")
    assert [row["sources"] for row in stored(ledger, [span], [line])] == ["framework,sdk"]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_two_equal_calls_side_by_side_stay_two(tmp_path, order):
    records = [
        told(1, "sdk", 0.10, 0.5, response="chatcmpl-1"), told(2, "framework", 0.0, 1.0),
        told(3, "sdk", 0.15, 0.5, response="chatcmpl-2"), told(4, "framework", 0.1, 1.0),
    ]  # fmt: skip
    ledger = Ledger.open(tmp_path)
    rows = stored(ledger, *([records[place]] for place in order))
    ledger.close()
    assert [(row["sources"], row["response_id"]) for row in rows] == [
        ("framework,sdk", "chatcmpl-1"),
        ("framework,sdk", "chatcmpl-2"),
    ]


def test_a_name_that_comes_later_frees_a_twin_for_another(ledger):
    # The framework was put to the first SDK call; then it comes again, naming the second.
    first, second = told(1, "sdk", 0.1, 0.5, response="chatcmpl-1"), told(3, "sdk", 0.2, 0.5, response="chatcmpl-2")
    assert len(stored(ledger, [first, second], [FRAMEWORK])) == 2
    again = FRAMEWORK | {"response_id": "chatcmpl-2", "ended_at": record(0, after_s=2)["started_at"]}
    rows = stored(ledger, [again])
    assert {row["response_id"]: row["sources"] for row in rows} == {"chatcmpl-1": "sdk", "chatcmpl-2": "framework,sdk"}


@pytest.mark.parametrize("usage", [{"input_tokens": None, "output_tokens": None}, {"output_tokens": None}])
def test_calls_of_unknown_usage_find_each_other_too(ledger, usage):
    rows = stored(ledger, [told(1, "sdk", 0.1, 0.8, response="chatcmpl-1", **usage)], [told(2, "framework", **usage)])
    assert [row["sources"] for row in rows] == ["framework,sdk"]


def test_a_flood_of_equal_nameless_calls_is_counted_one_by_one(ledger):
    flood = [told(n, "framework", n / 1000) for n in range(1, 3001)]
    assert len(stored(ledger, flood)) == 3000


RECORDS = st.lists(
    st.builds(
        lambda span, dialect, start, length, named, tokens: told(
            span, dialect, start / 10, length / 10, f"chatcmpl-{span}" if named else None, input_tokens=tokens
        ),
        span=st.integers(1, 40),
        dialect=st.sampled_from(sorted(RANKS.usage)),
        start=st.integers(0, 12),
        length=st.integers(0, 9),
        named=st.booleans(),
        tokens=st.sampled_from([7, 7, 8, None]),
    ),
    min_size=2,
    max_size=7,
    unique_by=lambda one: one["span_id"],
)


@pytest.mark.parametrize("kept_bytes", [BYTES_MAX, 0], ids=["found in memory", "found in the ledger"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS, data=st.data())
def test_any_order_and_any_batching_end_in_the_same_ledger(tmp_path_factory, monkeypatch, kept_bytes, records, data):
    monkeypatch.setattr(recent, "BYTES_MAX", kept_bytes)

    def ledger_of(batches):
        ledger = Ledger.open(tmp_path_factory.mktemp("ledger"))
        for one in batches:
            if one:
                ledger.merge(batch(one), price=free, ranks=RANKS)
        with ledger.reader() as reader:
            rows = reader.query("select * from calls order by call_id").to_pylist()
            said = reader.query("select call_id, span_id from observations order by all").to_pylist()
        ledger.close()
        return rows, said

    order = data.draw(st.permutations(records))
    cut = data.draw(st.integers(0, len(order)))
    assert ledger_of([order[:cut], order[cut:], order[:cut]]) == ledger_of([[one] for one in records])
