"""Records: the spans or log events of a group of requests, as columns. What every later step works on."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.processors.attributes import Attributes

Signal: TypeAlias = Literal["traces", "logs", "metrics"]
"""OTLP's signals."""

SIGNALS: Final[tuple[Signal, ...]] = ("traces", "logs", "metrics")


@dataclass(frozen=True)
class Scopes:
    """What a record shares with the others of its scope: the instrumentation scope, and where it ran.

    `resource[i]` is the row of scope i in `resources`.
    """

    names: pa.StringArray
    versions: pa.StringArray
    resource: npt.NDArray[np.int64]
    resources: Attributes


@dataclass(frozen=True)
class Records:
    """The spans (`signal` is "traces") or the events ("logs") of a group of requests.

    `request[i]` is the position of record i's request in the group, `scope[i]` its row in `scopes`. `name` is that of
    the span or of the event, NULL where there is none. Ids are binary as they came, of any length; those of an event
    are its context, the span in which it happened, and it has no parent. Times are nanoseconds since 1970 as unsigned
    64-bit integers; an event ends at its time, and began as much earlier as it says that it took. `status` is OTLP's
    code, 0 for events.
    """

    signal: Signal
    request: npt.NDArray[np.int64]
    scope: npt.NDArray[np.int64]
    scopes: Scopes
    name: pa.StringArray
    trace_id: pa.BinaryArray
    span_id: pa.BinaryArray
    parent_span_id: pa.BinaryArray
    started: npt.NDArray[np.uint64]
    ended: npt.NDArray[np.uint64]
    status: npt.NDArray[np.int32]
    attributes: Attributes
    speaker: npt.NDArray[np.int16]
    operation: pa.DictionaryArray

    def __len__(self) -> int:
        return len(self.request)

    def filter(self, keep: npt.NDArray[np.bool_]) -> "Records":
        """The records where `keep` is true; scopes and resources stay as they are."""
        if keep.all():
            return self
        mask = pa.array(keep)
        return Records(
            signal=self.signal,
            request=self.request[keep],
            scope=self.scope[keep],
            scopes=self.scopes,
            name=self.name.filter(mask),
            trace_id=self.trace_id.filter(mask),
            span_id=self.span_id.filter(mask),
            parent_span_id=self.parent_span_id.filter(mask),
            started=self.started[keep],
            ended=self.ended[keep],
            status=self.status[keep],
            attributes=self.attributes.filter(keep),
            speaker=self.speaker[keep],
            operation=self.operation.filter(mask),
        )
