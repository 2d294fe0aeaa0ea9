"""Small price lists for tests: a published file of a few models, and ledgers that know one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spanledger.cli.live_book import LiveBook
from spanledger.cli.price_book import Books
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Ranks
from tests.ledger_rows import calls

USED = {
    "provider": "openai", "request_model": "gpt-5", "status": "ok", "input_tokens": 1_000_000, "output_tokens": 0,
    "usage_rule": "inclusive",
}  # fmt: skip
"""A million tokens in: it costs what the list says."""


def published(dollars: Mapping[str, Any], provider: str = "openai") -> bytes:
    """A file as genai-prices publishes it: model → dollars per million tokens of input, or its prices as there."""
    models = [
        {
            "id": name,
            "match": {"equals": name},
            "prices": price if isinstance(price, (dict, list)) else {"input_mtok": price, "output_mtok": 10},
        }
        for name, price in dollars.items()
    ]
    return json.dumps([{"id": provider, "name": provider, "api_pattern": "", "models": models}]).encode()


def written(path: Path, dollars: Mapping[str, Any]) -> Path:
    """Such a file on disk."""
    path.write_bytes(published(dollars))
    return path


def filled(folder: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """A ledger with the installed prices in force and these calls, priced by them; closed again."""
    ledger = Ledger.open(folder)
    try:
        book = LiveBook(ledger)
        ledger.merge(calls([USED | dict(row) for row in rows]), price=book.price, ranks=Ranks({"test": 0}))
    finally:
        ledger.close()
    return folder


def ask(folder: Path, sql: str) -> list[dict[str, Any]]:
    """The rows of a closed ledger."""
    ledger = Ledger.open_readonly(folder)
    try:
        with ledger.reader() as reader:
            rows: list[dict[str, Any]] = reader.query(sql).to_pylist()
            return rows
    finally:
        ledger.close()


def in_force(folder: Path) -> str:
    """The catalogue in force of a closed ledger."""
    ledger = Ledger.open_readonly(folder)
    try:
        return Books(ledger).in_force()
    finally:
        ledger.close()
