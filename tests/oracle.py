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

from spanledger.processors.classify import EARLIEST_NS, FAULTS, LATEST_NS
from spanledger.processors.dialects import columns
from spanledger.processors.dialects.dialect import Dialect, Sign
from spanledger.processors.dialects.operations import BILLABLE
from spanledger.processors.normalise import REPORTED_COST_USD_MAX, Sender
from spanledger.processors.pipeline import Group, Processed, process
from spanledger.processors.places import ADDRESS, cache_said, region_of, residency_of
from spanledger.processors.records import Signal
from spanledger.processors.redact import ATTRIBUTES_MAX, DROPPED_KEY, TEXT_BYTES_MAX, is_content
from spanledger.storage.schema import CALLS, PICO, Step
from tests import oracle_dialects, otlp_requests

Values = dict[str, AnyValue]

OF_TEXT = {*columns.LABELS, *columns.TEXTS}
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


def left_out_of(values: Values, operation: str | None, *, repeats: bool) -> str | None:
    """Why a good span makes no call."""
    if operation is None:
        keys = columns.LABELS["request_model"] + columns.LABELS["response_model"]
        counts = columns.COUNTS["input_tokens"] + columns.COUNTS["output_tokens"]
        genai = set(keys) & set(values) and set(counts) & set(values)
        return "not_genai" if not genai else "kept" if repeats else None
    if not operation:
        return "says_nothing"
    return None if operation in BILLABLE and not repeats else "kept"


def usage(
    values: Values, row: dict[str, Any], inside: Mapping[str, str], dialect: Dialect, name: str, *, failed: bool
) -> dict[str, Any]:
    """The counts, made inclusive."""
    odd = set()
    for column, keys in columns.COUNTS.items():
        row[column], bad = as_count(first(keys, values))
        if bad:
            odd.add("bad_count")
        if row[column] is None and column in inside:
            row[column], _ = as_count(AnyValue(string_value=inside[column]))
    for column in ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens"):
        said = {as_count(values[key])[0] for key in columns.COUNTS[column] if key in values} - {None}
        if len(said) > 1:
            odd.add("two_values")
    total, _ = as_count(first(columns.TOTAL, values))
    if total is None and "total" in inside:
        total, _ = as_count(AnyValue(string_value=inside["total"]))

    def shown(signs: tuple[Sign, ...]) -> bool:
        return oracle_dialects.shows(signs, values, name, as_text)

    uncached, _ = as_count(first(columns.UNCACHED, values))
    if as_text(values.get(columns.ADDS_UP)) == "true":
        odd.add("sum")
    read = oracle_dialects.usage(row, dialect, total=total, uncached=uncached, odd=odd, failed=failed, shown=shown)
    return read | {"partial": read["partial"] or as_text(values.get(columns.PARTIAL)) == "true"}


def microseconds(nanoseconds: int) -> datetime:
    """A time of the ledger."""
    return EPOCH + timedelta(microseconds=nanoseconds // 1000)


def seconds_of(values: Values, column: str) -> float | None:
    """A measure in seconds, whatever it was said in."""
    said = as_number(first(columns.NUMBERS[column], values))
    if said is None:
        milliseconds = as_number(first(columns.MILLISECONDS[column], values))
        said = None if milliseconds is None else milliseconds / 1000
    return said


def reasons_of(said: str | None) -> str | None:
    """Finish reasons, of which some write the list as JSON in a text."""
    try:
        reasons = orjson.loads(said) if said and said.startswith("[") else None
    except orjson.JSONDecodeError:
        return said
    return (",".join(map(str, reasons)) or None) if isinstance(reasons, list) else said


def row_of(
    span: Span, values: Values, operation: str | None, dialect: Dialect, resource: Values, scope: tuple[str, str],
    sender: Sender, *, keep_content: bool,
) -> dict[str, Any]:  # fmt: skip
    """The row of a call; `attributes` as an object, not as text."""
    row: dict[str, Any] = dict.fromkeys(CALLS.names)
    inside = oracle_dialects.inside_texts(values, dialect, as_text)
    row |= {name: as_text(first(keys, resource)) for name, keys in columns.RESOURCE.items()}
    row |= {name: as_text(first(keys, values, resource)) for name, keys in columns.WHO.items()}
    row |= {name: as_text(first(keys, values)) for name, keys in (columns.LABELS | columns.TEXTS).items()}
    row |= {name: said for name, said in inside.items() if name in row and row[name] is None and name in OF_TEXT}
    row |= {name: seconds_of(values, name) for name in columns.NUMBERS}
    row["provider"] = oracle_dialects.provider_of(row["provider"], row, dialect)
    row["operation"] = operation
    host = as_text(first((ADDRESS,), values)) or ""
    row["region"] = row["region"] or region_of(host)
    row["residency"] = row["residency"] or residency_of(host)
    row["gateway_cache"] = None if row["gateway_cache"] is None else cache_said(row["gateway_cache"])
    row["finish_reasons"] = reasons_of(row["finish_reasons"])
    if row["stream"] is not None:
        row["stream"] = {"true": "true", "false": "false"}.get(row["stream"].lower())
    reported = as_number(first(columns.REPORTED_COST, values))
    if reported is None and "reported_cost_usd" in inside:
        reported = as_number(AnyValue(string_value=inside["reported_cost_usd"]))
    if reported is not None and 0 <= reported < REPORTED_COST_USD_MAX:
        row["reported_cost_usd"] = Decimal(round(reported * PICO)) / PICO
    started, ended, parent = span.start_time_unix_nano, span.end_time_unix_nano, span.parent_span_id
    return (
        row
        | usage(values, row, inside, dialect, span.name, failed=span.status.code == 2)
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
    rows, request, failures, others = [], [], [], 0
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
                    values, service = by_key(span.attributes), as_text(resource.get("service.name"))
                    dialect = oracle_dialects.speaker_of(scope[0], service, span.name, values)
                    values = oracle_dialects.put_into_words(values, dialect)
                    operation = oracle_dialects.operation_of(values, dialect, span.name, as_text)
                    repeats = oracle_dialects.shows(dialect.repeats, values, span.name, as_text)
                    fault, reason = fault_of(span), left_out_of(values, operation, repeats=repeats)
                    if fault:
                        rejections[number, fault] += 1
                    elif reason == "kept":
                        others += 1
                    elif reason:
                        left_out[reason] += 1
                    else:
                        told = row_of(
                            span, values, operation, dialect, resource, scope, SENDER, keep_content=keep_content
                        )
                        rows.append(told)
                        request.append(number)
    return {
        "rows": rows,
        "request": request,
        "failures": failures,
        "rejections": dict(rejections),
        "left_out": dict(left_out),
        "others": others,
    }


# The product, asked the same ----------------------------------------------------------------------------------------


def traces(bodies: Sequence[bytes], senders: Sequence[Sender], signal: Signal = "traces") -> Group:
    """Requests of one signal that came alone."""
    return Group(signal, bodies, senders, np.arange(len(bodies)))


def processed(
    bodies: Sequence[bytes], steps: Sequence[Step] = (), *, keep_content: bool = False, signal: Signal = "traces"
) -> Processed:
    """The bodies through the product, all of them of SENDER."""
    group = traces(bodies, [SENDER] * len(bodies), signal)
    return process([group], INGESTED_US, steps, keep_content=keep_content)


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
        "others": result.spans.num_rows,
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
