"""The rest: what no column wants, as one JSON object a row, with content left out."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors import any_value
from spanledger.processors.attributes import Attributes
from spanledger.processors.redact import ATTRIBUTES_MAX, DROPPED_KEY, TEXT_BYTES_MAX

_OPEN, _CLOSE, _COMMA = pa.scalar("{"), pa.scalar("}"), pa.scalar(",")


def rest_as_json(attributes: Attributes, unwanted: Callable[[str], bool], *, keep_content: bool) -> pa.StringArray:
    """A JSON object a row of the pairs whose key is not `unwanted`; NULL where nothing is left.

    Values longer than TEXT_BYTES_MAX and more than ATTRIBUTES_MAX pairs are left out and their number is told under
    DROPPED_KEY, unless content is kept.
    """
    kept_keys = np.array([not unwanted(key) for key in attributes.keys] + [False])
    pairs = np.flatnonzero(kept_keys[attributes.codes])
    if not len(pairs):
        return pa.nulls(attributes.rows, pa.string())
    rows, codes = attributes.parents[pairs], attributes.codes[pairs]
    repeated = _repeated(rows, codes)
    if repeated.any():
        pairs, rows, codes = pairs[~repeated], rows[~repeated], codes[~repeated]
    values = any_value.as_json(any_value.taken(attributes.values, pa.array(pairs)))
    lost = np.zeros(len(pairs), bool)
    if not keep_content:
        lengths = pc.binary_length(values).to_numpy(zero_copy_only=False)
        lost = (lengths > TEXT_BYTES_MAX) | (_place(rows) >= ATTRIBUTES_MAX)
    quoted = pa.array([orjson.dumps(key).decode() + ":" for key in attributes.keys], pa.string())
    names = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), quoted).dictionary_decode()
    if lost.any():
        keep = ~lost
        rows_lost = np.unique(rows[lost])
        tolls = np.bincount(rows[lost], minlength=attributes.rows)[rows_lost]
        names = pa.concat_arrays(
            [names.filter(pa.array(keep)), pa.array([f'"{DROPPED_KEY}":'] * len(rows_lost), pa.string())]
        )
        values = pa.concat_arrays([values.filter(pa.array(keep)), pa.array(tolls).cast(pa.string())])
        rows = np.concatenate([rows[keep], rows_lost])
        order = np.argsort(rows, kind="stable")
        rows, names, values = rows[order], names.take(pa.array(order)), values.take(pa.array(order))
    bounds = np.zeros(attributes.rows + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=attributes.rows), out=bounds[1:])
    members = pa.ListArray.from_arrays(pa.array(bounds), pc.binary_join_element_wise(names, values, any_value.NOTHING))
    objects = pc.binary_join_element_wise(_OPEN, pc.binary_join(members, _COMMA), _CLOSE, any_value.NOTHING)
    empty = np.diff(bounds) == 0
    return pc.if_else(pa.array(empty), None, objects) if empty.any() else objects


def _repeated(rows: npt.NDArray[np.int64], codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Pairs whose key stands again later on the same row: the last one counts, as for columns."""
    key = (rows << 32) | codes
    in_order = np.sort(key)
    if not (in_order[1:] == in_order[:-1]).any():
        return np.zeros(len(key), bool)
    _, last = np.unique(key[::-1], return_index=True)
    repeated = np.ones(len(key), bool)
    repeated[len(key) - 1 - last] = False
    return repeated


def _place(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each pair how many stand before it on its row; `rows` is sorted."""
    return np.arange(len(rows)) - np.searchsorted(rows, rows)
