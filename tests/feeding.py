"""Feeding: export requests through the processors into a ledger in a folder, and what `calls` says then."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spanledger.cli.wiring import RANKS
from spanledger.processors.identify import identify
from spanledger.processors.pipeline import Group, process
from spanledger.processors.pricing.bundled import bundled_catalogue
from spanledger.processors.pricing.price import price
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Arrivals
from tests.oracle import INGESTED_US, SENDER

PRICED = partial(price, book=PriceBook(bundled_catalogue()))
Request = tuple[str, bytes]
"""A signal and the body of a request."""
Row = dict[str, Any]


def fed(folder: Path, *stages: Sequence[Sequence[Request]]) -> list[list[Row]]:
    """The rows of `calls` after each of some stages, each of them batches of requests that come one after the other."""
    ledger = Ledger.open(folder)
    rows = []
    try:
        for batches in stages:
            for batch in batches:
                ledger.commit(ledger.plan(processed(batch, ledger), price=PRICED, ranks=RANKS))
            with ledger.reader() as reader:
                rows.append(reader.query("select * from calls order by started_at, span_id").to_pylist())
    finally:
        ledger.close()
    return rows


def processed(batch: Sequence[Request], ledger: Ledger) -> Arrivals:
    """What a batch of good requests brings to a ledger."""
    groups = []
    for signal in ("traces", "logs"):
        places = [place for place, (kind, _) in enumerate(batch) if kind == signal]
        if places:
            bodies = [batch[place][1] for place in places]
            groups.append(Group(signal, bodies, [SENDER] * len(places), np.array(places)))
    done = process(groups, INGESTED_US, (identify,), sieve=ledger)
    assert not done.failures
    assert not done.rejections
    return Arrivals(done.calls, done.call_request, done.spans, done.span_request)
