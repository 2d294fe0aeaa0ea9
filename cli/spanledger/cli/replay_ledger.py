"""A replay straight into the ledger, by the same path as what a server receives."""

import ctypes
import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spanledger.cli import process

process.prepare()
gc.disable()  # what is imported stays; looking through it for garbage again and again takes a tenth of the time

from spanledger.cli.failures import Failed  # noqa: E402 - numpy and Arrow must find the process prepared
from spanledger.cli.live_book import LiveBook  # noqa: E402
from spanledger.cli.wiring import wire  # noqa: E402
from spanledger.dashboards.documents import sentence  # noqa: E402
from spanledger.instrumentation.replay.otlp_spans import Export  # noqa: E402
from spanledger.instrumentation.replay.run import Ship  # noqa: E402
from spanledger.receiver.contract import Identity, Refused, Request, Stored, Unavailable  # noqa: E402
from spanledger.storage.errors import LedgerError, LedgerInUse  # noqa: E402
from spanledger.storage.ledger import Ledger  # noqa: E402

process.settle()
gc.enable()


_LIBC: Final = ctypes.CDLL(None)

LOG_BYTES_MAX: Final = 1 << 20
"""A batch goes into the ledger's file at once: what is in the log at the end, which comes soon, is written twice."""

TENANT: Final = Identity().tenant
"""Whose calls they are on a machine of one's own, as when a server without keys receives them."""


@contextmanager
def into_ledger(folder: Path) -> Iterator[Ship]:
    """What carries requests into the ledger in `folder`, which is made if there is none. Raises Failed."""
    try:
        ledger = Ledger.open(folder)
    except LedgerInUse as error:
        raise Failed(f"{sentence(error)} Wait until it is done, then start the replay again.") from error
    except LedgerError as error:
        raise Failed(sentence(error)) from error
    try:
        ledger.fold_log_beyond(LOG_BYTES_MAX)
        prepare, store = wire(ledger, LiveBook(ledger).price)
        _give_back()
        # One batch is stored, by DuckDB mostly, while the next is prepared, by the interpreter.
        with ThreadPoolExecutor(1) as storing:

            def ship(exports: Sequence[Export]) -> Callable[[], int]:
                requests = [Request(export.body, TENANT, signal=export.signal) for export in exports]
                with _failing():
                    prepared = prepare(requests)
                _give_back()
                under_way = storing.submit(store, prepared)

                def durable() -> int:
                    with _failing():
                        answers = under_way.result()
                    _give_back()
                    for answer in answers:
                        if isinstance(answer, Refused):
                            raise Failed(f"The ledger in {folder} does not take what was read: {answer}.")
                    return sum(answer.rejected for answer in answers if isinstance(answer, Stored))

                return durable

            yield ship
    except LedgerError as error:
        raise Failed(sentence(error)) from error
    finally:
        ledger.close()


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        raise Failed(str(error)) from error


def _give_back() -> None:
    """Give freed memory back to the system: what one step took is not kept for the next, which takes it elsewhere."""
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)
