"""Request bytes → rows of calls a second time: plain protobuf and plain loops, simple enough to be right at sight.

It shares with the product the tables (dialects, what is content, the limits) and nothing that computes.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger.processors import dialects
from spanledger.processors.classify import EARLIEST_NS, FAULTS, LATEST_NS
from spanledger.processors.normalise import NO_OUTPUT, REPORTED_COST_USD_MAX, Sender
from spanledger.processors.pipeline import Group, Processed, process
from spanledger.processors.redact import ATTRIBUTES_MAX, DROPPED_KEY, TEXT_BYTES_MAX, is_content
from spanledger.storage.schema import CALLS, PICO, Step
from tests import otlp_requests

Values = dict[str, AnyValue]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INGESTED_US = 1_795_000_900_000_000
SENDER = Sender("acme", "key-1")


# The values ---------------------------------------------------------------------------------------------------------


def plain(value: AnyValue, depth: int = 32) -> Any:
    """An AnyValue as JSON has it; what JSON has not (NaN, bytes, nothing at all, the too deep) is None."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item, depth - 1) for item in value.array_value.values] if depth else None
    if kind == "kvlist_value":
        return {pair.key: plain(pair.value, depth - 1) for pair in value.kvlist_value.values} if depth else None
    if kind == "double_value":
        return value.double_value if math.isfinite(value.double_value) else None
    return None if kind in (None, "bytes_value", "string_value_strindex") else getattr(value, kind)


def as_text(value: AnyValue | None) -> str | None:
    """An AnyValue for a column of text."""
    if value is None:
        return None
    said = plain(value)
    if isinstance(said, list):
        said = ",".join(item if isinstance(item, str) else orjson.dumps(item).decode() for item in said)
    elif isinstance(said, float):
        said = pa.scalar(said).cast(pa.string()).as_py()
    elif isinstance(said, (bool, int)):
        said = str(said).lower()
    return said if isinstance(said, str) and said else None


def as_count(value: AnyValue | None) -> tuple[int | None, bool]:
    """An AnyValue for a column of counts, and whether there was one that is no count."""
    if value is None:
        return None, False
    said, number = plain(value), None
    if isinstance(said, int) and not isinstance(said, bool):
        number = said
    elif isinstance(said, float) and said == int(said):
        number = int(said)
    elif isinstance(said, str) and re.fullmatch(r"[+-]?[0-9]{1,18}(\.0+)?", said.strip()):
        number = int(said.strip().partition(".")[0])
    good = number is not None and 0 <= number <= 10**12
    return (number, False) if good else (None, True)


def as_number(value: AnyValue | None) -> float | None:
    """An AnyValue for a column of measures."""
    said = None if value is None else plain(value)
    if isinstance(said, str):
        number = re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", said.strip())
        said = float(said) if number and math.isfinite(float(said)) else None
    return float(said) if isinstance(said, (int, float)) and not isinstance(said, bool) else None


def first(keys: Iterable[str], *sources: Values) -> AnyValue | None:
    """The first key that a source has; the first source that has a text under any."""
    for source in sources:
        found = next((source[key] for key in keys if key in source), None)
        if found is not None and (source is sources[-1] or as_text(found) is not None):
            return found
    return None


def rest(values: Values, *, keep_content: bool) -> dict[str, Any] | None:
    """What no column wants; `values` stand in the order of each key's last place."""
    kept: dict[str, Any] = {}
    dropped = 0
    for place, key in enumerate(
        key for key in values if key not in otlp_requests.WANTED and (keep_content or not is_content(key))
    ):
        said = plain(values[key])
        if not keep_content and (place >= ATTRIBUTES_MAX or len(orjson.dumps(said)) > TEXT_BYTES_MAX):
            dropped += 1
        else:
            kept[key] = said
    return (kept | ({DROPPED_KEY: dropped} if dropped else {})) or None


def by_key(pairs: Iterable[KeyValue]) -> Values:
    """The last value of each key, at its last place."""
    values: Values = {}
    for pair in pairs:
        values.pop(pair.key, None)
        values[pair.key] = pair.value
    return values


# The spans ----------------------------------------------------------------------------------------------------------


