"""Hearing: decoded spans or events become records whose emitter is known and whose keys are the conventions'."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.processors.attributes import Attributes
from spanledger.processors.dialects.dialect import STARTED_MS_AGO
from spanledger.processors.operations_said import operations_of
from spanledger.processors.records import Records, Scopes, Signal
from spanledger.processors.speakers import speakers_of
from spanledger.processors.words import in_conventions

NANOSECONDS_PER_MS: Final = 1e6
LONGEST_MS: Final = 24 * 3600 * 1000.0
"""No call takes longer than a day: a duration beyond it is not one."""


def heard(
    *,
    signal: Signal,
    request: npt.NDArray[np.int64],
    scope: npt.NDArray[np.int64],
    scopes: Scopes,
    name: pa.StringArray,
    trace_id: pa.BinaryArray,
    span_id: pa.BinaryArray,
    parent_span_id: pa.BinaryArray,
    started: npt.NDArray[np.uint64],
    ended: npt.NDArray[np.uint64],
    status: npt.NDArray[np.int32],
    attributes: Attributes,
) -> Records:
    """The records of a group; see `Records` for the columns. An event that says how long its call took began before."""
    speaker = speakers_of(signal, scope, scopes, name, attributes)
    attributes = in_conventions(attributes, speaker)
    if signal == "logs":
        started = _begun(started, attributes)
    return Records(
        signal=signal,
        request=request,
        scope=scope,
        scopes=scopes,
        name=name,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        started=started,
        ended=ended,
        status=status,
        attributes=attributes,
        speaker=speaker,
        operation=operations_of(signal, speaker, name, attributes),
    )


def _begun(times: npt.NDArray[np.uint64], attributes: Attributes) -> npt.NDArray[np.uint64]:
    if not attributes.layouts.has(STARTED_MS_AGO):
        return times
    lasted = attributes.number(STARTED_MS_AGO).fill_null(0.0).to_numpy(zero_copy_only=False)
    lasted = np.where((lasted > 0) & (lasted <= LONGEST_MS), lasted, 0.0)
    nanoseconds = np.rint(lasted * NANOSECONDS_PER_MS).astype(np.uint64)
    return times - np.minimum(nanoseconds, times)
