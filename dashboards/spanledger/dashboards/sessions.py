"""Sessions: when and where somebody worked with which models, and what it cost; the latest last."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, cast

from spanledger.dashboards.documents import Column, Json, View
from spanledger.dashboards.figures import added, columns_of, coverage, instant, money, view
from spanledger.dashboards.render import values
from spanledger.dashboards.report import Asked
from spanledger.storage.questions import sessions
from spanledger.storage.sandbox import Reader

_COUNTS: Final = (
    "calls", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "unpriced", "errors",
)  # fmt: skip
_MEASURED: Final = (
    ("service_name", "VARCHAR"), ("project", "VARCHAR"), ("models", "VARCHAR"),
    ("started_at", "TIMESTAMP WITH TIME ZONE"), ("ended_at", "TIMESTAMP WITH TIME ZONE"), ("calls", "BIGINT"),
    ("input_tokens", "BIGINT"), ("cache_read_tokens", "BIGINT"), ("cache_write_tokens", "BIGINT"),
    ("output_tokens", "BIGINT"), ("cost_usd", "DECIMAL"), ("api_equivalent_usd", "DECIMAL"), ("unpriced", "BIGINT"),
    ("errors", "BIGINT"),
)  # fmt: skip


def compute(reader: Reader, wanted: Asked) -> View:
    """Sessions, and within each the groups that are asked for besides. Raises LedgerError."""
    others = [name for name in wanted.by if name not in ("session", "session_id")]
    table = reader.query(sessions(others), wanted.between | wanted.zoned)
    keys = [values(column) for column in table.columns[: len(others)]]
    found = table.select(range(len(others), table.num_columns)).to_pylist()
    rows = [
        {"session": one["session_id"]}
        | {name: column[at] for name, column in zip(others, keys, strict=True)}
        | _row(one, wanted)
        for at, one in enumerate(found)
    ]
    names = ["session", *others]
    measured = [column for column in columns_of(_MEASURED) if column["name"] not in names]
    columns = [Column(name=name, type="VARCHAR") for name in names] + measured
    total: dict[str, Json] = {name: _sum(found, name) for name in _COUNTS}
    total |= {name: money(added(one[name] for one in found)) for name in ("cost_usd", "api_equivalent_usd")}
    notes = coverage(total) if rows else ["There are no calls of sessions in this time."]
    return view("sessions", wanted, columns, rows, total if rows else None, notes)


def _row(found: Mapping[str, object], wanted: Asked) -> dict[str, Json]:
    row = {name: cast(Json, found[name]) for name in (*_COUNTS, "service_name", "project", "models")}
    row |= {name: instant(cast("None", found[name]), wanted.timezone) for name in ("started_at", "ended_at")}
    return row | {name: money(cast(Decimal | None, found[name])) for name in ("cost_usd", "api_equivalent_usd")}


def _sum(found: Sequence[Mapping[str, int | None]], name: str) -> int | None:
    known = [count for one in found if (count := one[name]) is not None]
    return sum(known) if known else None
