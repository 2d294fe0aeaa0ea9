"""The one place that knows all stages: what a receiver hands over becomes rows of the ledger."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from spanledger.processors.dialects.registry import EVERY
from spanledger.processors.identify import identify
from spanledger.processors.normalise import Sender
from spanledger.processors.pipeline import Group, Processed, process
from spanledger.processors.pricing.bundled import bundled_catalogue
from spanledger.processors.pricing.price import price
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.records import SIGNALS
from spanledger.receiver.contract import Answer, Prepare, Refused, Request, Store, Stored, Unavailable
from spanledger.receiver.counters import Counters
from spanledger.storage.errors import LedgerUnavailable
from spanledger.storage.ledger import Ledger
from spanledger.storage.outcome import Planned
from spanledger.storage.refusals import Refusal
from spanledger.storage.schema import Arrivals, Ranks, Step

STEPS: Final[tuple[Step, ...]] = (identify,)
"""What every batch goes through before the ledger; `price` runs inside the merge, on the rows that are written."""

RANKS: Final = Ranks(
    usage={dialect.name: dialect.rank for dialect in EVERY}, who={dialect.name: dialect.who_rank for dialect in EVERY}
)


PIECES: Final = {"traces": "span", "logs": "log record", "metrics": "data point"}
"""What requests of a signal are made of, as OTLP's answers call it."""


def wire(
    ledger: Ledger,
    priced: Step | None = None,
    *,
    keep_content: bool = False,
    keep_all_spans: bool = False,
    counters: Counters | None = None,
) -> tuple[Prepare, Store]:
    """The two halves of the path into `ledger`: decode and process, then merge and answer.

    `priced` is the step that prices, by the prices that come with the program where none is given; `counters` counts
    the good records that are kept nowhere, by reason.
    """
    priced = priced or partial(price, book=PriceBook(bundled_catalogue()))
    counted = counters or Counters()
    ledger.promote_with(priced)

    def prepare(requests: Sequence[Request]) -> _Prepared:
        groups, era = _by_signal(requests), ledger.era
        try:
            processed = process(
                groups,
                time.time_ns() // 1000,
                STEPS,
                keep_content=keep_content,
                keep_all_spans=keep_all_spans,
                sieve=ledger,
            )
            refusals, answers = _refusals(requests, processed), _answers(requests, processed)
            arrivals = Arrivals(
                processed.calls, processed.call_request,
                processed.spans, processed.span_request,
                processed.points, processed.point_request,
            )  # fmt: skip
            planned = ledger.plan(arrivals, refusals, price=priced, ranks=RANKS, era=era)
        except LedgerUnavailable as error:
            raise Unavailable(str(error)) from error
        return _Prepared(answers, planned, processed.left_out, processed.repeated)

    def store(prepared: _Prepared) -> Sequence[Answer]:
        try:
            merged = ledger.commit(prepared.planned)
        except LedgerUnavailable as error:
            raise Unavailable(str(error)) from error
        for reason, records in prepared.left_out.items():
            counted.add(f"left out: {reason}", records)
        if prepared.repeated + merged.repeated:
            counted.add("sent again", prepared.repeated + merged.repeated)
        answers = list(prepared.answers)
        for at, reason in merged.refused.items():
            answers[at] = Refused(f"what this request holds cannot be stored: {reason}")
        return answers

    return prepare, store


def _by_signal(requests: Sequence[Request]) -> list[Group]:
    groups = []
    for signal in SIGNALS:
        places = np.array([at for at, request in enumerate(requests) if request.signal == signal], np.int64)
        mine = [requests[at] for at in places]
        if mine:
            senders = [Sender(request.tenant, request.api_key_id) for request in mine]
            groups.append(Group(signal, [request.body for request in mine], senders, places))
    return groups


@dataclass(frozen=True)
class _Prepared:
    """A group on its way from `prepare` to `store`: the answers it will get once `planned` is committed."""

    answers: Sequence[Answer]
    planned: Planned
    left_out: Mapping[str, int]
    repeated: int


def _answers(requests: Sequence[Request], processed: Processed) -> list[Answer]:
    answers: list[Answer] = [Stored()] * len(requests)
    for at, sentence in processed.failures.items():
        answers[at] = Refused(sentence)
    for at in {rejection.request for rejection in processed.rejections}:
        mine = [one for one in processed.rejections if one.request == at]
        piece = PIECES[requests[at].signal]
        message = "; ".join(f"{one.spans} {piece}{'s' if one.spans > 1 else ''} left out: {one.reason}" for one in mine)
        answers[at] = Stored(rejected=sum(one.spans for one in mine), message=message)
    return answers


def _refusals(requests: Sequence[Request], processed: Processed) -> list[Refusal]:
    refusals = [Refusal(requests[one.request].tenant, one.reason, one.spans) for one in processed.rejections]
    return refusals + [Refusal(requests[at].tenant, sentence, 0) for at, sentence in processed.failures.items()]
