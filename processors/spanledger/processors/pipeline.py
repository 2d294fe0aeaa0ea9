"""The pipeline: a tuple of steps and a loop. Request bodies in, one batch of calls out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spanledger.processors.classify import FAULTS, LEFT_OUT, classify
from spanledger.processors.decode import decode
from spanledger.processors.normalise import Sender, normalise
from spanledger.storage.schema import Batch, Step


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
    message; `rejections` the bad spans of good ones; `left_out` counts good spans that are not calls, by reason.
    """

    batch: Batch
    request: npt.NDArray[np.int64]
    failures: Mapping[int, str]
    rejections: Sequence[Rejection]
    left_out: Mapping[str, int]


def process(
    bodies: Sequence[bytes],
    senders: Sequence[Sender],
    ingested_us: int,
    steps: Sequence[Step],
    *,
    keep_content: bool = False,
) -> Processed:
    """Carry a group of ExportTraceServiceRequests through every step.

    `senders[i]` sent `bodies[i]`; `ingested_us` is the time of arrival in microseconds since 1970.
    """
    decoded = decode(bodies)
    classes = classify(decoded.spans)
    calls = decoded.spans.filter(classes.calls)
    batch = normalise(calls, senders, ingested_us, keep_content=keep_content)
    for step in steps:
        batch = step(batch)
    return Processed(
        batch=batch,
        request=calls.request,
        failures=decoded.failures,
        rejections=_rejections(decoded.spans.request, classes.fault),
        left_out=_left_out(classes.left_out[classes.fault == 0]),
    )


def _rejections(request: npt.NDArray[np.int64], fault: npt.NDArray[np.int8]) -> list[Rejection]:
    bad = np.flatnonzero(fault)
    pairs = Counter(zip(request[bad].tolist(), fault[bad].tolist(), strict=True))
    return [Rejection(at, FAULTS[code - 1], count) for (at, code), count in sorted(pairs.items())]


def _left_out(codes: npt.NDArray[np.int8]) -> dict[str, int]:
    counts = np.bincount(codes, minlength=len(LEFT_OUT) + 1)
    return {reason: int(counts[1 + place]) for place, reason in enumerate(LEFT_OUT) if counts[1 + place]}
