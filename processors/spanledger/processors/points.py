"""Points: decoded metric requests as columns, one row for each data point that tells of usage."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.attributes import Attributes
from spanledger.processors.decode import Decoded
from spanledger.processors.nesting import numbers, parents, scopes_of
from spanledger.processors.points_metrics import PICO_PER_UNIT, UNITS
from spanledger.processors.records import Scopes
from spanledger.storage.schema import PICO

COUNTERS: Final = ("sum", "histogram", "exponential_histogram")
OTHERS: Final = ("gauge", "summary")
"""The kinds of metrics: those whose points can be added up, and those that cannot."""

DELTA, CUMULATIVE = 1, 2
"""OTLP's aggregation temporalities."""

NO_RECORDED_VALUE: Final = 1
"""The flag of a point that says that its series has ended, and nothing else."""

EARLIEST_NS: Final = 946_684_800 * 10**9  # 2000-01-01: before OpenTelemetry, and before any clock that was ever set
LATEST_NS: Final = 7_258_118_400 * 10**9  # 2200-01-01: beyond the range of a signed 64-bit nanosecond clock soon after

TOKENS_MAX: Final = 10.0**15
"""More tokens than all vendors answer in a year; a double is exact up to nine times as many."""
COST_PICO_MAX: Final = 900_000.0 * PICO
"""As much as the money columns hold; no process spends it between its start and its end."""

NOT_KNOWN: Final = -1
"""The number of measurements of a point that is no histogram's."""

FAULTS: Final = (
    "the temporality of the metric is not said",
    "the time of the data point is not between the years 2000 and 2200",
    "the value of the data point is missing or is no finite number",
    "the value of the data point is negative",
    "the value of the data point is beyond all bounds",
)
"""Why a point is rejected: it can never be stored, and OTLP's partial success says so."""


@dataclass(frozen=True)
class Points:
    """The data points of a group of requests that tell of usage.

    `request[i]` is the position of point i's request in the group, `scope[i]` its row in `scopes`, `metric[i]` that of
    its metric in `metrics`. Times are nanoseconds since 1970, `started` 0 where it is not known. `value` is in tokens
    or, where `is_cost`, in pico-dollars; `measurements` says how many were added up, or NOT_KNOWN.
    """

    request: npt.NDArray[np.int64]
    scope: npt.NDArray[np.int64]
    scopes: Scopes
    metric: npt.NDArray[np.int64]
    metrics: list[str]
    cumulative: npt.NDArray[np.bool_]
    started: npt.NDArray[np.uint64]
    ended: npt.NDArray[np.uint64]
    value: npt.NDArray[np.float64]
    is_cost: npt.NDArray[np.bool_]
    measurements: npt.NDArray[np.int64]
    attributes: Attributes

    def __len__(self) -> int:
        return len(self.request)


@dataclass(frozen=True)
class Read:
    """What a group of metric requests held.

    `fault_request[i]` and `fault[i]`, an index in FAULTS, tell of rejected points, `left_out` counts by reason good
    ones that tell of no usage that could be added up.
    """

    points: Points
    fault_request: npt.NDArray[np.int64]
    fault: npt.NDArray[np.int64]
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class _Found:
    """The points of one kind of metric: their messages, and the row of each one's metric."""

    message: pa.StructArray
    row: npt.NDArray[np.int64]
    temporality: npt.NDArray[np.int32]


