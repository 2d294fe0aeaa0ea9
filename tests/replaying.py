"""Replaying: what a source reads in a file, its totals, and what a ledger makes of it through OTLP."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import Any

from spanledger.cli.wiring import wire
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.otlp_spans import Outgoing, is_sane
from spanledger.instrumentation.replay.records import Call, Record
from spanledger.instrumentation.replay.source import Source
from spanledger.processors.pricing.bundled import bundled_catalogue
from spanledger.processors.pricing.price import price
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.receiver.contract import Request, Stored
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Step

SHARED_LOGS = Path(__file__).resolve().parents[2] / "shared" / "fixtures" / "logs"
ABSENT = "there are no fixtures at shared/fixtures/logs beside this repository"
MACHINE = "a-machine"


def read(source: Source, path: Path, log: Log | None = None) -> list[Record]:
    """All records of a file; give a `log` to see what was skipped, or to go on where it was left."""
    with closing(log or Log(path)) as opened:
        return list(source.read(opened))


def totals(records: Iterable[Record]) -> Counter[str]:
    """The calls and their tokens, each key counted once: as the ledger would, the most complete record of a call wins.

    Keys: calls, and the fields of Usage; `uncached` is the input without cache reads and writes.
    """
    best: dict[str, Call] = {}
    for record in records:
        if isinstance(record, Call):
            known = best.get(record.key)
            if known is None or _completeness(record) >= _completeness(known):
                best[record.key] = record
    found: Counter[str] = Counter(calls=len(best))
    for call in best.values():
        for name in call.usage.__slots__:
            found[name] += getattr(call.usage, name) or 0
    found["uncached"] = found["input_tokens"] - found["cache_read_tokens"] - found["cache_write_tokens"]
    return found


def _completeness(call: Call) -> tuple[int, int]:
    return -1 if call.usage.output_tokens is None else call.usage.output_tokens, call.ended_ns


def requests(batches: Sequence[tuple[Source, Iterable[Record]]], tenant: str = "") -> list[Request]:
    """The export requests of records, without those whose clock was never set."""
    outgoing = Outgoing(MACHINE)
    for source, records in batches:
        for record in records:
            if is_sane(record):
                outgoing.add(source, record)
    return [Request(export.body, tenant, signal=export.signal) for export in outgoing.take()]


@cache
def pricing() -> Step:
    """The prices that come with the program, compiled once."""
    return partial(price, book=PriceBook(bundled_catalogue()))


def feed(ledger: Ledger, *groups: Sequence[Request]) -> None:
    """Carry groups of requests into a ledger; all of them must be taken."""
    prepare, store = wire(ledger, pricing())
    for group in groups:
        answers = store(prepare(group))
        assert all(answer == Stored() for answer in answers), answers


def ledger_of(folder: Path, *reads: tuple[Source, Path], table: str = "calls") -> list[dict[str, Any]]:
    """The rows of a ledger in `folder` after the files were read and sent, one group a file."""
    ledger = Ledger.open(folder)
    try:
        feed(ledger, *[requests([(source, read(source, path))]) for source, path in reads])
        with ledger.reader() as reader:
            return reader.query(f"select * from {table} order by started_at, span_id").to_pylist()
    finally:
        ledger.close()
