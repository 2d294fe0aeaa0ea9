"""The one table everyone agrees on: what a row of `calls` holds, and what travels between the stages.

A batch is a `pyarrow.Table` with the columns of `CALLS`, one row per record of a call (a span, later also a log
event). Columns marked low in cardinality travel dictionary encoded, so that a step works on the few distinct values
and not on the rows. On disk they lie in three dimension tables and the view `calls` puts them back
(ARCHITECTURE.md, "Narrow rows": 120,000 rows/s became 250,000).

Counts are inclusive, as the GenAI semantic conventions say: `input_tokens` is all of the prompt, cache reads and
writes are parts of it; `output_tokens` contains reasoning.
"""

from collections.abc import Callable
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
Mask: TypeAlias = npt.NDArray[np.bool_]
Completeness: TypeAlias = npt.NDArray[np.int64]
"""By which records of one span are compared, rows × 2: the output tokens, then the end in microseconds; -1 for
unknown. The greater says more."""


class Sieve(Protocol):
    """What the ledger knows of records before any work is put into them: a span that is sent again costs little."""

    def perhaps_stored(self, span_hash: Hashes, started_us: Times) -> Mask:
        """Which records may be stored already."""

    def repeats(self, span_hash: Hashes, started_us: Times, complete: Completeness) -> Mask:
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
    "call_id": HASH,  # of the response id where one is known, else of the span: the same in any order of arrival
    "tenant": LABEL,
    "trace_id": TEXT,  # lower-case hex
    "span_id": TEXT,
    "parent_span_id": TEXT,
    "response_id": TEXT,
    "request_id": TEXT,
    "span_hash": HASH,  # alias: tenant, trace and span
    "response_hash": HASH,  # alias: tenant and response id; NULL where there is none
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
    "region": LABEL,
    "stream": LABEL,  # "true", "false" or NULL: not said
    "finish_reasons": LABEL,  # joined by commas
    "status": LABEL,  # "ok", "error" or "unset", as the span said
    "error_type": LABEL,
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
    "price_status": LABEL,  # "priced", or why there is no cost
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
"""Columns that the views `calls` and `observations` have besides, computed when they are read: the UTC day."""

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
"""Columns that stand in the row itself."""
