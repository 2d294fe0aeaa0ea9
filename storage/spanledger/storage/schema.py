"""The tables everyone agrees on: what a row of `calls` and of `spans` holds, and what travels between the stages.

A batch is a `pyarrow.Table` with the columns of `CALLS`, one row per record of a call (a span or a log event), or of
`SPANS`, one row per span or event that is no call. Columns marked low in cardinality travel dictionary encoded, so that
a step works on the few distinct values and not on the rows. On disk they lie in three dimension tables and the views
put them back (ARCHITECTURE.md, "Narrow rows": 120,000 rows/s became 250,000).

Counts are inclusive, as the GenAI semantic conventions say: `input_tokens` is all of the prompt, cache reads and
writes are parts of it; `output_tokens` contains reasoning.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Batch: TypeAlias = pa.Table
"""Rows on their way to the ledger: the columns of `CALLS`, in that order, once every step has run."""

Step: TypeAlias = Callable[[Batch], Batch]
"""A pure function from batch to batch: same batch in, same batch out; no clock, no network, no files."""

Hashes: TypeAlias = npt.NDArray[np.uint64]
Times: TypeAlias = npt.NDArray[np.int64]
"""Microseconds since 1970."""
Rows: TypeAlias = npt.NDArray[np.int64]
"""Positions in a batch."""
Mask: TypeAlias = npt.NDArray[np.bool_]
Completeness: TypeAlias = npt.NDArray[np.int64]
"""By which records of one span are compared, rows × 2: the output tokens, then the end in microseconds; -1 for
unknown. The greater says more."""


@dataclass(frozen=True)
class Ranks:
    """Whose word counts first where several emitters tell of one call: dialect → rank, 0 is best.

    `usage` is for everything but the WHO columns, which go by `who`: a gateway knows best what was billed, the
    application knows best for whom.
    """

    usage: Mapping[str, int]
    who: Mapping[str, int] = field(default_factory=dict)


class Sieve(Protocol):
    """What the ledger knows of records before any work is put into them: a span that is sent again costs little."""

    def perhaps_stored(self, record_hash: Hashes, started_us: Times) -> Mask:
        """Which records may be stored already."""

    def repeats(self, record_hash: Hashes, started_us: Times, complete: Completeness) -> Mask:
        """Which records are stored already, at least as complete."""


LABEL: Final = pa.dictionary(pa.int32(), pa.string())
"""A text of few distinct values: lives in a dimension table."""
TEXT: Final = pa.string()
COUNT: Final = pa.int64()
HASH: Final = pa.uint64()
TIME: Final = pa.timestamp("us", "UTC")
MONEY: Final = pa.decimal128(18, 12)
"""US dollars, exact to the pico-dollar; a single call may cost up to 999,999."""

PICO: Final = 10**12
"""Pico-dollars in a dollar: money is computed as integers of this unit."""

IDENTITY: Final = {
    "call_id": HASH,  # the least hash of its names, else of its records: the same in any order of arrival
    "tenant": LABEL,
    "trace_id": TEXT,  # lower-case hex; NULL for events outside any span
    "span_id": TEXT,
    "parent_span_id": TEXT,
    "response_id": TEXT,  # the provider's, or a gateway's
    "request_id": TEXT,  # of the HTTP request, or a gateway's id of the call
    "record_hash": HASH,  # the record itself: a span by tenant, trace and span id, an event by its content
    "response_hash": HASH,  # names of the call, by tenant and text: two records that share one are the same call,
    "request_hash": HASH,  # whether one calls it its response and the other its request
    "context_hash": HASH,  # the record hash of the span that an event tells of
    "fingerprint": HASH,  # tenant, input and output: what records of one call have in common that share no name
    "anonymous": pa.bool_(),  # it has no name that a record of another emitter could share
    "sources": LABEL,  # the dialects that saw the call, sorted, joined by commas
    "revision": pa.int32(),  # 0, and one more for every record that joined later
}
TIMES: Final = {
    "started_at": TIME,
    "ended_at": TIME,
    "time_to_first_chunk_s": pa.float64(),
    "ingested_at": TIME,
}
WHAT: Final = {
    "operation": LABEL,
    "provider": LABEL,
    "request_model": LABEL,
    "response_model": LABEL,
    "service_tier": LABEL,
    "speed": LABEL,
    "region": LABEL,  # of the provider's endpoint, "global" where it says so
    "residency": LABEL,  # where the answer had to be computed: Anthropic's inference_geo, "eu" of eu.api.openai.com
    "deployment_type": LABEL,  # Azure: "GlobalStandard", "DataZoneStandard", …
    "plan": LABEL,  # how the call is paid for, in the emitter's words: "chatgpt", "oauth-personal", "ApiKey", …
    "gateway_cache": LABEL,  # "hit" where a gateway answered from its own cache, and asked no provider
    "stream": LABEL,  # "true", "false" or NULL: not said
    "finish_reasons": LABEL,  # joined by commas
    "status": LABEL,  # "ok", "error" or "unset", as the span said
    "error_type": LABEL,
    "flags": LABEL,  # what is odd about it, sorted, joined by commas: "clock", "constant_id", …
}
USAGE: Final = {
    "input_tokens": COUNT,
    "cache_read_tokens": COUNT,
    "cache_write_tokens": COUNT,  # all cache writes; the next two are those of a known lifetime
    "cache_write_5m_tokens": COUNT,
    "cache_write_1h_tokens": COUNT,
    "output_tokens": COUNT,
    "reasoning_tokens": COUNT,
    "input_audio_tokens": COUNT,
    "cache_read_audio_tokens": COUNT,
    "output_audio_tokens": COUNT,
    "input_image_tokens": COUNT,
    "output_image_tokens": COUNT,
    "web_searches": COUNT,
    "audio_seconds": COUNT,  # of a transcription that is sold by the time
    "usage_rule": LABEL,  # how the input count was read: "inclusive", "exclusive", …
    "partial": pa.bool_(),  # the record says itself that it does not know all of the usage
}
COSTS: Final = {
    "cost_usd": MONEY,
    "cost_input_usd": MONEY,  # the uncached part of the input
    "cost_cache_read_usd": MONEY,
    "cost_cache_write_usd": MONEY,
    "cost_output_usd": MONEY,
    "cost_fees_usd": MONEY,  # searches and other things charged per piece
}
MONEY_COLUMNS: Final = COSTS | {
    "reported_cost_usd": MONEY,  # what the emitter said; kept apart, never used as the cost
    "cost_basis": LABEL,  # "billed", "estimated" or "api_equivalent"
    "price_status": LABEL,  # "priced", "past_verified_until" (a cost too), or why there is no cost
    "price_id": LABEL,
    "catalogue_id": LABEL,
    "price_rule": LABEL,
}
WHO: Final = {
    "user_id": TEXT,
    "session_id": TEXT,
    "team": LABEL,
    "project": LABEL,
    "feature": LABEL,
    "cost_center": LABEL,
    "application": LABEL,
    "agent_name": LABEL,
    "workflow": LABEL,
    "repository": LABEL,
    "git_branch": LABEL,
    "api_key_id": LABEL,
    "machine": LABEL,
}
WHERE: Final = {
    "service_name": LABEL,
    "service_version": LABEL,
    "environment": LABEL,
    "host_name": LABEL,
    "cloud_provider": LABEL,
    "cloud_region": LABEL,
    "instance_id": LABEL,
    "k8s_namespace": LABEL,
    "k8s_pod": LABEL,
}
REST: Final = {
    "scope_name": LABEL,
    "scope_version": LABEL,
    "dialect": LABEL,
    "sample_weight": pa.float64(),
    "attributes": TEXT,  # a JSON object: what no column wants, content left out
}

COLUMNS: Final[dict[str, pa.DataType]] = IDENTITY | TIMES | WHAT | USAGE | MONEY_COLUMNS | WHO | WHERE | REST
CALLS: Final = pa.schema([pa.field(name, kind) for name, kind in COLUMNS.items()])

DERIVED: Final = {"started_on": pa.date32()}
"""Columns that the views have besides, computed when they are read: the UTC day."""

DIMENSIONS: Final[dict[str, tuple[str, ...]]] = {
    "origins": ("tenant", "sources", "scope_name", "scope_version", "dialect", "api_key_id", "machine", *WHERE),
    "models": (*WHAT, "usage_rule", "cost_basis", "price_status", "price_id", "catalogue_id", "price_rule"),
    "owners": ("team", "project", "feature", "cost_center", "application", "agent_name", "workflow", "repository",
               "git_branch"),
}  # fmt: skip
"""Dimension table → its columns. Together they hold every LABEL column exactly once; a row of the ledger holds one
64-bit key per dimension (`origin_key`, `model_key`, `owner_key`), the hash of the values."""

DIMENSION_KEYS: Final = {name: f"{name.removesuffix('s')}_key" for name in DIMENSIONS}
FACTS: Final = tuple(name for name, kind in COLUMNS.items() if kind is not LABEL)
"""Columns of calls that stand in the row itself."""

SPAN_FACTS: Final = {
    "record_hash": HASH,
    "trace_id": TEXT,
    "span_id": TEXT,
    "parent_span_id": TEXT,
    "started_at": TIME,
    "ended_at": TIME,
    "ingested_at": TIME,
    "name": TEXT,  # of the span, or of the event
    "tool_name": TEXT,
    "tool_call_id": TEXT,
    "input_tokens": COUNT,  # of a roll-up: what the calls beneath it used, as its emitter added it up
    "cache_read_tokens": COUNT,
    "cache_write_tokens": COUNT,
    "output_tokens": COUNT,
    "reasoning_tokens": COUNT,
    "reported_cost_usd": MONEY,
    "user_id": TEXT,
    "session_id": TEXT,
    "attributes": TEXT,
}
"""Columns of `spans` that stand in the row itself: agents, tools, workflows, retrieval, prompts."""

SPAN_COLUMNS: Final = SPAN_FACTS | {name: LABEL for names in DIMENSIONS.values() for name in names}
SPANS: Final = pa.schema([pa.field(name, kind) for name, kind in SPAN_COLUMNS.items()])

POINT_FACTS: Final = {
    "point_hash": HASH,  # the point itself: its series, its times and what it says
    "series_hash": HASH,  # tenant, resource, scope, metric, temporality and attributes
    "metric": TEXT,
    "temporality": TEXT,  # "delta": what was used since the point before; "cumulative": since `started_at`
    "kind": TEXT,  # what is counted, one of POINT_KINDS; NULL for a part of one
    "token_type": TEXT,  # as the emitter calls it
    "precedence": pa.int32(),  # of several metrics that tell of the same usage the least counts
    "started_at": TIME,  # NULL where the emitter does not know
    "ended_at": TIME,
    "ingested_at": TIME,
    "tokens": COUNT,  # a point tells of tokens or of dollars
    "cost_usd": MONEY,
    "measurements": COUNT,  # how many were added up, where it is a histogram
    "user_id": TEXT,
    "session_id": TEXT,
    "attributes": TEXT,
}
"""Columns of usage points that stand in the row itself: what metrics say of tokens and cost. They never make a call."""

POINT_KINDS: Final = (
    "input",  # all of the prompt, as calls count it
    "uncached_input",  # without cache reads and writes
    "cache_read",
    "cache_write",
    "output",  # with reasoning, as calls count it
    "output_without_reasoning",
    "reasoning",
    "total",  # input and output
    "cost",  # US dollars, as the emitter reckons
)

POINT_COLUMNS: Final = POINT_FACTS | {name: LABEL for names in DIMENSIONS.values() for name in names}
POINTS: Final = pa.schema([pa.field(name, kind) for name, kind in POINT_COLUMNS.items()])


@dataclass(frozen=True)
class Arrivals:
    """What a group of requests brought to the ledger, all of it or nothing.

    `calls` has the columns of CALLS, `spans` those of SPANS, `points` those of POINTS; `call_parts[i]`, `span_parts[i]`
    and `point_parts[i]` say with which part of the group (a request, say) row i came.
    """

    calls: Batch
    call_parts: Rows
    spans: pa.Table
    span_parts: Rows
    points: pa.Table = field(default_factory=POINTS.empty_table)
    point_parts: Rows = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of_calls(cls, calls: Batch) -> "Arrivals":
        """Calls alone, all of one part."""
        return cls(calls, np.zeros(calls.num_rows, np.int64), SPANS.empty_table(), np.zeros(0, np.int64))

    @property
    def parts(self) -> list[int]:
        """The parts, in order."""
        parts = np.concatenate([self.call_parts, self.span_parts, self.point_parts])
        return [int(part) for part in np.unique(parts)]

    def part(self, number: int) -> "Arrivals":
        """What came with one part."""
        calls, spans, points = (parts == number for parts in (self.call_parts, self.span_parts, self.point_parts))
        return Arrivals(
            self.calls.filter(pa.array(calls)), self.call_parts[calls],
            self.spans.filter(pa.array(spans)), self.span_parts[spans],
            self.points.filter(pa.array(points)), self.point_parts[points],
        )  # fmt: skip
