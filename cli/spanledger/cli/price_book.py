"""Price books: a catalogue and the rules of `prices.toml`, found where a command or a server needs them.

The catalogue in force is the ledger's own; the rules are the user's file beside it, read afresh each time.
"""

import json
from functools import cached_property, partial
from pathlib import Path
from typing import Final

from spanledger.cli.failures import Failed
from spanledger.dashboards.documents import sentence
from spanledger.processors.pricing.bundled import bundled_catalogue, written
from spanledger.processors.pricing.catalogue import Catalogue, CatalogueError
from spanledger.processors.pricing.catalogue_file import load
from spanledger.processors.pricing.price import price
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.pricing.price_table import rows
from spanledger.processors.pricing.rules import NO_RULES, Rules, RulesError
from spanledger.storage import catalogues
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Step

RULES_FILE: Final = "prices.toml"
CACHE_FOLDER: Final = "cache"


def installed_catalogue(folder: Path) -> Catalogue:
    """The catalogue that comes with the program; what compiling it made is kept in the data folder, if there is one."""
    return bundled_catalogue(folder / CACHE_FOLDER if folder.is_dir() else None)


def rules_in(folder: Path) -> Rules:
    """The rules of `prices.toml` in a data folder; none where there is no file. Raises Failed, one sentence."""
    path = folder / RULES_FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return NO_RULES
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    from spanledger.processors.pricing.rules_toml import read_rules  # most have no such file

    try:
        return read_rules(text, str(path))
    except RulesError as error:
        raise Failed(sentence(error)) from error


def loaded(content: bytes, name: str) -> Catalogue:
    """A catalogue from its bytes. Raises Failed, one sentence that names it."""
    try:
        return load(content, name)
    except CatalogueError as error:
        raise Failed(sentence(error)) from error


def stored(catalogue: Catalogue) -> catalogues.Catalogue:
    """A catalogue as the ledger keeps it."""
    return catalogues.Catalogue(catalogue.id, catalogue.source, written(catalogue), rows(catalogue))


def kept(rules: Rules) -> list[catalogues.Rule]:
    """Rules as the ledger keeps them."""
    return [
        catalogues.Rule(rule.id, rule.kind, rule.name, json.dumps(rule.content, ensure_ascii=False)) for rule in rules
    ]


class Books:
    """The catalogues that a ledger keeps, each with the rules there are now."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._steps: dict[str, Step] = {}

    @cached_property
    def rules(self) -> Rules:
        """The rules of the ledger's folder. Raises Failed."""
        return rules_in(self._ledger.folder)

    def in_force(self) -> str:
        """The catalogue in force. Raises Failed for a ledger that no server ever ran on, LedgerError."""
        with self._ledger.reader() as reader:
            history = catalogues.choices(reader)
        if not history:
            raise Failed(
                f"The ledger in {self._ledger.folder} has no price list yet: start it once with `spanledger up`."
            )
        return history[-1].catalogue_id

    def catalogue(self, catalogue_id: str) -> Catalogue:
        """A catalogue by its id. Raises Failed for one that the ledger does not know, LedgerError."""
        with self._ledger.reader() as reader:
            content = catalogues.content_of(reader, catalogue_id)
        if content is None:
            raise Failed(f"The ledger in {self._ledger.folder} has lost the catalogue {catalogue_id}.")
        return loaded(content, catalogue_id)

    def named(self, beginning: str) -> str:
        """The catalogue whose id begins so. Raises Failed unless it is a single one, LedgerError."""
        with self._ledger.reader() as reader:
            known = catalogues.known(reader)
        found = [one for one in known if one.startswith(beginning)]
        if len(found) != 1:
            raise Failed(f"{beginning[:60]!r} names no single catalogue of the ledger; it knows {', '.join(known)}.")
        return found[0]

    def step(self, catalogue_id: str) -> Step:
        """The step that prices by a catalogue. Raises as `catalogue` and `rules` do."""
        if catalogue_id not in self._steps:
            book = PriceBook(self.catalogue(catalogue_id), self.rules)
            self._steps[catalogue_id] = partial(price, book=book)
        return self._steps[catalogue_id]
