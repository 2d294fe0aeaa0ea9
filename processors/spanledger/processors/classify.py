"""Classify: which spans are calls that a vendor bills, and which cannot be taken at all.

Everything that is not a call gets a reason, and every reason is counted: nothing disappears without a number.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from spanledger.processors.dialects import BILLABLE, COUNTS, LABELS, ROLL_UPS
from spanledger.processors.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, is_id
from spanledger.processors.records import Records

EARLIEST_NS: Final = 946_684_800 * 10**9  # 2000-01-01: before OpenTelemetry, and before any clock that was ever set
LATEST_NS: Final = 7_258_118_400 * 10**9  # 2200-01-01: beyond the range of a signed 64-bit nanosecond clock soon after

CALL: Final = 0
FAULTS: Final = (
    "the trace id is not 16 bytes with a bit set",
    "the span id is not 8 bytes with a bit set",
    "the start time is missing",
    "the start time is not between the years 2000 and 2200",
)
"""Why a span is rejected: it can never be stored, and OTLP's partial success says so."""

LEFT_OUT: Final = ("not_genai", "roll_up", "unknown_operation")
"""Why a good span makes no call: it is accepted, counted and left out."""


@dataclass(frozen=True)
class Classes:
    """`fault[i]` is 0 or 1 + the index in FAULTS; `left_out[i]` is 0 (a call) or 1 + the index in LEFT_OUT."""

    fault: npt.NDArray[np.int8]
    left_out: npt.NDArray[np.int8]

    @property
    def calls(self) -> npt.NDArray[np.bool_]:
        """Which records become rows of calls."""
        return np.asarray((self.fault == 0) & (self.left_out == CALL))

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Which records become rows, of calls or of spans."""
        return self.calls


def classify(spans: Records) -> Classes:
    """Sort the spans of a group into calls, other good spans and bad ones."""
    left_out = _left_out(spans)
    fault = np.select(
        [
            ~is_id(spans.trace_id, TRACE_ID_BYTES),
            ~is_id(spans.span_id, SPAN_ID_BYTES),
            spans.started == 0,
            (spans.started < EARLIEST_NS) | (spans.started >= LATEST_NS),
        ],
        [1, 2, 3, 4],
        default=0,
    )
    return Classes(fault.astype(np.int8), left_out)


def _left_out(spans: Records) -> npt.NDArray[np.int8]:
    attributes = spans.attributes
    operation = attributes.label(*LABELS["operation"])
    verdicts = np.array([_verdict(name) for name in operation.dictionary.to_pylist()] + [0], np.int8)
    codes = operation.indices.fill_null(len(verdicts) - 1).to_numpy(zero_copy_only=False)
    left_out = verdicts[codes]
    silent = operation.indices.is_null().to_numpy(zero_copy_only=False)
    if silent.any():
        # Older emitters name no operation: a model with a token count is a call, anything else is not ours.
        modelled = attributes.present(*LABELS["request_model"], *LABELS["response_model"])
        counted = attributes.present(*COUNTS["input_tokens"], *COUNTS["output_tokens"])
        left_out = np.where(silent & ~(modelled & counted), 1 + LEFT_OUT.index("not_genai"), left_out).astype(np.int8)
    return np.asarray(left_out)


def _verdict(operation: str) -> int:
    if operation.lower() in BILLABLE:
        return CALL
    return 1 + LEFT_OUT.index("roll_up" if operation.lower() in ROLL_UPS else "unknown_operation")
