"""The pipeline: a tuple of steps and a loop. Request bodies in, one batch of calls out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spanledger.processors.classify import FAULTS, LEFT_OUT, classify
from spanledger.processors.decode import Spans, decode
from spanledger.processors.identify import span_hashes, tenant_seeds
from spanledger.processors.normalise import Sender, completeness, normalise
from spanledger.storage.schema import Batch, Hashes, Mask, Sieve, Step


@dataclass(frozen=True)
class Rejection:
    """Spans of one request that can never be stored, and why."""

    request: int
    reason: str
    spans: int


@dataclass(frozen=True)
class Processed:
    """What a group of requests came to.

    `batch` holds the calls, `request[i]` the request of row i. `failures` names the requests that are no valid
    message; `rejections` the bad spans of good ones; `left_out` counts good spans that are not calls, by reason, and
    `repeated` calls that the ledger had already.
    """

    batch: Batch
    request: npt.NDArray[np.int64]
    failures: Mapping[int, str]
    rejections: Sequence[Rejection]
    left_out: Mapping[str, int]
    repeated: int


def process(
    bodies: Sequence[bytes],
    senders: Sequence[Sender],
    ingested_us: int,
    steps: Sequence[Step],
    *,
    keep_content: bool = False,
    sieve: Sieve | None = None,
) -> Processed:
    """Carry a group of ExportTraceServiceRequests through every step.

    `senders[i]` sent `bodies[i]`; `ingested_us` is the time of arrival in microseconds since 1970; what `sieve` knows
    is left out.
    """
    decoded = decode(bodies)
    classes = classify(decoded.spans)
    calls = decoded.spans.filter(classes.calls)
    tenants = tenant_seeds([sender.tenant for sender in senders], calls.request)
    hashes = span_hashes(calls.trace_id, calls.span_id, tenants)
    repeated = _repeated(calls, hashes, sieve) if sieve else np.zeros(len(calls), bool)
    calls, hashes = calls.filter(~repeated), hashes[~repeated]
    batch = normalise(calls, hashes, senders, ingested_us, keep_content=keep_content)
    for step in steps:
        batch = step(batch)
    return Processed(
        batch=batch,
        request=calls.request,
        failures=decoded.failures,
        rejections=_rejections(decoded.spans.request, classes.fault),
        left_out=_left_out(classes.left_out[classes.fault == 0]),
        repeated=int(repeated.sum()),
    )


def _repeated(calls: Spans, hashes: Hashes, sieve: Sieve) -> Mask:
    """Calls that the ledger has already; told from their spans, before they are made rows."""
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
