"""Runs of tools: how often each ran, failed, and how long it took, however many emitters told of it."""

from typing import Final

from spanledger.dashboards.documents import Column, Json, View
from spanledger.dashboards.figures import columns_of, view
from spanledger.dashboards.render import values
from spanledger.dashboards.report import Asked
from spanledger.storage.questions import tool_runs
from spanledger.storage.sandbox import Reader

_MEASURED: Final = (
    ("runs", "BIGINT"), ("errors", "BIGINT"), ("errors_percent", "DOUBLE"), ("timed", "BIGINT"), ("total_s", "DOUBLE"),
    ("median_s", "DOUBLE"), ("p95_s", "DOUBLE"), ("longest_s", "DOUBLE"),
)  # fmt: skip
_TIMES: Final = ("total_s", "median_s", "p95_s", "longest_s")


def compute(reader: Reader, wanted: Asked) -> View:
    """Runs of tools in groups, the most frequent first. Raises LedgerError."""
    parameters = wanted.between | wanted.zoned
    table = reader.query(tool_runs(wanted.by), parameters)
    keys = zip(*map(values, table.columns[: len(wanted.by)]), strict=True)
    figures = table.select(range(len(wanted.by), table.num_columns)).to_pylist()
    rows = [dict(zip(wanted.by, key, strict=True)) | _row(one) for key, one in zip(keys, figures, strict=True)]
    rows.sort(key=lambda row: (-int(str(row["runs"])), str([row[name] for name in wanted.by])))
    # The median of all runs is not made of those of the groups.
    whole = reader.query(tool_runs([]), wanted.between).to_pylist()
    columns = [Column(name=name, type="VARCHAR") for name in wanted.by] + columns_of(_MEASURED)
    if not rows:
        return view("tools", wanted, columns, [], None, ["No runs of tools were told of in this time."])
    return view("tools", wanted, columns, rows, _row(whole[0]))


def _row(figures: dict[str, float | None]) -> dict[str, Json]:
    runs, errors = figures["runs"] or 0, figures["errors"] or 0
    counted: dict[str, Json] = {"runs": runs, "errors": errors, "errors_percent": round(100 * errors / runs, 1)}
    times: dict[str, Json] = {name: None if (s := figures[name]) is None else round(s, 6) for name in _TIMES}
    return counted | {"timed": figures["timed"]} | times
