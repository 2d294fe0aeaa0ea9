"""The one place that knows all stages: what a receiver hands over becomes rows of the ledger."""

import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from spanledger.processors.dialects import DIALECTS, UNKNOWN
from spanledger.processors.identify import identify
from spanledger.processors.normalise import Sender
from spanledger.processors.pipeline import Processed, process
from spanledger.processors.price import price
from spanledger.processors.price_data import bundled_catalogue
from spanledger.receiver.contract import Answer, Prepare, Refused, Request, Store, Stored, Unavailable
from spanledger.receiver.counters import Counters
from spanledger.storage.errors import LedgerUnavailable, RowsRefused
from spanledger.storage.ledger import Ledger, Refusal
from spanledger.storage.schema import Step

STEPS: Final[tuple[Step, ...]] = (identify,)
"""What every batch goes through before the ledger; `price` runs inside the merge, on the rows that are written."""

RANKS: Final = {dialect.name: dialect.rank for dialect in (*DIALECTS, UNKNOWN)}

_log = logging.getLogger("spanledger.wiring")


def wire(ledger: Ledger, *, keep_content: bool = False, counters: Counters | None = None) -> tuple[Prepare, Store]:
    """The two halves of the path into `ledger`: decode and process, then merge and answer.

    `counters` counts the good spans that are not calls, by reason.
    """
    priced: Step = partial(price, catalogue=bundled_catalogue())
    counted = counters or Counters()

    def prepare(requests: Sequence[Request]) -> tuple[Sequence[Request], Processed]:
        bodies = [request.body for request in requests]
        senders = [Sender(request.tenant, request.api_key_id) for request in requests]
        return requests, process(bodies, senders, time.time_ns() // 1000, STEPS, keep_content=keep_content)

    def store(prepared: tuple[Sequence[Request], Processed]) -> Sequence[Answer]:
        requests, processed = prepared
        answers = _answers(len(requests), processed)
        try:
            _merge(ledger, requests, processed, priced)
        except LedgerUnavailable as error:
            raise Unavailable(str(error)) from error
        except RowsRefused:
            # Some row cannot be stored: find whose, so that the others of the group are.
            for at in np.unique(processed.request).tolist():
                answers[at] = _merge_alone(ledger, processed, priced, at, answers[at])
        for reason, spans in processed.left_out.items():
            counted.add(f"left out: {reason}", spans)
        return answers

    return prepare, store


def _answers(requests: int, processed: Processed) -> list[Answer]:
    answers: list[Answer] = [Stored()] * requests
    for at, sentence in processed.failures.items():
        answers[at] = Refused(sentence)
    for at in {rejection.request for rejection in processed.rejections}:
        mine = [one for one in processed.rejections if one.request == at]
        message = "; ".join(f"{one.spans} span{'s' if one.spans > 1 else ''} left out: {one.reason}" for one in mine)
        answers[at] = Stored(rejected=sum(one.spans for one in mine), message=message)
    return answers


def _merge(ledger: Ledger, requests: Sequence[Request], processed: Processed, priced: Step) -> None:
    refusals = [Refusal(requests[one.request].tenant, one.reason, one.spans) for one in processed.rejections]
    refusals += [Refusal(requests[at].tenant, sentence, 0) for at, sentence in processed.failures.items()]
    ledger.merge(processed.batch, refusals, price=priced, ranks=RANKS)


def _merge_alone(ledger: Ledger, processed: Processed, priced: Step, at: int, answer: Answer) -> Answer:
    rows = np.flatnonzero(processed.request == at)
    try:
        ledger.merge(processed.batch.take(rows), price=priced, ranks=RANKS)
    except RowsRefused as error:
        _log.error("A request of %d spans cannot be stored: %s", len(rows), error)
        return Refused(f"the spans of this request cannot be stored: {error}")
    except LedgerUnavailable as error:
        raise Unavailable(str(error)) from error
    return answer
