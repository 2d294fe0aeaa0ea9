"""The price keeper: a thread of the server that sees when prices change, and does what commands ask of it.

It looks at `prices.toml` and at the mailbox twice a second. Pricing stored calls again may take long and has a thread
of its own; there is one such run at a time.
"""

import logging
import threading
import time
from typing import Final

from spanledger.cli import mailbox
from spanledger.cli.failures import Failed
from spanledger.cli.live_book import LiveBook, taken_from
from spanledger.cli.mailbox import Answer, Letter
from spanledger.cli.price_book import loaded
from spanledger.cli.repricing import Abandoned, Asked, perform, to_json
from spanledger.dashboards.documents import sentence
from spanledger.storage.errors import LedgerError
from spanledger.storage.ledger import Ledger

LOOK_S: Final = 0.5
TELL_S: Final = 0.2
"""How often a run says how far it is."""

_log = logging.getLogger("spanledger.prices")


class PriceKeeper:
    """Tends the price book of a running server until `stop`."""

    def __init__(self, ledger: Ledger, book: LiveBook) -> None:
        self._ledger = ledger
        self._book = book
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="price-keeper", daemon=True)
        self._repricing = threading.Lock()
        self._run_under_way: threading.Thread | None = None

    def start(self) -> None:
        """Begin; what was asked of a server before this one is thrown away."""
        mailbox.empty(self._ledger.folder)
        self._thread.start()

    def stop(self) -> None:
        """End, after the transaction that is under way."""
        self._stopping.set()
        for thread in (self._thread, self._run_under_way):
            if thread is not None and thread.is_alive():
                thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                self._book.look()
                for letter in mailbox.letters(self._ledger.folder):
                    self._open(letter)
            except OSError as error:
                _log.warning("The folder %s cannot be read: %s", self._ledger.folder, error.strerror)

    def _open(self, letter: Letter) -> None:
        if letter.kind == "catalogue":
            self._take(letter)
        elif not self._repricing.acquire(blocking=False):
            letter.answer({"error": "Calls are being priced again already: wait until that run has ended."})
        else:
            letter.answer({"progress": [0, 0]})
            self._run_under_way = threading.Thread(target=self._reprice, args=(letter,), name="repricing", daemon=True)
            self._run_under_way.start()

    def _take(self, letter: Letter) -> None:
        try:
            chosen_by, content = taken_from(letter.body)
            catalogue = loaded(content, "what was sent")
            self._book.take(catalogue, chosen_by)
        except Failed as error:
            letter.answer({"error": str(error)})
        except LedgerError as error:
            letter.answer({"error": sentence(error)})
        else:
            letter.answer({"catalogue_id": catalogue.id})

    def _reprice(self, letter: Letter) -> None:
        try:
            answer = self._repriced(letter)
        finally:
            self._repricing.release()  # before the answer: who gets it may ask for the next run
        letter.answer(answer)

    def _repriced(self, letter: Letter) -> Answer:
        told_at = 0.0

        def told(done: int, total: int) -> None:
            nonlocal told_at
            if self._stopping.is_set() or not letter.is_wanted:
                raise Abandoned
            if time.monotonic() - told_at > TELL_S:
                told_at = time.monotonic()
                letter.answer({"progress": [done, total]})

        try:
            return to_json(perform(self._ledger, Asked.from_json(letter.body), told))
        except Abandoned:
            return {"error": "The server was stopped: what is done stays, run the command again for the rest."}
        except Failed as error:
            return {"error": str(error)}
        except LedgerError as error:
            return {"error": sentence(error)}
        except (OSError, ValueError, TypeError, KeyError) as error:
            return {"error": f"The server could not do it ({error}): are both of the same version?"}
