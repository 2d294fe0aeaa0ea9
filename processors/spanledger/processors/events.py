"""Events: decoded log requests as records."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors import any_value
from spanledger.processors.attributes import Attributes
from spanledger.processors.decode import Decoded
from spanledger.processors.nesting import numbers, parents, scopes_of
from spanledger.processors.records import Records
from spanledger.processors.wire_values import members_at

SOURCE_POSITION: Final = "event "
"""Codex writes where in its source the event was made into OTLP's event name, and the name into an attribute."""


ISO_TIME: Final = r"^20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,9})?Z$"


def events(decoded: Decoded) -> Records:
    """The events of a group of ExportLogsServiceRequests, in the order in which they came.

    An event's name is the field of that name, else the attribute `event.name`, else its body if that is a text. Its
    time is that of its record, else the attribute `event.timestamp`, else when it was observed.
    """
    per_resource = decoded.requests.flatten()
    per_scope = per_resource.field("scope_logs").flatten()
    each = per_scope.field("log_records").flatten()
    scopes = scopes_of(per_resource, "scope_logs", per_scope)
    scope = parents(per_scope.field("log_records"))
    attributes = Attributes.of(each.field("attributes"))
    times = _times(each, attributes)
    return Records(
        signal="logs",
        request=parents(decoded.requests)[scopes.resource[scope]],
        scope=scope,
        scopes=scopes,
        name=_names(each, attributes),
        trace_id=each.field("trace_id"),
        span_id=each.field("span_id"),
        parent_span_id=pa.nulls(len(each), pa.binary()),
        started=times,
        ended=times,
        status=np.zeros(len(each), np.int32),
        attributes=attributes,
    )


def _names(each: pa.StructArray, attributes: Attributes) -> pa.StringArray:
    told = each.field("event_name")
    unfit = pc.or_(pc.equal(told, any_value.NOTHING), pc.starts_with(told, SOURCE_POSITION))
    body = any_value.as_text(members_at(each.field("body"), np.arange(len(each))))
    return pc.coalesce(pc.if_else(unfit, any_value.NO_TEXT, told), attributes.text("event.name"), body)


def _times(each: pa.StructArray, attributes: Attributes) -> npt.NDArray[np.uint64]:
    times, observed = (
        numbers(each.field(name)).astype(np.uint64) for name in ("time_unix_nano", "observed_time_unix_nano")
    )
    missing = times == 0
    if missing.any():
        said = attributes.text("event.timestamp")
        told = pc.if_else(pc.match_substring_regex(said, ISO_TIME), said, any_value.NO_TEXT)
        stamps = numbers(told.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())).astype(np.uint64)
        times = np.where(missing, np.where(stamps > 0, stamps, observed), times)
    return times
