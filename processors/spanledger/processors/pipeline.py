"""The pipeline: request bodies of any signal in, rows for the ledger out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.processors.classify import FAULTS, LEFT_OUT, classify
from spanledger.processors.decode import decode
from spanledger.processors.events import events
from spanledger.processors.identify import event_hashes, span_hashes, tenant_seeds
from spanledger.processors.normalise import Sender, completeness, normalise, span_rows
from spanledger.processors.records import Records, Signal
from spanledger.processors.spans import spans
from spanledger.storage.schema import CALLS, SPANS, Batch, Hashes, Mask, Rows, Sieve, Step


@dataclass(frozen=True)
class Rejection:
    """Spans of one request that can never be stored, and why."""

    request: int
    reason: str
    spans: int


@dataclass(frozen=True)
class Processed:
    """What a group of requests came to.

    `calls` and `spans` hold the rows, `call_request[i]` and `span_request[i]` the request of row i. `failures` names
    the requests that are no valid message; `rejections` the bad records of good ones; `left_out` counts good records
    that are kept nowhere, by reason, and `repeated` records that the ledger had already.
    """

    calls: Batch
    call_request: Rows
    spans: pa.Table
    span_request: Rows
    failures: Mapping[int, str]
    rejections: Sequence[Rejection]
    left_out: Mapping[str, int]
    repeated: int


@dataclass(frozen=True)
class Group:
    """Requests of one signal: their bodies, who sent them, and the place of each among all that came together."""

    signal: Signal
    bodies: Sequence[bytes]
    senders: Sequence[Sender]
    places: Rows


def process(
    groups: Sequence[Group],
    ingested_us: int,
    steps: Sequence[Step],
    *,
    keep_content: bool = False,
    sieve: Sieve | None = None,
) -> Processed:
    """Carry groups of export requests through every step.

    `ingested_us` is the time of arrival in microseconds since 1970; what `sieve` knows is left out.
    """
    parts = [_processed(group, ingested_us, steps, keep_content=keep_content, sieve=sieve) for group in groups]
    if len(parts) == 1:
        return parts[0]
    left_out = sum((Counter(part.left_out) for part in parts), Counter[str]())
    return Processed(
        calls=_together([CALLS.empty_table(), *(part.calls for part in parts)]),
        call_request=np.concatenate([_NO_ROWS, *(part.call_request for part in parts)]),
        spans=_together([SPANS.empty_table(), *(part.spans for part in parts)]),
        span_request=np.concatenate([_NO_ROWS, *(part.span_request for part in parts)]),
        failures={place: sentence for part in parts for place, sentence in part.failures.items()},
        rejections=[rejection for part in parts for rejection in part.rejections],
        left_out=dict(left_out),
        repeated=sum(part.repeated for part in parts),
    )


_READERS: Final = {"traces": (spans, span_hashes), "logs": (events, event_hashes)}
"""Signal → how its decoded requests become records, and their identity."""


def _processed(
    group: Group, ingested_us: int, steps: Sequence[Step], *, keep_content: bool, sieve: Sieve | None
) -> Processed:
    decoded = decode(group.signal, group.bodies)
    read, identities = _READERS[group.signal]
    records = read(decoded)
    classes = classify(records)
    kept = records.filter(classes.kept)
    hashes = identities(kept, tenant_seeds([sender.tenant for sender in group.senders], kept.request))
    repeated = _repeated(kept, hashes, sieve) if sieve else np.zeros(len(kept), bool)
    is_call = classes.calls[classes.kept][~repeated]
    kept, hashes = kept.filter(~repeated), hashes[~repeated]

    calls, others = kept.filter(is_call), kept.filter(~is_call)
    batch = normalise(calls, hashes[is_call], group.senders, ingested_us, keep_content=keep_content)
    for step in steps:
        batch = step(batch)
    rows = SPANS.empty_table()
    if len(others):
        rows = span_rows(others, hashes[~is_call], group.senders, ingested_us, keep_content=keep_content)
    return Processed(
        calls=batch,
        call_request=group.places[calls.request],
        spans=rows,
        span_request=group.places[others.request],
        failures={int(group.places[at]): sentence for at, sentence in decoded.failures.items()},
        rejections=_rejections(group.places[records.request], classes.fault),
        left_out=_left_out(classes.left_out[classes.fault == 0]),
        repeated=int(repeated.sum()),
    )


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


_NO_ROWS: Final = np.zeros(0, np.int64)


def _repeated(calls: Records, hashes: Hashes, sieve: Sieve) -> Mask:
    """Records that the ledger has already, told before they are made rows."""
    started = (calls.started // np.uint64(1000)).astype(np.int64)
    perhaps = sieve.perhaps_stored(hashes, started)
    if perhaps.any():
        perhaps[perhaps] = sieve.repeats(hashes[perhaps], started[perhaps], completeness(calls.filter(perhaps)))
    return perhaps


def _rejections(request: npt.NDArray[np.int64], fault: npt.NDArray[np.int8]) -> list[Rejection]:
    bad = np.flatnonzero(fault)
    pairs = Counter(zip(request[bad].tolist(), fault[bad].tolist(), strict=True))
    return [Rejection(at, FAULTS[code - 1], count) for (at, code), count in sorted(pairs.items())]


def _left_out(codes: npt.NDArray[np.int8]) -> dict[str, int]:
    counts = np.bincount(codes, minlength=len(LEFT_OUT) + 1)
    return {reason: int(counts[1 + place]) for place, reason in enumerate(LEFT_OUT) if counts[1 + place]}
