"""Pending: the plans that are made and not committed yet, and whether a plan can still be trusted."""

import threading
from types import TracebackType


class Pending:
    """Plans, committed in the order in which they are made; a `with` on it is the right to plan.

    A plan may rest on what those before it will add. When one of them fails, all that were made since its making must
    fail, too: each knows the `era` in which its making began, and a failure ends the era.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._plans = 0
        self.era = 0

    def __enter__(self) -> None:
        self._changed.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._changed.release()

    def __bool__(self) -> bool:
        return self._plans > 0

    def add(self) -> None:
        """One more was made."""
        self._plans += 1

    def settled(self) -> None:
        """Wait until all of them are committed, or have failed."""
        self._changed.wait_for(lambda: not self._plans)

    def settle(self, era: int, *, sound: bool) -> bool:
        """One is done with; `sound`: all of it was committed. Returns whether that ends the era of the others."""
        self._plans -= 1
        ended = not sound and era == self.era
        self.era += ended
        self._changed.notify_all()
        return ended
