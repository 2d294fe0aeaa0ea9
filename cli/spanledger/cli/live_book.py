"""The price book of a running server: what is in force in its ledger, and `prices.toml` as it is now."""

import logging
from typing import Final

from spanledger.cli.failures import Failed
from spanledger.cli.price_book import RULES_FILE, Books, installed_catalogue, kept, rules_in, stored
from spanledger.processors.pricing.catalogue import Catalogue
from spanledger.processors.pricing.catalogue_file import dump
from spanledger.processors.pricing.price import price
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.pricing.rules import Rules
from spanledger.storage.catalogues import Chooser, choices, keep_rules, put_in_force
from spanledger.storage.errors import LedgerUnavailable
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Batch

_log = logging.getLogger("spanledger.prices")

_ABSENT: Final = (0, 0, 0)


class LiveBook:
    """Prices by what is in force now; `look` and `take` change that between two batches, never within one."""

    def __init__(self, ledger: Ledger) -> None:
        """Open the book of a ledger; the installed catalogue is put in force unless the user chose one.

        Raises Failed for rules that are wrong, LedgerError.
        """
        self._ledger = ledger
        self._seen = self._stamp()
        rules = rules_in(ledger.folder)
        self._book = PriceBook(self._opened(), rules)
        self._keep(rules)

    def price(self, batch: Batch) -> Batch:
        """The step that prices a batch."""
        return price(batch, self._book)

    @property
    def catalogue_id(self) -> str:
        """The catalogue in force."""
        return self._book.catalogue.id

    def look(self) -> None:
        """Read `prices.toml` again if it has changed; if it is wrong now, say so once and go on with what was."""
        stamp = self._stamp()
        if stamp == self._seen:
            return
        try:
            rules = rules_in(self._ledger.folder)
            self._keep(rules)
        except Failed as error:
            self._seen = stamp
            _log.warning("The rules stay as they were: %s", error)
            return
        except LedgerUnavailable as error:
            _log.warning("The rules are read again in a moment: %s", error)
            return
        self._seen = stamp
        self._book = PriceBook(self._book.catalogue, rules)
        _log.info("%s is in use as it is now: %d rules.", self._ledger.folder / RULES_FILE, len(kept(rules)))

    def take(self, catalogue: Catalogue, chosen_by: Chooser) -> None:
        """Put a catalogue in force. Raises LedgerUnavailable; then nothing has changed."""
        put_in_force(self._ledger, stored(catalogue), chosen_by)
        self._book = PriceBook(catalogue, self._book.rules)
        _log.info("Calls are priced by %s (%s) from now on.", catalogue.source, catalogue.id)

    def _opened(self) -> Catalogue:
        with self._ledger.reader() as reader:
            history = choices(reader)
        if history and history[-1].chosen_by == "user":
            return Books(self._ledger).catalogue(history[-1].catalogue_id)
        installed = installed_catalogue(self._ledger.folder)
        if not history or history[-1].catalogue_id != installed.id:
            put_in_force(self._ledger, stored(installed), "installed")
            if history:
                _log.warning(
                    "Calls are priced by %s (%s) from now on, which came with the program; stored costs stay.",
                    installed.source,
                    installed.id,
                )
        return installed

    def _keep(self, rules: Rules) -> None:
        keep_rules(self._ledger, kept(rules))

    def _stamp(self) -> tuple[int, int, int]:
        """What changes when the file does."""
        try:
            found = (self._ledger.folder / RULES_FILE).stat()
        except OSError:
            return _ABSENT
        return found.st_mtime_ns, found.st_size, found.st_ino


def to_take(catalogue: Catalogue, chosen_by: Chooser) -> bytes:
    """A letter that asks a server to put a catalogue in force."""
    return f"{chosen_by}\n".encode() + dump(catalogue)


def taken_from(letter: bytes) -> tuple[Chooser, bytes]:
    """Who chose the catalogue of such a letter, and the catalogue's bytes."""
    first, _, content = letter.partition(b"\n")
    return "installed" if first == b"installed" else "user", content