def fault_of(span: Span) -> str | None:
    """Why a span can never be stored."""
    if len(span.trace_id) != 16 or not any(span.trace_id):
        return FAULTS[0]
    if len(span.span_id) != 8 or not any(span.span_id):
        return FAULTS[1]
    if not span.start_time_unix_nano:
        return FAULTS[2]
    return None if EARLIEST_NS <= span.start_time_unix_nano < LATEST_NS else FAULTS[3]


def left_out_of(values: Values) -> str | None:
    """Why a good span is no call."""
    operation = as_text(first(["gen_ai.operation.name"], values))
    if operation is None:
        modelled = {"gen_ai.request.model", "gen_ai.response.model"} & set(values)
        counted = {*dialects.COUNTS["input_tokens"], *dialects.COUNTS["output_tokens"]} & set(values)
        return None if modelled and counted else "not_genai"
    if operation.lower() in dialects.BILLABLE:
        return None
    return "roll_up" if operation.lower() in dialects.ROLL_UPS else "unknown_operation"


def usage(values: Values, dialect: dialects.Dialect, operation: str | None) -> dict[str, Any]:
    """The counts, made inclusive."""
    said = {name: as_count(first(keys, values)) for name, keys in dialects.COUNTS.items()}
    row: dict[str, Any] = {name: count for name, (count, _) in said.items()}
    lifetimes = [row[f"cache_write_{lifetime}_tokens"] for lifetime in ("5m", "1h")]
    if row["cache_write_tokens"] is None and lifetimes != [None, None]:
        row["cache_write_tokens"] = sum(count or 0 for count in lifetimes)
    row["usage_rule"] = None
    if row["input_tokens"] is not None:
        cached = (row["cache_read_tokens"] or 0) + (row["cache_write_tokens"] or 0)
        row["usage_rule"] = "inclusive"
        if dialect.cache_excluded:
            row["usage_rule"] = "exclusive"
        elif dialect is dialects.UNKNOWN and cached > row["input_tokens"]:
            row["usage_rule"] = "exclusive_by_size"
        if row["usage_rule"] != "inclusive":
            row["input_tokens"] += cached
    asked, answered = row["input_tokens"] is not None, row["output_tokens"] is not None
    half = (asked and not answered and operation not in NO_OUTPUT) or (answered and not asked)
    streamed = (as_text(first(dialects.LABELS["stream"], values)) or "").lower() == "true"
    finished = as_text(first(dialects.LABELS["finish_reasons"], values)) is not None
    left_early = dialect.says_the_end and streamed and not finished
    return row | {"partial": half or left_early or any(bad for _, bad in said.values())}


