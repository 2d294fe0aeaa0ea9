"""Where commands find prices: what is in force in the ledger, wherever that is, else what came with the program."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spanledger.cli.failures import Failed
from spanledger.cli.price_book import installed_catalogue, loaded, rules_in
from spanledger.cli.source import Source, source
from spanledger.dashboards.documents import Json
from spanledger.processors.pricing.catalogue import Catalogue
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.pricing.rules import Rules
from spanledger.storage.opening import FILE_NAME

ROWS_MAX: Final = 100_000
"""As many as a server hands out at once."""


@dataclass(frozen=True)
class Prices:
    """The catalogues that can be asked, and the rules of the data folder.

    `answering` is None where there is no ledger.
    """

    folder: Path
    answering: Source | None

    def rows(self, statement: str) -> list[dict[str, Json]]:
        """The rows of one statement; none where there is no ledger."""
        return [] if self.answering is None else self.answering.sql(statement, ROWS_MAX)["rows"]

    def in_force(self) -> Catalogue:
        """The catalogue by which calls are priced now. Raises Failed."""
        found = self.rows("select catalogue_id from catalogues where in_force")
        return self.by_id(str(found[0]["catalogue_id"])) if found else self.installed()

    def installed(self) -> Catalogue:
        """The catalogue that comes with the program."""
        return installed_catalogue(self.folder)

    def named(self, name: str) -> Catalogue:
        """A catalogue by its id or the beginning of it; `installed` is the one that comes with the program."""
        if name == "installed":
            return self.installed()
        ids = [str(row["catalogue_id"]) for row in self.rows("select catalogue_id from catalogues")]
        found = [one for one in ids if one.startswith(name)]
        if len(found) != 1:
            known = ", ".join(ids) or "none"
            raise Failed(f"{name[:60]!r} names no single catalogue of the ledger; it knows {known}, and installed.")
        return self.by_id(found[0])

    def by_id(self, catalogue_id: str) -> Catalogue:
        """A catalogue that the ledger keeps. Raises Failed."""
        quoted = catalogue_id.replace("'", "''")
        (row,) = self.rows(f"select content from catalogue_contents where catalogue_id = '{quoted}'")
        return loaded(bytes.fromhex(str(row["content"])), catalogue_id)

    def rules(self) -> Rules:
        """The rules of `prices.toml`. Raises Failed."""
        return rules_in(self.folder)

    def book(self, name: str | None) -> PriceBook:
        """The rules with a catalogue by its name, or with the one in force. Raises Failed."""
        return PriceBook(self.in_force() if name is None else self.named(name), self.rules())


@contextmanager
def prices(data: Path | None, url: str | None) -> Iterator[Prices]:
    """The prices of the server at `url`, else of the ledger in `data`, else the installed ones."""
    from spanledger.cli import settings

    folder = settings.load(data=data).data
    if url is None and not (folder / FILE_NAME).exists():
        yield Prices(folder, None)
        return
    with source(data, url) as answering:
        yield Prices(folder, answering)
