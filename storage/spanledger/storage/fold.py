"""Fold: several records of one call become one row, the same in any order of arrival.

The records of a call are put in order: those that know all of the usage first, then by the rank of their emitter's
dialect (of equals the one that is closer to the vendor, then by name), then by completeness. Each field is that of the
first record that says anything; who it was for, and where it was called from, goes by an order of its own. Nothing is
ever added up or taken for being larger.

When a call began and ended, both, says the first record that lasted: an event that knows of no duration stands at the
end of its call, or wherever its emitter got round to writing it.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.storage.schema import CALLS, COLUMNS, COSTS, HASH, LABEL, TIME, WHERE, WHO, Batch, Hashes, Ranks, Rows

UNRANKED: Final = 9
"""Rank of a dialect that nobody ranked: after all that somebody did."""

CLOCK_US: Final = 15 * 60 * 1_000_000
"""Records of one call that start further apart than this come from clocks that disagree."""

_NAMES: Final = ("response_hash", "request_hash")

_SPAN: Final = ("trace_id", "span_id", "parent_span_id")
"""Taken together, from the first record that is part of a trace."""

_OF_CALLER: Final = frozenset({*WHO, *WHERE})
"""Taken from the client's side: of an application and its gateway the application is whose call it was."""

_TIMES: Final = ("started_at", "ended_at")

_COMPUTED: Final = frozenset(
    {*_TIMES, "call_id", "sources", "revision", "ingested_at", "anonymous", "flags", *_SPAN, *COSTS}
)


def fold(records: Batch, groups: Rows, ranks: Ranks, *, constant: Hashes) -> tuple[Batch, Rows]:
    """Fold `records` to one row a group; `groups[i]` is the group of record i.

    `constant` are names that name no call (see `groups`). Returns the rows, unpriced, and the group of each.
    """
    if not records.num_rows:
        return CALLS.empty_table(), groups
    usage = _order(records, groups, ranks.usage, ranks.who)
    who = _order(records, groups, ranks.who, {}) if ranks.who else usage
    in_order = groups[usage]
    starts = np.flatnonzero(np.diff(in_order, prepend=in_order[0] - 1))
    columns = {
        name: _first_said(records.column(name), who if name in _OF_CALLER else usage, starts)
        for name in COLUMNS
        if name not in _COMPUTED
    }
    in_trace = _first_said(records.column("span_id"), usage, starts, index=True)
    columns |= {name: records.column(name).take(in_trace) for name in _SPAN}
    columns |= _times(records, usage, starts)
    columns |= {name: pa.nulls(len(starts), COLUMNS[name]) for name in COSTS}
    columns |= _computed(records, usage, starts, constant)
    rows = pa.table([columns[name] for name in CALLS.names], schema=CALLS)
    return rows.combine_chunks(), in_order[starts]


def _order(records: Batch, groups: Rows, ranks: Mapping[str, int], last: Mapping[str, int]) -> Rows:
    """The records group by group, the first in each the one whose word counts most, of equals the last by `last`."""
    dialects = _labels(records.column("dialect"))
    names = [*dialects.dictionary.to_pylist(), None]
    codes = dialects.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
    rank, closeness = (
        np.array([said.get(name, UNRANKED) if name else UNRANKED for name in names])[codes] for said in (ranks, last)
    )
    alphabet = np.argsort(np.argsort(np.array([name or "" for name in names])))[codes]
    input_tokens, output_tokens = (_numbers(records.column(name), -1) for name in ("input_tokens", "output_tokens"))
    unknown = (input_tokens < 0) | np.asarray(records.column("partial").fill_null(False).to_numpy(), bool)
    of_emitter = (-input_tokens, -output_tokens, alphabet, -closeness, rank)
    return np.lexsort((_numbers(records.column("record_hash"), 0), *of_emitter, unknown, groups))


def _first_said(column: pa.ChunkedArray, order: Rows, starts: Rows, *, index: bool = False) -> pa.Array:
    """Per group the first value in `order` that is not NULL, or with `index` its position."""
    if not column.null_count:
        at = pa.array(order[starts])
    else:
        valid = np.asarray(column.is_valid().to_numpy())[order]
        place = np.where(valid, np.arange(len(order)), len(order))
        first = np.minimum.reduceat(place, starts)
        at = pa.array(order[np.minimum(first, len(order) - 1)], mask=first == len(order))
    return at if index else column.take(at).combine_chunks()