def microseconds(nanoseconds: int) -> datetime:
    """A time of the ledger."""
    return EPOCH + timedelta(microseconds=nanoseconds // 1000)


def row_of(
    span: Span, resource: Values, scope: tuple[str, str], sender: Sender, *, keep_content: bool
) -> dict[str, Any]:
    """The row of a call; `attributes` as an object, not as text."""
    values = by_key(span.attributes)
    row: dict[str, Any] = dict.fromkeys(CALLS.names)
    row |= {name: as_text(first(keys, resource)) for name, keys in dialects.RESOURCE.items()}
    row |= {name: as_text(first(keys, values, resource)) for name, keys in dialects.WHO.items()}
    row |= {name: as_text(first(keys, values)) for name, keys in (dialects.LABELS | dialects.TEXTS).items()}
    row |= {name: as_number(first(keys, values)) for name, keys in dialects.NUMBERS.items()}
    if row["provider"] is not None:
        row["provider"] = dialects.PROVIDERS.get(row["provider"].lower(), row["provider"])
    if row["operation"] is not None:
        row["operation"] = row["operation"].lower()
    if row["stream"] is not None:
        row["stream"] = {"true": "true", "false": "false"}.get(row["stream"].lower())
    reported = as_number(first(dialects.REPORTED_COST, values))
    if reported is not None and 0 <= reported < REPORTED_COST_USD_MAX:
        row["reported_cost_usd"] = Decimal(round(reported * PICO)) / PICO
    dialect = dialects.dialect_of(scope[0])
    started, ended, parent = span.start_time_unix_nano, span.end_time_unix_nano, span.parent_span_id
    return (
        row
        | usage(values, dialect, row["operation"])
        | {
            "tenant": sender.tenant,
            "api_key_id": sender.api_key_id or None,
            "trace_id": span.trace_id.hex(),
            "span_id": span.span_id.hex(),
            "parent_span_id": parent.hex() if len(parent) == 8 and any(parent) else None,
            "started_at": microseconds(started),
            "ended_at": microseconds(ended) if started <= ended < 2**63 else None,
            "ingested_at": EPOCH + timedelta(microseconds=INGESTED_US),
            "revision": 0,
            "status": {1: "ok", 2: "error"}.get(span.status.code, "unset"),
            "scope_name": scope[0] or None,
            "scope_version": scope[1] or None,
            "dialect": dialect.name,
            "sources": dialect.name,
            "attributes": rest(values, keep_content=keep_content),
        }
    )


def expected(bodies: Sequence[bytes | ExportTraceServiceRequest], *, keep_content: bool = False) -> dict[str, Any]:
    """What `process` must say of a group of bodies without any step, all of them of SENDER."""
    rows, request, failures = [], [], []
    rejections: Counter[tuple[int, str]] = Counter()
    left_out: Counter[str] = Counter()
    for number, body in enumerate(bodies):
        try:
            message = ExportTraceServiceRequest.FromString(body) if isinstance(body, bytes) else body
        except DecodeError:
            failures.append(number)
            continue
        for resource_spans in message.resource_spans:
            resource = by_key(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                scope = (scope_spans.scope.name, scope_spans.scope.version)
                for span in scope_spans.spans:
                    fault, reason = fault_of(span), left_out_of(by_key(span.attributes))
                    if fault:
                        rejections[number, fault] += 1
                    elif reason:
                        left_out[reason] += 1
                    else:
                        rows.append(row_of(span, resource, scope, SENDER, keep_content=keep_content))
                        request.append(number)
    return {
        "rows": rows,
        "request": request,
        "failures": failures,
        "rejections": dict(rejections),
        "left_out": dict(left_out),
    }


# The product, asked the same ----------------------------------------------------------------------------------------


def traces(bodies: Sequence[bytes], senders: Sequence[Sender]) -> Group:
    """Trace requests that came alone."""
    return Group("traces", bodies, senders, np.arange(len(bodies)))


def processed(bodies: Sequence[bytes], steps: Sequence[Step] = (), *, keep_content: bool = False) -> Processed:
    """The bodies through the product, all of them of SENDER."""
    return process([traces(bodies, [SENDER] * len(bodies))], INGESTED_US, steps, keep_content=keep_content)


def answered(bodies: Sequence[bytes], *, keep_content: bool = False) -> dict[str, Any]:
    """What the product says, in the shape of `expected`; `attributes` must be strict JSON without a key twice."""
    result = processed(bodies, keep_content=keep_content)
    rows = result.calls.to_pylist()
    for row in rows:
        row["attributes"] = row["attributes"] and strict_json(row["attributes"])
        row["record_hash"] = None  # tests/test_identify.py has the hashes
    return {
        "rows": rows,
        "request": result.call_request.tolist(),
        "failures": sorted(result.failures),
        "rejections": {(rejection.request, rejection.reason): rejection.spans for rejection in result.rejections},
        "left_out": dict(result.left_out),
    }


def strict_json(text: str) -> dict[str, Any]:
    """An object of JSON by a strict reader; a key twice is an error."""
    said = orjson.loads(text)
    assert isinstance(said, dict)
    assert orjson.dumps(said).count(b":") == text.count(":"), f"a key stands twice: {text}"
    return said


def calls(*bodies: bytes, steps: Sequence[Step] = (), keep_content: bool = False) -> list[dict[str, Any]]:
    """The rows of good bodies."""
    result = processed(bodies, steps, keep_content=keep_content)
    assert not result.failures
    return result.calls.to_pylist()


def call(attributes: Mapping[str, Any], scope: str = "", **fields: Any) -> dict[str, Any]:
    """The row of one span with these attributes; `gen_ai.operation.name` is chat unless they say otherwise."""
    span = otlp_requests.span({"gen_ai.operation.name": "chat"} | attributes, **fields)
    (row,) = calls(otlp_requests.body(span, scope=scope))
    return row
