"""Events: decoded log requests as records."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors import any_value
from spanledger.processors.attributes import Attributes
from spanledger.processors.decode import Decoded
from spanledger.processors.hearing import heard
from spanledger.processors.nesting import numbers, parents, scopes_of
from spanledger.processors.records import Records
from spanledger.processors.wire_values import members_at

SOURCE_POSITION: Final = r"^event \S+:\d+$"
"""Codex writes where in its source the event was made into OTLP's event name, and the name into an attribute."""

NAME: Final = r"^[A-Za-z][\w-]{0,30}(\.[\w-]{1,30}){1,4}$"
"""A body that is the event's name has dots in it. Any other is a message and may hold what nobody wants stored."""

LEAP_YEAR: Final = r"20([02468][048]|[13579][26])"
DAY: Final = (
    r"20\d\d-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
    rf"|{LEAP_YEAR}-02-29"
)
ISO_TIME: Final = rf"^({DAY})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{{1,9}})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$"
"""A time that Arrow reads; it fails at a day that is in no calendar."""


def events(decoded: Decoded) -> Records:
    """The events of a group of ExportLogsServiceRequests, in the order in which they came.

    An event's name is the field of that name, else the attribute `event.name`, else its body if that is a name. Its
    time is that of its record, else the attribute `event.timestamp`, else when it was observed.
    """
    per_resource = decoded.requests.flatten()
    per_scope = per_resource.field("scope_logs").flatten()
    each = per_scope.field("log_records").flatten()
    scopes = scopes_of(per_resource, "scope_logs", per_scope)
    scope = parents(per_scope.field("log_records"))
    attributes = Attributes.of(each.field("attributes"))
    times = _times(each, attributes)
    return heard(
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
    unfit = pc.or_(pc.equal(told, any_value.NOTHING), pc.match_substring_regex(told, SOURCE_POSITION))
    body = any_value.as_text(members_at(each.field("body"), np.arange(len(each))))
    return pc.coalesce(pc.if_else(unfit, any_value.NO_TEXT, told), attributes.text("event.name"), _matching(body, NAME))


def _times(each: pa.StructArray, attributes: Attributes) -> npt.NDArray[np.uint64]:
    times, observed = (
        numbers(each.field(name)).astype(np.uint64) for name in ("time_unix_nano", "observed_time_unix_nano")
    )
    missing = times == 0
    if missing.any():
        said = _matching(attributes.text("event.timestamp"), ISO_TIME)
        stamps = numbers(said.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())).astype(np.uint64)
        times = np.where(missing, np.where(stamps > 0, stamps, observed), times)
    return times


def _matching(texts: pa.StringArray, pattern: str) -> pa.StringArray:
    """The texts that match; NULL for the others."""
    return pc.if_else(pc.match_substring_regex(texts, pattern), texts, any_value.NO_TEXT)
