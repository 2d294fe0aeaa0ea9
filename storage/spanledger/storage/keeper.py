"""The keeper: a thread that folds the write-ahead log into the file in quiet moments.

And that opens the ledger afresh after a failure, should nobody write.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from spanledger.storage.errors import LedgerUnavailable

QUIET_S: Final = 2.0
WAL_BYTES_QUIET: Final = 2 << 20
"""A write-ahead log beyond this is folded into the file once nobody has written for QUIET_S: a start replays it."""

_log = logging.getLogger("spanledger.storage")


class Keeper:
    """Tends a ledger until `stop`.

    `idle_s` says for how long nobody has written, `tend` does what the ledger needs done now and then;
    `tend` and `checkpoint` raise LedgerUnavailable when they should be tried again later.
    """

    def __init__(
        self, wal: Path, idle_s: Callable[[], float], tend: Callable[[], object], checkpoint: Callable[[], object]
    ) -> None:
        self._wal = wal
        self._idle_s = idle_s
        self._tend = tend
        self._checkpoint = checkpoint
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being done just now."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause_s = QUIET_S / 2
        while not self._stopping.wait(pause_s):
            pause_s = QUIET_S / 2
            try:
                self._tend()
                if self._idle_s() >= QUIET_S and self._wal_is_long():
                    self._checkpoint()
            except LedgerUnavailable as error:
                _log.warning("The ledger needs another moment: %s", error)
                pause_s = QUIET_S

    def _wal_is_long(self) -> bool:
        # Only the file's size is asked for: opening it from here would drop DuckDB's lock on it.
        return self._wal.exists() and self._wal.stat().st_size > WAL_BYTES_QUIET
