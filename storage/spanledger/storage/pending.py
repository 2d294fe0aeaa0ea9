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
        self._counting = threading.Lock()
        self._waiting = self._plans = 0
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
        with self._counting:
            self._plans += 1

    def settled(self) -> None:
        """Wait until all of them are committed, or have failed. Others may plan meanwhile."""
        self._waiting += 1
        self._changed.wait_for(lambda: not self._plans)
        self._waiting -= 1

    def settle(self, era: int, *, sound: bool) -> None:
        """One is done with; unless all of it was committed (`sound`), that ends the era of the others.

        Waits for nobody: who plans just now may take as long again as the commit did.
        """
        with self._counting:
            self._plans -= 1
            self.era += not sound and era == self.era
        if self._waiting:
            with self._changed:
                self._changed.notify_all()
