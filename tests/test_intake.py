"""Group commit: who is stored together, who is answered what, and that nobody's data is lost or spoilt."""

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager

import pytest

from spanledger.receiver.contract import Answer, Busy, Refused, Request, Stored, TooLarge, Unavailable
from spanledger.receiver.intake import Intake

TIMEOUT_S = 20


class Sink:
    """Stores bodies in memory. Holds the writer or the preparer at a gate, and fails where it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.prepared: list[list[bytes]] = []
        self.refuse: dict[bytes, Exception] = {}
        self.store_error: Exception | None = None
        self.writer_may_go = threading.Event()
        self.writer_may_go.set()
        self.writer_waits = threading.Event()

    def prepare(self, requests: Sequence[Request]) -> list[bytes]:
        bodies = [request.body for request in requests]
        self.prepared.append(bodies)
        for body in bodies:
            if body in self.refuse:
                raise self.refuse[body]
        return bodies

    def store(self, bodies: list[bytes]) -> list[Answer]:
        if not self.writer_may_go.is_set():
            self.writer_waits.set()
            assert self.writer_may_go.wait(TIMEOUT_S)
        if self.store_error is not None:
            raise self.store_error
        self.groups.append(bodies)
        return [Stored(rejected=len(body)) for body in bodies]

    @property
    def stored(self) -> list[bytes]:
        return [body for group in self.groups for body in group]


@contextmanager
def running(sink: Sink, **options: float) -> Iterator[Intake]:
    intake = Intake(sink.prepare, sink.store, **options)  # type: ignore[arg-type]
    try:
        yield intake
    finally:
        sink.writer_may_go.set()
        assert intake.stop(TIMEOUT_S)


def request(body: bytes) -> Request:
    return Request(body, "acme")


def results(futures: Sequence[Future[Answer]]) -> list[Answer]:
    return [future.result(TIMEOUT_S) for future in futures]


def hold_writer(sink: Sink, intake: Intake) -> Future[Answer]:
    """One request is being stored and stays so until `writer_may_go`."""
    sink.writer_may_go.clear()
    held = intake.submit(request(b"held"))
    assert sink.writer_waits.wait(TIMEOUT_S)
    return held


def wait_until_taken(intake: Intake) -> None:
    """The preparer has taken all that was waiting."""
    with intake._changed:
        assert intake._changed.wait_for(lambda: not intake._waiting and intake._handed_over is not None, TIMEOUT_S)


def test_a_request_is_answered_with_what_the_store_said_of_it():
    sink = Sink()
    with running(sink) as intake:
        assert intake.submit(request(b"four")).result(TIMEOUT_S) == Stored(rejected=4)
    assert sink.stored == [b"four"]


def test_callers_within_the_linger_share_one_commit():
    sink = Sink()
    with running(sink, linger_s=0.5, group_bytes_max=10) as intake:  # ten bytes are plenty here: they end the linger
        results([intake.submit(request(b"%d" % n)) for n in range(10)])
    assert sink.groups == [[b"%d" % n for n in range(10)]]


def test_what_arrives_during_a_commit_is_one_group_and_is_prepared_meanwhile():
    sink = Sink()
    with running(sink, linger_s=0.2) as intake:
        held = hold_writer(sink, intake)
        futures = [intake.submit(request(b"%d" % n)) for n in range(50)]
        wait_until_taken(intake)
        assert sink.prepared[-1] == [b"%d" % n for n in range(50)], "decoded while the writer is busy"
        assert not held.done(), "nothing is answered before it is stored"
        sink.writer_may_go.set()
        results([held, *futures])
    assert sink.groups == [[b"held"], [b"%d" % n for n in range(50)]]


def test_answers_belong_to_their_requests_and_come_in_order():
    sink = Sink()
    order: list[int] = []
    with running(sink) as intake:
        futures = []
        for n in range(200):
            future = intake.submit(request(b"x" * n))
            future.add_done_callback(lambda _, n=n: order.append(n))
            futures.append(future)
        assert results(futures) == [Stored(rejected=n) for n in range(200)]
    assert order == list(range(200))


def test_a_group_ends_at_its_byte_limit_but_a_bigger_request_is_taken_alone():
    sink = Sink()
    with running(sink, linger_s=0.2, group_bytes_max=10) as intake:
        held = hold_writer(sink, intake)
        first = intake.submit(request(b"0"))
        wait_until_taken(intake)
        rest = [intake.submit(request(body)) for body in (b"a" * 6, b"b" * 4, b"c", b"d" * 30, b"e")]
        sink.writer_may_go.set()
        results([held, first, *rest])
    assert sink.groups[2:] == [[b"a" * 6, b"b" * 4], [b"c"], [b"d" * 30], [b"e"]]


def test_one_bad_request_spoils_nobody_elses_data():
    sink = Sink()
    sink.refuse = {b"17": Refused("field 3 is broken"), b"55": TooLarge("too many spans")}
    with running(sink, linger_s=0.2) as intake:
        held = hold_writer(sink, intake)
        futures = [intake.submit(request(b"%d" % n)) for n in range(100)]
        sink.writer_may_go.set()
        answers = results(futures)
        held.result(TIMEOUT_S)
    assert [str(answer) for answer in answers if isinstance(answer, Refused)] == ["field 3 is broken", "too many spans"]
    assert [type(answer) for answer in (answers[17], answers[55])] == [Refused, TooLarge]
    assert sink.stored == [b"held", *(b"%d" % n for n in range(100) if n not in {17, 55})]
    assert intake.counters.snapshot()["refused: Refused"] == 1
    assert intake.counters.snapshot()["refused: TooLarge"] == 1


def test_a_bad_request_costs_few_extra_commits():
    sink = Sink()
    sink.refuse = {b"17": Refused("broken")}
    with running(sink, linger_s=0.2) as intake:
        held = hold_writer(sink, intake)
        futures = [intake.submit(request(b"%d" % n)) for n in range(128)]
        sink.writer_may_go.set()
        results([held, *futures])
    assert len(sink.groups) <= 2 + 7, "halving 128 requests seven times finds the bad one"


def test_an_unexpected_failure_is_logged_and_may_be_retried(caplog):
    sink = Sink()
    sink.refuse = {b"odd": ZeroDivisionError("a defect of ours")}
    with caplog.at_level(logging.ERROR), running(sink) as intake:
        futures = [intake.submit(request(body)) for body in (b"good", b"odd", b"fine")]
        wait(futures, TIMEOUT_S)
        with pytest.raises(Unavailable, match="could not be prepared: send it again later; the log has the cause"):
            futures[1].result()
    assert sorted(sink.stored) == [b"fine", b"good"]
    assert "ZeroDivisionError: a defect of ours" in caplog.text
    assert "Traceback" in caplog.text


def test_a_store_that_is_unavailable_answers_the_whole_group_so_and_goes_on_later():
    sink = Sink()
    sink.store_error = Unavailable("The disk is full: free some space.", 7.0)
    with running(sink, linger_s=0.2) as intake:
        futures = [intake.submit(request(b"%d" % n)) for n in range(3)]
        errors = [future.exception(TIMEOUT_S) for future in futures]
        assert [(str(error), error.retry_after_s) for error in errors if isinstance(error, Unavailable)] == [
            ("The disk is full: free some space.", 7.0)
        ] * 3
        sink.store_error = None
        assert intake.submit(request(b"again")).result(TIMEOUT_S) == Stored(rejected=5)
        assert intake.counters.snapshot()["unavailable"] == 3


def test_an_unexpected_failure_of_the_store_is_logged_and_may_be_retried(caplog):
    sink = Sink()
    sink.store_error = OSError(5, "Input/output error")
    with caplog.at_level(logging.ERROR), running(sink) as intake:
        with pytest.raises(Unavailable, match="could not be stored: send it again later"):
            intake.submit(request(b"lost?")).result(TIMEOUT_S)
        sink.store_error = None
        intake.submit(request(b"fine")).result(TIMEOUT_S)
    assert "Input/output error" in caplog.text


def test_a_store_that_forgets_an_answer_is_a_defect_and_not_a_hang(caplog):
    with caplog.at_level(logging.ERROR):
        intake = Intake(lambda requests: requests, lambda _: [], linger_s=0)
        with pytest.raises(Unavailable, match="could not be stored"):
            intake.submit(request(b"x")).result(TIMEOUT_S)
        assert intake.stop(TIMEOUT_S)
    assert "zip() argument 2 is shorter than argument 1" in caplog.text


def test_a_full_queue_says_busy_at_once_and_has_room_again_later():
    sink = Sink()
    with running(sink, linger_s=0, queue_bytes_max=10) as intake:
        held = hold_writer(sink, intake)
        second = intake.submit(request(b"prepared"))
        wait_until_taken(intake)
        third = intake.submit(request(b"1234567"))
        assert intake.waiting_bytes == 7
        with pytest.raises(Busy, match="More is waiting than can be stored right now") as refused:
            intake.submit(request(b"1234"))
        assert refused.value.retry_after_s > 0
        fourth = intake.submit(request(b"123"))  # it fits exactly
        sink.writer_may_go.set()
        results([held, second, third, fourth])
        assert intake.waiting_bytes == 0
        intake.submit(request(b"12345678901234567890")).result(TIMEOUT_S)  # bigger than the queue, and nobody waits
    assert intake.counters.snapshot()["busy"] == 1


def test_stopping_stores_what_was_accepted_and_refuses_what_is_new():
    sink = Sink()
    intake = Intake(sink.prepare, sink.store)
    held = hold_writer(sink, intake)
    futures = [intake.submit(request(b"%d" % n)) for n in range(20)]
    stopped: Future[bool] = Future()
    stopper = threading.Thread(target=lambda: stopped.set_result(intake.stop(TIMEOUT_S)))
    stopper.start()
    with intake._changed:
        assert intake._changed.wait_for(lambda: intake._stopping, TIMEOUT_S)
    with pytest.raises(Unavailable, match="Spanledger is stopping: send this again later"):
        intake.submit(request(b"too late"))
    sink.writer_may_go.set()
    assert stopped.result(TIMEOUT_S) is True
    stopper.join(TIMEOUT_S)
    assert [future.done() for future in (held, *futures)] == [True] * 21
    assert sink.stored == [b"held", *(b"%d" % n for n in range(20))]
    assert b"too late" not in sink.stored


def test_a_stop_that_cannot_wait_tells_those_who_wait_to_come_back():
    sink = Sink()
    intake = Intake(sink.prepare, sink.store, linger_s=0)
    held = hold_writer(sink, intake)
    prepared = intake.submit(request(b"prepared"))
    wait_until_taken(intake)
    waiting = intake.submit(request(b"waiting"))
    assert intake.stop(0.01) is False
    with pytest.raises(Unavailable, match="stopped before this was stored"):
        waiting.result(TIMEOUT_S)
    sink.writer_may_go.set()
    results([held, prepared])


def test_an_abandoned_request_is_stored_all_the_same():
    sink = Sink()
    with running(sink) as intake:
        held = hold_writer(sink, intake)
        abandoned = intake.submit(request(b"abandoned"))
        assert abandoned.cancel() is False
        sink.writer_may_go.set()
        results([held, abandoned])
    assert b"abandoned" in sink.stored


def test_two_hundred_callers_are_served_in_few_groups():
    sink = Sink()
    rounds = 5
    with running(sink) as intake:

        def call(n: int) -> None:
            for turn in range(rounds):
                intake.submit(request(b"%d-%d" % (n, turn))).result(TIMEOUT_S)

        callers = [threading.Thread(target=call, args=(n,)) for n in range(200)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(TIMEOUT_S)
        counts = intake.counters.snapshot()
    assert sorted(sink.stored) == sorted(b"%d-%d" % (n, turn) for n in range(200) for turn in range(rounds))
    assert counts["requests"] == 200 * rounds
    assert counts["bytes"] == sum(map(len, sink.stored))
    assert counts["groups"] == len(sink.groups)
    assert len(sink.groups) < 200 * rounds / 4
