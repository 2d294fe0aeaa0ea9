"""From the receiver's requests to the ledger: every request gets its own answer, whatever the others hold."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from benchmarks.workload import Workload
from spanledger.cli.wiring import wire
from spanledger.receiver.contract import Answer, Refused, Request, Stored
from spanledger.receiver.counters import Counters
from spanledger.receiver.intake import Intake
from spanledger.storage.ledger import Ledger
from tests.otlp_logs import event, log_body
from tests.otlp_metrics import CLAUDE, counter, metric_body, number
from tests.otlp_requests import body, span


@pytest.fixture
def ledger(tmp_path) -> Iterator[Ledger]:
    one = Ledger.open(tmp_path)
    yield one
    one.close()


PAIRS = Workload(spans=2, from_ns=1_790_000_000_000_000_000)


def request(number: int) -> Request:
    """Two calls; the same number is the same calls."""
    return Request(PAIRS.request(number), "default")


def stored(ledger: Ledger, table: str = "calls") -> int:
    with ledger.reader() as reader:
        return reader.query(f"select count(*) as rows from {table}").to_pylist()[0]["rows"]


def test_a_request_that_is_no_message_is_refused_and_the_others_are_stored(ledger):
    prepare, store = wire(ledger)
    answers = store(prepare([request(0), Request(b"\xff\xff", "default"), request(1)]))
    assert [type(answer) for answer in answers] == [Stored, Refused, Stored]
    assert "no ExportTraceServiceRequest" in str(answers[1])
    assert stored(ledger) == 4


def test_what_was_sent_again_is_acknowledged_and_counted(ledger):
    counters = Counters()
    prepare, store = wire(ledger, counters=counters)
    for _ in range(3):
        assert store(prepare([request(0), request(1)])) == [Stored(), Stored()]
    assert counters.snapshot() == {"sent again": 8}, "two requests of two calls, twice"


TOOL = Request(body(span({"gen_ai.operation.name": "execute_tool"})), "default")
QUERY = Request(body(span({"db.system": "postgresql"}, name="SELECT")), "default")
EVENT = {"event.name": "api_request", "model": "claude-opus-5-5", "input_tokens": 7, "output_tokens": 3}
CLAUDE_CODE = "com.anthropic.claude_code.events"


def test_what_is_around_calls_is_kept_beside_them(ledger):
    prepare, store = wire(ledger)
    assert store(prepare([request(0), TOOL])) == [Stored(), Stored()]
    assert (stored(ledger), stored(ledger, "spans")) == (2, 1)


def test_what_is_not_genai_is_counted_and_left_out(ledger):
    counters = Counters()
    prepare, store = wire(ledger, counters=counters)
    assert store(prepare([request(0), QUERY])) == [Stored(), Stored()]
    assert counters.snapshot() == {"left out: not_genai": 1}
    assert (stored(ledger), stored(ledger, "spans")) == (2, 0)


def test_spans_that_are_not_genai_are_kept_where_the_operator_wants_all(ledger):
    counters = Counters()
    prepare, store = wire(ledger, keep_all_spans=True, counters=counters)
    assert store(prepare([request(0), QUERY])) == [Stored(), Stored()]
    assert counters.snapshot() == {}
    assert (stored(ledger), stored(ledger, "spans")) == (2, 1)


def test_requests_of_several_signals_in_one_group_get_their_own_answers(ledger):
    prepare, store = wire(ledger)
    group = [
        Request(log_body(event(EVENT), scope=CLAUDE_CODE), "default", signal="logs"),
        request(0),
        Request(b"\xff", "default", signal="metrics"),
        Request(b"", "default", signal="metrics"),
        Request(b"\xff", "default", signal="logs"),
    ]
    answers = store(prepare(group))
    assert [type(answer) for answer in answers] == [Stored, Stored, Refused, Stored, Refused]
    assert "no ExportMetricsServiceRequest" in str(answers[2])
    assert "no ExportLogsServiceRequest" in str(answers[4])
    assert stored(ledger) == 3


@pytest.mark.parametrize(
    ("signal", "bad", "piece"),
    [
        ("traces", body(span({"gen_ai.operation.name": "chat"}, start_time_unix_nano=0)), "span"),
        ("logs", log_body(event(EVENT, time_unix_nano=0), scope=CLAUDE_CODE), "log record"),
    ],
)
def test_what_can_never_be_stored_is_said_in_the_words_of_its_signal(ledger, signal, bad, piece):
    prepare, store = wire(ledger)
    (answer,) = store(prepare([Request(bad, "default", signal=signal)]))
    assert answer == Stored(rejected=1, message=f"1 {piece} left out: the start time is missing")


def test_metrics_are_kept_beside_the_calls_and_what_they_tell_of_other_things_is_counted(ledger):
    counters = Counters()
    prepare, store = wire(ledger, counters=counters)
    said = [counter(CLAUDE, number(7, {"type": "input"}), number(-1, {})), counter("http.requests", number(1, {}))]
    metrics = Request(metric_body(*said), "default", signal="metrics")
    told = Stored(rejected=1, message="1 data point left out: the value of the data point is negative")
    for _ in range(2):
        assert store(prepare([request(0), metrics])) == [Stored(), told]
    assert (stored(ledger), stored(ledger, "usage_points")) == (2, 1)
    assert counters.snapshot() == {"left out: other_metric": 2, "sent again": 3}, "two calls and a point"


def test_the_same_requests_in_every_group_do_not_lock_the_intake_up(ledger):
    # Each plan meets the one before it, so each must wait for a commit that only the other thread can make.
    prepare, store = wire(ledger)
    intake = Intake(prepare, store)
    answers: list[Future[Answer]] = []
    lock = threading.Lock()

    def send() -> None:
        for turn in range(30):
            answer = intake.submit(request(turn % 5))
            with lock:
                answers.append(answer)

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert all(answer.result(timeout=60) == Stored() for answer in answers)
    assert intake.stop(10)
    assert stored(ledger) == 10


def test_a_group_that_fails_is_prepared_in_halves_that_may_wait_for_each_other(ledger):
    prepare, store = wire(ledger)

    def fussy(requests):
        if len(requests) > 1:
            raise RuntimeError("too many at once")
        return prepare(requests)

    intake = Intake(fussy, store, linger_s=0.2)
    answers = [intake.submit(request(0)) for _ in range(8)]
    assert all(answer.result(timeout=60) == Stored() for answer in answers)
    assert intake.stop(10)
    assert stored(ledger) == 2