def points(decoded: Decoded) -> Read:
    """The points of a group of ExportMetricsServiceRequests. Their order does not matter."""
    per_resource = decoded.requests.flatten()
    per_scope = per_resource.field("scope_metrics").flatten()
    each = per_scope.field("metrics").flatten()
    scopes = scopes_of(per_resource, "scope_metrics", per_scope)
    scope_of = parents(per_scope.field("metrics"))
    names = each.field("name").dictionary_encode()
    units = [UNITS.get(name) for name in names.dictionary.to_pylist()]
    codes = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    known = np.array([unit is not None for unit in units] + [False])[codes]
    left_out = Counter[str]()
    found = [_found(each.field(kind), known, left_out) for kind in COUNTERS]
    for kind in OTHERS:
        counts = _counts(_lists(each.field(kind)))
        left_out["other_metric"] += int(counts[~known].sum())
        left_out["no_counter"] += int(counts[known].sum())

    row = np.concatenate([part.row for part in found])
    scope, metric = scope_of[row], codes[row]
    is_cost = np.array([unit in PICO_PER_UNIT for unit in units] + [False])[metric]
    factor = np.array([PICO_PER_UNIT.get(unit or "", 1.0) for unit in units] + [1.0])[metric]
    request = parents(decoded.requests)[scopes.resource[scope]]
    started, ended = (_joined(found, f"{name}_unix_nano", np.uint64) for name in ("start_time", "time"))
    temporality = np.concatenate([part.temporality for part in found])
    value = np.concatenate([_values(part.message) for part in found])
    said = (_joined(found, "flags", np.uint32) & NO_RECORDED_VALUE) == 0
    left_out["no_recorded_value"] += int((~said).sum())
    fault = _faults(temporality, ended, value, np.where(is_cost, COST_PICO_MAX, TOKENS_MAX) / factor)
    bad, keep = said & (fault > 0), said & (fault == 0)
    attributes = Attributes.of(pa.concat_arrays([part.message.field("attributes") for part in found]))
    return Read(
        points=Points(
            request=request[keep],
            scope=scope[keep],
            scopes=scopes,
            metric=metric[keep],
            metrics=names.dictionary.to_pylist(),
            cumulative=temporality[keep] == CUMULATIVE,
            # A start that no clock ever showed, or that lies after the end, is none.
            started=np.where((started >= EARLIEST_NS) & (started <= ended), started, np.uint64(0))[keep],
            ended=ended[keep],
            value=value[keep] * factor[keep],
            is_cost=is_cost[keep],
            measurements=np.concatenate([_measurements(part.message) for part in found])[keep],
            attributes=attributes.filter(keep),
        ),
        fault_request=request[bad],
        fault=fault[bad] - 1,
        left_out={reason: count for reason, count in left_out.items() if count},
    )


def _found(data: pa.StructArray, known: npt.NDArray[np.bool_], left_out: Counter[str]) -> _Found:
    """The points of the metrics of one kind that tell of usage; those of the others are counted."""
    lists = _lists(data)
    counts = _counts(lists)
    adds_up = known.copy()
    if data.type.get_field_index("is_monotonic") >= 0:
        adds_up &= pc.struct_field(data, "is_monotonic").fill_null(False).to_numpy(zero_copy_only=False)
    left_out["other_metric"] += int(counts[~known].sum())
    left_out["no_counter"] += int(counts[known & ~adds_up].sum())
    rows = np.flatnonzero(adds_up & (counts > 0))
    row = np.repeat(rows, counts[rows])
    temporality = numbers(pc.struct_field(data, "aggregation_temporality")).astype(np.int32)
    return _Found(lists.take(pa.array(rows)).flatten(), row, temporality[row])


def _lists(data: pa.StructArray) -> pa.ListArray:
    """The data points of each metric; NULL where it is of another kind."""
    return pc.struct_field(data, "data_points")


def _counts(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    return numbers(pc.list_value_length(lists)).astype(np.int64)


def _joined(found: list[_Found], name: str, kind: Any) -> npt.NDArray[Any]:
    return np.concatenate([numbers(part.message.field(name)).astype(kind) for part in found])


def _values(message: pa.StructArray) -> npt.NDArray[np.float64]:
    """What each point says, NaN where it says nothing."""
    if message.type.get_field_index("sum") >= 0:
        said = message.field("sum")
    else:
        said = pc.coalesce(message.field("as_int").cast(pa.float64(), safe=False), message.field("as_double"))
    return np.asarray(said.to_numpy(zero_copy_only=False), np.float64)


def _measurements(message: pa.StructArray) -> npt.NDArray[np.int64]:
    if message.type.get_field_index("count") < 0:
        return np.full(len(message), NOT_KNOWN)
    counts = numbers(message.field("count")).astype(np.float64)
    return np.where(counts <= TOKENS_MAX, counts, NOT_KNOWN).astype(np.int64)


def _faults(
    temporality: npt.NDArray[np.int32],
    ended: npt.NDArray[np.uint64],
    value: npt.NDArray[np.float64],
    most: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """For each point 0 or 1 + the index in FAULTS of what is wrong with it."""
    wrong = [
        (temporality != DELTA) & (temporality != CUMULATIVE),
        (ended < EARLIEST_NS) | (ended >= LATEST_NS),
        ~np.isfinite(value),
        value < 0,
        value > most,
    ]
    return np.select(wrong, range(1, len(wrong) + 1), default=0).astype(np.int64)
