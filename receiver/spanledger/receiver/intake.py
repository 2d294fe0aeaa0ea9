"""Group commit: what many callers hand in at the same time becomes one transaction, and then every caller is answered.

Two threads in a row. The preparer takes all that is waiting and decodes it; the writer commits it and answers. So group
N + 1 is decoded while group N commits, and the busier the receiver, the bigger the group. The preparer takes its next
group only once the writer has fetched the last one: taken as late as possible, a group is as big as possible.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from spanledger.receiver.contract import Answer, Busy, Prepare, Refused, Request, Store, Unavailable
from spanledger.receiver.counters import Counters

LINGER_S: Final = 0.003
"""How long the first of a group waits for company: well below a commit (6 ms), and groups of 16 callers form."""
PACE_S: Final = 0.04
"""How far apart small groups are taken at least: each costs 10 ms of preparation however small it is, which with 200
callers of one span each is time that answering them needs. A caller who comes alone waits for LINGER_S only."""
GROUP_BYTES_MAX: Final = 8 << 20
"""Some 11,000 spans: the fixed cost of a commit no longer shows. Twice as much took 830 MB for
88,000 spans/s where this takes 620 MB for 123,000."""
PLENTY_BYTES: Final = 2 << 20
"""With this much waiting nobody lingers: the group is big enough to be worth its commit."""
QUEUE_BYTES_MAX: Final = 128 << 20
"""About a second of work at full load; beyond that callers are told to come back later."""
BUSY_RETRY_S: Final = 1.0
STOPPING_RETRY_S: Final = 5.0
"""A restart takes about this long."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: Request
    answer: Future[Answer]


_Group: TypeAlias = Sequence[_Waiting]
_Part: TypeAlias = tuple[_Group, Any]
"""Callers, and what `Prepare` made of their requests."""


