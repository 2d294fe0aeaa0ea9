"""Classify: which records are calls that a vendor bills, which tell of what is around them, which cannot be taken.

Everything that is kept nowhere gets a reason, and every reason is counted: nothing disappears without a number.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from spanledger.processors.dialects.columns import COUNTS, LABELS, TEXTS
from spanledger.processors.dialects.dialect import NOISE
from spanledger.processors.dialects.operations import BILLABLE
from spanledger.processors.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, is_id
from spanledger.processors.operations_said import is_any
from spanledger.processors.records import Records
from spanledger.processors.said_in_texts import shown
from spanledger.processors.speakers import spoken

EARLIEST_NS: Final = 946_684_800 * 10**9  # 2000-01-01: before OpenTelemetry, and before any clock that was ever set
LATEST_NS: Final = 7_258_118_400 * 10**9  # 2200-01-01: beyond the range of a signed 64-bit nanosecond clock soon after

FAULTS: Final = (
    "the trace id is not 16 bytes with a bit set",
    "the span id is not 8 bytes with a bit set",
    "the start time is missing",
    "the start time is not between the years 2000 and 2200",
)
"""Why a record is rejected: it can never be stored, and OTLP's partial success says so."""

LEFT_OUT: Final = ("not_genai", "says_nothing")
"""Why a good record is kept nowhere: it is accepted, counted and left out. `says_nothing` of its own: it repeats what
another record of its emitter says."""


_OUTCOME: Final = (
    *COUNTS["input_tokens"], *COUNTS["output_tokens"], *TEXTS["response_id"], *LABELS["finish_reasons"],
    *LABELS["error_type"],
)  # fmt: skip
"""Keys of which an event has one that tells how a call ended."""


@dataclass(frozen=True)
class Classes:
    """`fault[i]` is 0 or 1 + the index in FAULTS; `left_out[i]` is 0 (kept) or 1 + the index in LEFT_OUT.

    `is_call[i]` says of a record that is kept whether it is a call.
    """

    fault: npt.NDArray[np.int8]
    left_out: npt.NDArray[np.int8]
    is_call: npt.NDArray[np.bool_]

    @property
    def calls(self) -> npt.NDArray[np.bool_]:
        """Which records become rows of calls."""
        return np.asarray(self.kept & self.is_call)

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Which records become rows, of calls or of spans."""
        return np.asarray((self.fault == 0) & (self.left_out == 0))


def classify(records: Records, *, keep_all_spans: bool = False) -> Classes:
    """Sort the records of a group into calls, others to keep, those to leave out and bad ones.

    With `keep_all_spans` no good span is left out. An event needs no ids: many lie in no span.
    """
    is_call, genai = _kinds(records)
    noise = is_any(records.operation, frozenset({NOISE}))
    if records.signal == "logs":
        # An event without counts, an answer or an error is but the beginning of a call (Gemini CLI tells of that, too).
        idle = is_call & ~records.attributes.present(*_OUTCOME)
        is_call, noise = is_call & ~idle, noise | idle
    left_out = np.select([noise, ~genai], [2, 1], default=0).astype(np.int8)
    if keep_all_spans and records.signal == "traces":
        left_out = np.zeros(len(records), np.int8)
    return Classes(_faults(records), left_out, is_call)


def _kinds(records: Records) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which records are calls, and which are GenAI at all."""
    billable = is_any(records.operation, BILLABLE)
    silent = records.operation.is_null().to_numpy(zero_copy_only=False)
    genai = ~silent
    if records.signal == "traces" and silent.any():
        # Older emitters name no operation: a model with a token count is a call, anything else is not ours.
        attributes = records.attributes
        modelled = attributes.present(*LABELS["request_model"], *LABELS["response_model"])
        counted = attributes.present(*COUNTS["input_tokens"], *COUNTS["output_tokens"])
        billable |= silent & modelled & counted
        genai |= billable
    for dialect, mine in spoken(records.speaker):
        if dialect.repeats:
            billable &= ~(mine & shown(records, mine, dialect.repeats))
    return billable, genai


def _faults(records: Records) -> npt.NDArray[np.int8]:
    of_time = [records.started == 0, (records.started < EARLIEST_NS) | (records.started >= LATEST_NS)]
    if records.signal == "logs":
        return np.select(of_time, [3, 4], default=0).astype(np.int8)
    of_ids = [~is_id(records.trace_id, TRACE_ID_BYTES), ~is_id(records.span_id, SPAN_ID_BYTES)]
    return np.select([*of_ids, *of_time], [1, 2, 3, 4], default=0).astype(np.int8)
