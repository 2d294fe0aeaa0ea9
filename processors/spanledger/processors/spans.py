"""Spans: decoded trace requests as records."""

import numpy as np
import pyarrow.compute as pc

from spanledger.processors.attributes import Attributes
from spanledger.processors.decode import Decoded
from spanledger.processors.hearing import heard
from spanledger.processors.nesting import numbers, parents, scopes_of
from spanledger.processors.records import Records


def spans(decoded: Decoded) -> Records:
    """The spans of a group of ExportTraceServiceRequests, in the order in which they came."""
    per_resource = decoded.requests.flatten()
    per_scope = per_resource.field("scope_spans").flatten()
    each = per_scope.field("spans").flatten()
    scopes = scopes_of(per_resource, "scope_spans", per_scope)
    scope = parents(per_scope.field("spans"))
    return heard(
        signal="traces",
        request=parents(decoded.requests)[scopes.resource[scope]],
        scope=scope,
        scopes=scopes,
        name=each.field("name"),
        trace_id=each.field("trace_id"),
        span_id=each.field("span_id"),
        parent_span_id=each.field("parent_span_id"),
        started=numbers(each.field("start_time_unix_nano")).astype(np.uint64),
        ended=numbers(each.field("end_time_unix_nano")).astype(np.uint64),
        status=numbers(pc.struct_field(each.field("status"), "code")).astype(np.int32),
        attributes=Attributes.of(each.field("attributes")),
    )