class Intake:
    """Takes requests from any number of threads and answers each once it is stored, durably.

    `prepare` and `store` each run in one thread of their own. `counters` counts requests, bytes, groups and everything
    that was turned away, by reason.
    """

    def __init__(
        self,
        prepare: Prepare,
        store: Store,
        *,
        linger_s: float = LINGER_S,
        pace_s: float = PACE_S,
        group_bytes_max: int = GROUP_BYTES_MAX,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
        counters: Counters | None = None,
    ) -> None:
        self.counters = counters or Counters()
        self._prepare = prepare
        self._store = store
        self._linger_s = linger_s
        self._pace_s = pace_s
        self._took_at = 0.0
        self._group_bytes_max = group_bytes_max
        self._plenty_bytes = min(PLENTY_BYTES, group_bytes_max)
        self._queue_bytes_max = queue_bytes_max
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._handed_over: _Part | None = None
        self._stopping = False
        self._prepared_all = False
        self._preparer = threading.Thread(target=self._run_preparer, name="intake-prepare", daemon=True)
        self._writer = threading.Thread(target=self._run_writer, name="intake-write", daemon=True)
        self._preparer.start()
        self._writer.start()

    @property
    def waiting_bytes(self) -> int:
        """Bytes handed in that no group has taken yet."""
        return self._waiting_bytes

    def submit(self, request: Request) -> Future[Answer]:
        """Hand in a request; the future holds its `Answer` once it is stored, or raises `Unavailable`.

        Raises `Busy` at once when the queue is full and `Unavailable` when the intake is stopping. The future cannot be
        cancelled: what was handed in is stored, whether or not its caller still waits.
        """
        answer: Future[Answer] = Future()
        answer.set_running_or_notify_cancel()
        size = len(request.body)
        with self._changed:
            if self._stopping:
                self.counters.add("unavailable")
                raise Unavailable("Spanledger is stopping: send this again later.", STOPPING_RETRY_S)
            before = self._waiting_bytes
            if self._waiting and before + size > self._queue_bytes_max:  # a single request always fits
                self.counters.add("busy")
                raise Busy("More is waiting than can be stored right now: send this again later.", BUSY_RETRY_S)
            self._waiting.append(_Waiting(request, answer))
            self._waiting_bytes = before + size
            # The preparer waits for the first of a group and for plenty; waking it for each of 200 callers would only
            # take the interpreter away from the other 199.
            if len(self._waiting) == 1 or before < self._plenty_bytes <= self._waiting_bytes:
                self._changed.notify_all()
        self.counters.add("requests")
        self.counters.add("bytes", size)
        return answer

    def stop(self, timeout_s: float = 8.0) -> bool:
        """Refuse what is new, store all that is waiting, end both threads. True if all was answered in time.

        What could not be answered in time gets `Unavailable`; its caller sends it again, which is always safe.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in (self._preparer, self._writer):
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            left, self._waiting = list(self._waiting), deque()
            self._waiting_bytes = 0
        self._fail(left, Unavailable("Spanledger stopped before this was stored: send it again.", STOPPING_RETRY_S))
        return not left and not self._writer.is_alive()

    def _run_preparer(self) -> None:
        while group := self._take():
            for part in self._prepared(group):
                self._hand_over(part)
        with self._changed:
            self._prepared_all = True
            self._changed.notify_all()

    def _hand_over(self, part: _Part) -> None:
        """Give a part to the writer before the next is prepared: preparing may have to wait for what it commits."""
        with self._changed:
            self._changed.wait_for(lambda: self._handed_over is None)
            self._handed_over = part
            self._changed.notify_all()

    def _take(self) -> _Group:
        """The next group, or nothing at the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._handed_over is None and (self._waiting or self._stopping),
            )
            patience_s = max(self._linger_s, self._took_at + self._pace_s - time.monotonic())
            self._changed.wait_for(
                lambda: self._waiting_bytes >= self._plenty_bytes or self._stopping, timeout=patience_s
            )
            self._took_at = time.monotonic()
            group: list[_Waiting] = []
            size = 0
            while self._waiting and (not group or size + len(self._waiting[0].request.body) <= self._group_bytes_max):
                group.append(self._waiting.popleft())
                size += len(group[-1].request.body)
            self._waiting_bytes -= size
        return group

    def _prepared(self, group: _Group) -> Iterator[_Part]:
        """Prepare a group as a whole; if that fails, in halves, so that one bad request spoils no other's data.

        Halves rather than one by one: with one bad among 200 that is eight small transactions and not 199.
        """
        try:
            prepared = self._prepare([waiting.request for waiting in group])
        except Unavailable as error:
            self._fail(group, error)
        except Exception as error:  # noqa: BLE001 - answered, and logged where it is not the request's fault
            if len(group) == 1:
                self._answer_failure(group, error, "prepared")
                return
            middle = len(group) // 2
            yield from self._prepared(group[:middle])
            yield from self._prepared(group[middle:])
        else:
            yield group, prepared

    def _run_writer(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._handed_over is not None or self._prepared_all)
                part, self._handed_over = self._handed_over, None
                if part is None:
                    return
                self._changed.notify_all()
            self._commit(*part)

    def _commit(self, group: _Group, prepared: Any) -> None:
        try:
            answered = list(zip(group, self._store(prepared), strict=True))
        except Exception as error:  # noqa: BLE001 - answered, and logged where it is not the ledger's own word
            self._answer_failure(group, error, "stored")
            return
        self.counters.add("groups")
        for waiting, answer in answered:
            if isinstance(answer, Refused):
                self.counters.add(f"refused: {type(answer).__name__}")
            elif answer.rejected:
                self.counters.add("rejected spans", answer.rejected)
            waiting.answer.set_result(answer)

    def _answer_failure(self, group: _Group, error: Exception, deed: str) -> None:
        if isinstance(error, Refused) and len(group) == 1:
            self.counters.add(f"refused: {type(error).__name__}")
            group[0].answer.set_result(error)
        elif isinstance(error, Unavailable):
            self._fail(group, error)
        else:
            log.error("a group of %d requests could not be %s", len(group), deed, exc_info=error)
            self._fail(group, Unavailable(f"This could not be {deed}: send it again later; the log has the cause."))

    def _fail(self, group: _Group, error: Unavailable) -> None:
        for waiting in group:
            self.counters.add("unavailable")
            waiting.answer.set_exception(error)
