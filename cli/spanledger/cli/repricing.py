"""Prices stored calls again, in whatever process holds the ledger: the command's own, or a server's that was asked."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from spanledger.cli.price_book import Books, kept
from spanledger.storage.catalogues import Choice, choices, keep_rules
from spanledger.storage.ledger import Ledger
from spanledger.storage.reprice import (
    NOTHING,
    Difference,
    Repricing,
    Selection,
    Shift,
    Terms,
    preview,
    stretches,
)
from spanledger.storage.schema import Batch, Step


class Abandoned(Exception):
    """Nobody waits any more for what was asked for; what is done so far stays."""


@dataclass(frozen=True)
class Asked:
    """What is to be priced again, and by which prices: a catalogue's, each call's of its time, or those in force."""

    selection: Selection
    catalogue_id: str | None
    known_then: bool
    write: bool

    def to_json(self) -> bytes:
        """The same as a letter to a server."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Asked":
        """The inverse of `to_json`. Raises ValueError, TypeError or KeyError for anything else."""
        fields = json.loads(text)
        return cls(Selection(**fields["selection"]), fields["catalogue_id"], fields["known_then"], fields["write"])


def perform(ledger: Ledger, asked: Asked, told: Callable[[int, int], object]) -> Difference:
    """Look at the selected calls, change them if that was asked for, and return what changes.

    `told` hears how many calls are done, of how many; it may raise Abandoned. Raises LedgerError, and Failed for a
    catalogue that the ledger does not know or rules that are wrong.
    """
    books = Books(ledger)
    terms, price = _terms(ledger, books, asked)
    if asked.write:
        keep_rules(ledger, kept(books.rules))
    pieces = stretches(ledger, asked.selection)
    total = sum(piece.calls for piece in pieces)
    run = Repricing(ledger, asked.selection, terms, price)
    done, found = 0, NOTHING
    told(done, total)
    for piece in pieces:
        found += run.write(piece) if asked.write else preview(ledger, asked.selection, piece, price)
        done += piece.calls
        told(done, total)
    if asked.write:
        run.finish()
    return found


def _terms(ledger: Ledger, books: Books, asked: Asked) -> tuple[Terms, Step]:
    if not asked.known_then:
        chosen = books.in_force() if asked.catalogue_id is None else books.named(asked.catalogue_id)
        return Terms("now", chosen), books.step(chosen)
    with ledger.reader() as reader:
        history = choices(reader)
    return Terms("then", None), known_then(history, books.step)


def known_then(history: list[Choice], step_of: Callable[[str], Step]) -> Step:
    """A step that prices each call by the catalogue in force when it arrived.

    `history` is in order of time and not empty; what arrived before its first entry is priced by that one.
    """
    moments = np.array([int(choice.chosen_at.timestamp() * 1_000_000) for choice in history], np.int64)

    def price(batch: Batch) -> Batch:
        arrived = batch.column("ingested_at").cast(pa.int64()).to_numpy()
        number = np.maximum(np.searchsorted(moments, arrived, side="right") - 1, 0)
        rows = [np.flatnonzero(number == one) for one in np.unique(number)]
        parts = [
            step_of(history[int(number[of[0]])].catalogue_id)(batch.take(pa.array(of)).combine_chunks()) for of in rows
        ]
        together = pa.concat_tables(parts).unify_dictionaries()
        back = np.argsort(np.concatenate(rows), kind="stable")
        return together.take(pa.array(back)).combine_chunks()

    return price


def to_json(found: Difference) -> dict[str, Any]:
    """A difference as JSON has it: the models with the greatest change first, amounts as texts."""
    shifts = sorted(found.shifts, key=lambda one: (-abs(one.after_usd - one.before_usd), -one.calls, str(one.model)))
    return {
        "calls": found.calls,
        "changed": found.changed,
        "cost_before_usd": f"{found.before_usd:f}",
        "cost_after_usd": f"{found.after_usd:f}",
        "models": [
            {
                "provider": one.provider,
                "model": one.model,
                "calls": one.calls,
                "cost_before_usd": f"{one.before_usd:f}",
                "cost_after_usd": f"{one.after_usd:f}",
                "unpriced_before": one.unpriced_before,
                "unpriced_after": one.unpriced_after,
            }
            for one in shifts
        ],
    }


def from_json(told: dict[str, Any]) -> Difference:
    """The inverse of `to_json`."""
    return Difference(
        told["calls"],
        tuple(
            Shift(
                one["provider"],
                one["model"],
                one["calls"],
                Decimal(one["cost_before_usd"]),
                Decimal(one["cost_after_usd"]),
                one["unpriced_before"],
                one["unpriced_after"],
            )
            for one in told["models"]
        ),
    )
