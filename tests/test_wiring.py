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


def stored(ledger: Ledger) -> int:
    with ledger.reader() as reader:
        return reader.query("select count(*) as calls from calls").to_pylist()[0]["calls"]


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


def test_what_is_no_call_is_counted_and_left_out(ledger):
    counters = Counters()
    prepare, store = wire(ledger, counters=counters)
    tool = body(span({"gen_ai.operation.name": "execute_tool"}))
    assert store(prepare([request(0), Request(tool, "default")])) == [Stored(), Stored()]
    assert counters.snapshot() == {"left out: roll_up": 1}
    assert stored(ledger) == 2


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
