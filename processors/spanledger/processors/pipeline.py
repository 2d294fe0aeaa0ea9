"""The pipeline: request bodies of any signal in, rows for the ledger out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.processors.classify import FAULTS, LEFT_OUT, classify
from spanledger.processors.decode import Decoded, decode
from spanledger.processors.events import events
from spanledger.processors.identify import event_hashes, span_hashes, tenant_seeds
from spanledger.processors.normalise import Sender, completeness, normalise, span_rows
from spanledger.processors.points import FAULTS as POINT_FAULTS
from spanledger.processors.points import points
from spanledger.processors.points_rows import point_rows
from spanledger.processors.records import Records, Signal
from spanledger.processors.spans import spans
from spanledger.storage.schema import CALLS, POINTS, SPANS, Batch, Hashes, Mask, Rows, Sieve, Step


@dataclass(frozen=True)
class Rejection:
    """Spans, events or data points of one request that can never be stored, and why."""

    request: int
    reason: str
    spans: int


@dataclass(frozen=True)
class Processed:
    """What a group of requests came to.

    `calls`, `spans` and `points` hold the rows, `call_request[i]` and so on the request of row i. `failures` names
    the requests that are no valid message; `rejections` the bad records of good ones; `left_out` counts good records
    that are kept nowhere, by reason, and `repeated` records that the ledger had already.
    """

    calls: Batch
    call_request: Rows
    spans: pa.Table
    span_request: Rows
    points: pa.Table
    point_request: Rows
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


class Keeping(NamedTuple):
    """What the operator wants kept that is removed or left out otherwise."""

    content: bool
    all_spans: bool


def process(
    groups: Sequence[Group],
    ingested_us: int,
    steps: Sequence[Step],
    *,
    keep_content: bool = False,
    keep_all_spans: bool = False,
    sieve: Sieve | None = None,
) -> Processed:
    """Carry groups of export requests through every step.

    `ingested_us` is the time of arrival in microseconds since 1970; what `sieve` knows is left out. `keep_content`
    keeps prompts and completions, `keep_all_spans` spans that are not GenAI.
    """
    keeping = Keeping(keep_content, keep_all_spans)
    parts = [_processed(group, ingested_us, steps, keeping, sieve) for group in groups]
    if len(parts) == 1:
        return parts[0]
    left_out = sum((Counter(part.left_out) for part in parts), Counter[str]())
    return Processed(
        calls=_together([CALLS.empty_table(), *(part.calls for part in parts)]),
        call_request=np.concatenate([_NO_ROWS, *(part.call_request for part in parts)]),
        spans=_together([SPANS.empty_table(), *(part.spans for part in parts)]),
        span_request=np.concatenate([_NO_ROWS, *(part.span_request for part in parts)]),
        points=_together([POINTS.empty_table(), *(part.points for part in parts)]),
        point_request=np.concatenate([_NO_ROWS, *(part.point_request for part in parts)]),
        failures={place: sentence for part in parts for place, sentence in part.failures.items()},
        rejections=[rejection for part in parts for rejection in part.rejections],
        left_out=dict(left_out),
        repeated=sum(part.repeated for part in parts),
    )


_READERS: Final = {"traces": (spans, span_hashes), "logs": (events, event_hashes)}
"""Signal → how its decoded requests become records, and their identity."""


def _processed(
    group: Group, ingested_us: int, steps: Sequence[Step], keeping: Keeping, sieve: Sieve | None
) -> Processed:
    decoded = decode(group.signal, group.bodies)
    if group.signal == "metrics":
        return _points(group, decoded, ingested_us, keeping)
    read, identities = _READERS[group.signal]
    records = read(decoded)
    classes = classify(records, keep_all_spans=keeping.all_spans)
    kept = records.filter(classes.kept)
    hashes = identities(kept, tenant_seeds([sender.tenant for sender in group.senders], kept.request))
    repeated = _repeated(kept, hashes, sieve) if sieve else np.zeros(len(kept), bool)
    is_call = classes.calls[classes.kept][~repeated]
    kept, hashes = kept.filter(~repeated), hashes[~repeated]

    calls, others = kept.filter(is_call), kept.filter(~is_call)
    batch = normalise(calls, hashes[is_call], group.senders, ingested_us, keep_content=keeping.content)
    for step in steps:
        batch = step(batch)
    rows = SPANS.empty_table()
    if len(others):
        rows = span_rows(others, hashes[~is_call], group.senders, ingested_us, keep_content=keeping.content)
    return Processed(
        calls=batch,
        call_request=group.places[calls.request],
        spans=rows,
        span_request=group.places[others.request],
        points=POINTS.empty_table(),
        point_request=_NO_ROWS,
        failures=_failures(group, decoded),
        rejections=_rejections(group.places[records.request], classes.fault),
        left_out=_left_out(classes.left_out[classes.fault == 0]),
        repeated=int(repeated.sum()),
    )


def _points(group: Group, decoded: Decoded, ingested_us: int, keeping: Keeping) -> Processed:
    """The path of metrics: they never make a call."""
    read = points(decoded)
    faults = Counter(zip(group.places[read.fault_request].tolist(), read.fault.tolist(), strict=True))
    return Processed(
        calls=CALLS.empty_table(),
        call_request=_NO_ROWS,
        spans=SPANS.empty_table(),
        span_request=_NO_ROWS,
        points=point_rows(read.points, group.senders, ingested_us, keep_content=keeping.content),
        point_request=group.places[read.points.request],
        failures=_failures(group, decoded),
        rejections=[Rejection(at, POINT_FAULTS[fault], count) for (at, fault), count in sorted(faults.items())],
        left_out=read.left_out,
        repeated=0,
    )


def _failures(group: Group, decoded: Decoded) -> dict[int, str]:
    return {int(group.places[at]): sentence for at, sentence in decoded.failures.items()}


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