def _times(records: Batch, order: Rows, starts: Rows) -> dict[str, pa.Array]:
    """Per group the times of the first record in `order` that has an interval; where none has, as of other fields."""
    began, ended = (records.column(name) for name in _TIMES)
    lasted = np.asarray(pc.greater(ended, began).fill_null(False).to_numpy(), bool)[order]
    place = np.where(lasted, np.arange(len(order)), len(order))
    first = np.minimum.reduceat(place, starts)
    whole = pa.array(first < len(order))
    at = pa.array(order[np.minimum(first, len(order) - 1)])
    return {
        name: pc.if_else(whole, column.take(at).combine_chunks(), _first_said(column, order, starts))
        for name, column in zip(_TIMES, (began, ended), strict=True)
    }


def _computed(records: Batch, order: Rows, starts: Rows, constant: Hashes) -> dict[str, pa.Array]:
    """What is the same for the same set of records, whichever came first."""
    started, arrived = (
        _numbers(records.column(name).cast(pa.int64()), 0)[order] for name in ("started_at", "ingested_at")
    )
    counts = np.diff(np.append(starts, len(order)))
    record = _numbers(records.column("record_hash"), 0)[order]
    odd = np.logical_or(*(np.isin(_numbers(records.column(kind), 0), constant)[order] for kind in _NAMES))
    name = np.minimum(*(_names(records, kind, constant)[order] for kind in _NAMES))
    call = np.minimum.reduceat(name, starts)
    call = np.where(call == _NO_NAME, np.minimum.reduceat(record, starts), call)
    skewed = np.maximum.reduceat(started, starts) - np.minimum.reduceat(started, starts) > CLOCK_US
    anonymous = np.asarray(records.column("anonymous").fill_null(False).to_numpy(), bool)[order]
    sources = _joined(_labels(records.column("dialect")).take(pa.array(order)), starts)
    flags = _joined(
        _labels(records.column("flags")).take(pa.array(order)),
        starts,
        {"clock": skewed, "constant_id": np.logical_or.reduceat(odd, starts)},
    )
    return {
        "call_id": pa.array(call, HASH),
        "sources": sources,
        "flags": flags,
        "revision": pa.array(counts - 1, pa.int32()),
        "ingested_at": pa.array(np.minimum.reduceat(arrived, starts)).cast(TIME),
        "anonymous": pa.array(np.logical_and.reduceat(anonymous, starts)),
    }


_NO_NAME: Final = np.uint64(2**64 - 1)


def _names(records: Batch, kind: str, constant: Hashes) -> Hashes:
    names = _numbers(records.column(kind), 0)
    return np.where((names == 0) | np.isin(names, constant), _NO_NAME, names)


def _joined(
    labels: pa.DictionaryArray, starts: Rows, added: Mapping[str, npt.NDArray[np.bool_]] | None = None
) -> pa.DictionaryArray:
    """Per group its distinct labels, sorted, joined by commas; a label may hold several already. NULL for none.

    The labels of a group are the bits of a few words; only the distinct sets of labels are looked at one by one.
    """
    more = added or {}
    names = [*labels.dictionary.to_pylist(), *more]
    codes = labels.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    sets = np.zeros((len(starts), 1 + len(names) // _BITS), np.uint64)
    for word in range(sets.shape[1]):
        place = codes - word * _BITS
        here = (place >= 0) & (place < _BITS) & (codes < len(names))
        bits = np.where(here, np.uint64(1) << np.where(here, place, 0).astype(np.uint64), np.uint64(0))
        sets[:, word] = np.bitwise_or.reduceat(bits, starts)
    for offset, where in enumerate(more.values(), len(labels.dictionary)):
        sets[where, offset // _BITS] |= np.uint64(1) << np.uint64(offset % _BITS)
    distinct, which = np.unique(sets, axis=0, return_inverse=True)
    texts = []
    for words in distinct.tolist():
        held = [name for code, name in enumerate(names) if words[code // _BITS] >> (code % _BITS) & 1]
        texts.append(",".join(sorted({part for name in held for part in name.split(",")})) or None)
    told = pa.array(texts, pa.string()).take(pa.array(which.reshape(-1)))
    return told.dictionary_encode()


_BITS: Final = 63


def _numbers(column: pa.ChunkedArray, missing: int) -> npt.NDArray[Any]:
    return np.asarray((column.fill_null(missing) if column.null_count else column).to_numpy())


def _labels(column: pa.ChunkedArray) -> pa.DictionaryArray:
    return column.unify_dictionaries().combine_chunks()


def as_batch(rows: pa.Table) -> Batch:
    """Rows read back from the ledger, in the types that travel between the stages; absent columns are NULL."""
    columns = []
    for name, kind in COLUMNS.items():
        if name not in rows.column_names:
            columns.append(pa.chunked_array([pa.nulls(rows.num_rows, kind)]))
        elif kind is LABEL:
            columns.append(rows.column(name).cast(pa.string()).dictionary_encode())
        else:
            columns.append(rows.column(name).cast(kind))
    return pa.table(columns, schema=CALLS).combine_chunks()
