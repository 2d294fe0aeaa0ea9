"""Catalogues: every version of the price list that came to be known here, kept whole, and which one is in force.

What a catalogue is made of is the processors' affair: here it is bytes, and rows for those who ask in SQL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

import duckdb
import pyarrow as pa

from spanledger.storage.ledger import Ledger

Chooser = Literal["installed", "user"]
"""Who put a catalogue in force: it came with the program, or somebody took it with `prices update`."""


@dataclass(frozen=True)
class Catalogue:
    """A version of the price list: its identity, where it is from, all of it as bytes, and its rates as rows.

    `rates` has the columns of `catalogue_rates`, `catalogue_id` aside; one that is absent is NULL.
    """

    id: str
    source: str
    content: bytes
    rates: pa.Table


@dataclass(frozen=True)
class Choice:
    """That a catalogue came into force."""

    catalogue_id: str
    chosen_at: datetime
    chosen_by: str


@dataclass(frozen=True)
class Rule:
    """A rule of the user's own, as it is kept for good; `content` is JSON."""

    id: str
    kind: str
    name: str
    content: str


class _Reader(Protocol):
    def query(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> pa.Table: ...


_ADD: Final = "insert into catalogue_contents values (?, ?, now(), ?)"
_ADD_RATES: Final = "insert into catalogue_rates by name select ? as catalogue_id, * from rates"
_CHOOSE: Final = "insert into catalogue_choices values (?, now(), ?)"


def put_in_force(ledger: Ledger, catalogue: Catalogue, chosen_by: Chooser) -> None:
    """Keep a catalogue, unless it is kept already, and price what arrives from now on by it. Raises LedgerUnavailable.

    No stored cost changes.
    """

    def put(connection: duckdb.DuckDBPyConnection, _: object) -> Mapping[str, set[int]]:
        if not connection.execute("select 1 from catalogue_contents where catalogue_id = ?", [catalogue.id]).fetchall():
            connection.execute(_ADD, [catalogue.id, catalogue.source, catalogue.content])
            connection.register("rates", catalogue.rates)
            connection.execute(_ADD_RATES, [catalogue.id])
            connection.unregister("rates")
        connection.execute(_CHOOSE, [catalogue.id, chosen_by])
        return {}

    ledger.change(put)


def choices(reader: _Reader) -> list[Choice]:
    """What was put in force, in order of time; the last one is in force now. Raises LedgerError."""
    rows = reader.query("select catalogue_id, chosen_at, chosen_by from catalogue_choices order by chosen_at")
    return [Choice(**row) for row in rows.to_pylist()]


def known(reader: _Reader) -> list[str]:
    """The ids of all catalogues that are kept, in the order in which they became known. Raises LedgerError."""
    rows = reader.query("select catalogue_id from catalogue_contents order by known_from")
    return [str(one) for one in rows.column("catalogue_id").to_pylist()]


def content_of(reader: _Reader, catalogue_id: str) -> bytes | None:
    """A catalogue's bytes, or None for one that was never known here. Raises LedgerError."""
    rows = reader.query("select content from catalogue_contents where catalogue_id = ?", [catalogue_id]).to_pylist()
    return bytes(rows[0]["content"]) if rows else None


def keep_rules(ledger: Ledger, rules: Sequence[Rule]) -> None:
    """Write down those rules that were never in use before. Raises LedgerUnavailable."""
    with ledger.reader() as reader:
        kept = set(reader.query("select rule_id from price_rules").column("rule_id").to_pylist())
    new = {rule.id: rule for rule in rules if rule.id not in kept}
    if not new:
        return

    def keep(connection: duckdb.DuckDBPyConnection, _: object) -> Mapping[str, set[int]]:
        connection.executemany(
            "insert into price_rules values (?, ?, ?, ?, now())",
            [[rule.id, rule.kind, rule.name, rule.content] for rule in new.values()],
        )
        return {}

    ledger.change(keep)
