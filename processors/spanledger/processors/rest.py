"""The rest: what no column wants, as one JSON object a row, with content left out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors import any_value
from spanledger.processors.attributes import Attributes
from spanledger.processors.layouts import alike, alike_in_both
from spanledger.processors.redact import ATTRIBUTES_MAX, DROPPED_KEY, TEXT_BYTES_MAX
from spanledger.processors.wire_values import Places, members_of, offsets_of

DISTINCT_MAX: Final = 0.5
"""Up to this part of the rows, writing only the distinct ones is cheaper than writing all."""


def rest_as_json(attributes: Attributes, unwanted: Callable[[str], bool], *, keep_content: bool) -> pa.StringArray:
    """A JSON object a row of the pairs whose key is not `unwanted`; NULL where nothing is left.

    Values longer than TEXT_BYTES_MAX and more than ATTRIBUTES_MAX pairs are left out and their number is told under
    DROPPED_KEY, unless content is kept.
    """
    pairs, codes, counts = attributes.pairs(lambda key: not unwanted(key))
    if not len(pairs):
        return pa.nulls(attributes.rows, pa.string())
    raw = attributes.values.take(pa.array(pairs))
    rows, first = _distinct_rows(attributes, raw, counts)
    if len(first) < attributes.rows:
        kept, counts = _pairs_of(first, counts)
        raw, codes = raw.take(pa.array(kept)), codes[kept]
    values = raw.dictionary_encode()
    written = any_value.as_json(members_of(values.dictionary))
    members = _Members(attributes.keys, written, codes, values.indices.to_numpy(zero_copy_only=False), counts)
    if not keep_content:
        too_long = pc.greater(pc.binary_length(written), TEXT_BYTES_MAX).to_numpy(zero_copy_only=False)
        if too_long.any() or counts.max() > ATTRIBUTES_MAX:
            members = _without(members, too_long[members.said] | (_place(counts) >= ATTRIBUTES_MAX))
    objects = _objects(members)
    return objects.take(pa.array(rows)) if len(first) < attributes.rows else objects


def _distinct_rows(attributes: Attributes, raw: pa.BinaryArray, counts: Places) -> tuple[Places, Places]:
    """For each row which of the distinct ones it is, and where each of them stands first; all where nearly all differ.

    Rows are the same that have the same layout and the same bytes.
    """
    rows, first = alike(raw, np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]))
    if len(attributes.layouts) > 1:
        rows, first = alike_in_both(rows, attributes.layout)
    every = np.arange(attributes.rows)
    return (rows, first) if len(first) <= DISTINCT_MAX * len(rows) else (every, every)


def _pairs_of(rows: Places, counts: Places) -> tuple[Places, Places]:
    """Where the pairs of some rows stand among those of all, and how many each has."""
    chosen = counts[rows]
    shift = (np.cumsum(counts) - counts)[rows] - (np.cumsum(chosen) - chosen)
    return np.arange(chosen.sum()) + np.repeat(shift, chosen), chosen


@dataclass(frozen=True)
class _Members:
    """The members of a JSON object a row, row after row: member i is `keys[codes[i]]`: `values[said[i]]`.

    Row r has `counts[r]` of them.
    """

    keys: list[str]
    values: pa.StringArray
    codes: npt.NDArray[np.int32]
    said: npt.NDArray[np.int32]
    counts: Places


def _without(members: _Members, lost: npt.NDArray[np.bool_]) -> _Members:
    """The members but for those that are `lost`, whose number each row tells in a member at its end."""
    row_count = len(members.counts)
    rows = np.repeat(np.arange(row_count), members.counts)
    tolls = np.bincount(rows[lost], minlength=row_count)
    telling = np.flatnonzero(tolls)
    rows = np.concatenate([rows[~lost], telling])
    order = np.argsort(rows, kind="stable")
    codes = np.concatenate([members.codes[~lost], np.full(len(telling), len(members.keys), np.int32)])
    told = np.arange(len(telling), dtype=np.int32) + np.int32(len(members.values))
    return _Members(
        keys=[*members.keys, DROPPED_KEY],
        values=pa.concat_arrays([members.values, pa.array(tolls[telling]).cast(pa.string())]),
        codes=codes[order],
        said=np.concatenate([members.said[~lost], told])[order],
        counts=np.bincount(rows, minlength=row_count),
    )


def _objects(members: _Members) -> pa.StringArray:
    """The objects as texts; NULL for a row without members.

    Each is written as a sequence of pieces: a name, a value, …, the brace that closes. One gather writes them all, and
    where the pieces of a row end, so does its text.
    """
    names = len(members.keys)
    quoted = [orjson.dumps(key).decode() + ":" for key in members.keys]
    pieces = pa.concat_arrays(
        [pa.array([before + name for before in "{," for name in quoted] + ["}"], pa.string()), members.values]
    )
    rows = np.arange(len(members.counts))
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(members.counts)])
    # One brace stands before the members of each row but the first.
    at = 2 * np.arange(len(members.codes)) + np.repeat(rows, members.counts)
    sequence = np.full(2 * len(members.codes) + len(rows), 2 * names)
    named = members.codes + np.int32(names)
    named[bounds[:-1][members.counts > 0]] -= names
    sequence[at] = named
    sequence[at + 1] = members.said + np.int32(2 * names + 1)
    written = pieces.take(pa.array(sequence))
    ends = offsets_of(written)[2 * bounds + np.arange(len(bounds))]
    objects = pa.StringArray.from_buffers(len(rows), pa.py_buffer(ends), written.buffers()[2])
    empty = members.counts == 0
    return pc.if_else(pa.array(empty), any_value.NO_TEXT, objects) if empty.any() else objects


def _place(counts: Places) -> Places:
    """For each member how many stand before it on its row."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
