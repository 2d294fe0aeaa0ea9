"""Attributes as columns: one flat list of key-value pairs, read key by key without a loop over spans."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors import any_value
from spanledger.processors.layouts import Layouts, layouts_of
from spanledger.processors.wire_values import Members, Places, members_at, offsets_of

COUNT_MAX: Final = 10**12
"""A token count beyond a trillion in one call is a mistake of the emitter, not a bill."""


@dataclass(frozen=True)
class Attributes:
    """The attributes of `rows` spans (or resources).

    Row i has the keys of layout `layout[i]`; its first pair is number `starts[i]`. `values` holds the AnyValue of each
    pair as the bytes of its message. Pairs of one row stand together and in the sender's order.
    """

    rows: int
    layouts: Layouts
    layout: Places
    starts: Places
    values: pa.BinaryArray

    @classmethod
    def of(cls, lists: pa.ListArray) -> "Attributes":
        """Read the list column of KeyValue structs, one list a row."""
        pairs = lists.flatten()
        offsets = lists.offsets.to_numpy().astype(np.int64)
        bounds = offsets - offsets[0]
        layouts, layout = layouts_of(pairs.field("key"), bounds)
        return cls(len(lists), layouts, layout, bounds[:-1], pairs.field("value"))

    @property
    def keys(self) -> list[str]:
        """The distinct keys of the batch that these rows come from."""
        return self.layouts.keys

    def filter(self, keep: npt.NDArray[np.bool_]) -> "Attributes":
        """The attributes of the rows where `keep` is true."""
        return Attributes(int(keep.sum()), self.layouts, self.layout[keep], self.starts[keep], self.values)

    def at(self, rows: Places) -> "Attributes":
        """The attributes of some rows."""
        return Attributes(len(rows), self.layouts, self.layout[rows], self.starts[rows], self.values)

    def positions(self, key: str) -> Places | None:
        """For each row the position of its pair with this key, -1 where it has none; None when no row has it.

        A key that stands twice on one row counts as its last value.
        """
        return self._first((key,))

    def raw(self) -> pa.BinaryArray:
        """The bytes of all values of each row, one after the other."""
        offsets = offsets_of(self.values)
        counts = np.diff(self.layouts.bounds)[self.layout]
        bounds = np.stack([offsets[self.starts], offsets[self.starts + counts]], axis=1).reshape(-1)
        buffers = [None, pa.py_buffer(bounds.astype(np.int32)), self.values.buffers()[2]]
        if not len(bounds):
            return pa.array([], pa.binary())
        stretches = pa.BinaryArray.from_buffers(pa.binary(), len(bounds) - 1, buffers)
        return stretches.take(pa.array(np.arange(0, len(bounds), 2)))

    def _first(self, keys: Sequence[str]) -> Places | None:
        """The positions of the first of `keys` that each row has, -1 where it has none; None without any."""
        places = self._places(keys)
        if places is None:
            return None
        place = places.take(self.layout)
        at = self.starts + place
        if places.min(initial=0) < 0:
            # Layouts are those of a whole batch: some of them no row of these may have.
            missing = place < 0
            if missing.all():
                return None
            at[missing] = -1
        return at

    def _places(self, keys: Sequence[str]) -> Places | None:
        """The same of each layout, counted from the first pair of a row."""
        places: Places | None = None
        for key in keys:
            found = self.layouts.places(key)
            if found is not None:
                places = found if places is None else np.where(places >= 0, places, found)
        return places

    def pairs(self, wanted: Callable[[str], bool]) -> tuple[Places, npt.NDArray[np.int32], Places]:
        """The pairs whose key is `wanted`, row after row: their positions, their keys, and how many each row has.

        A key is its index in `keys`; of one that stands twice on a row only the last pair is given.
        """
        layouts = self.layouts
        chosen = layouts.chosen(wanted)
        of = layouts.layout[chosen]
        per_layout = np.bincount(of, minlength=len(layouts))
        counts = per_layout[self.layout]
        # Where the chosen of each row's layout begin, less where the pairs of the row will begin.
        shift = (np.cumsum(per_layout) - per_layout)[self.layout] - (np.cumsum(counts) - counts)
        which = np.arange(counts.sum()) + np.repeat(shift, counts)
        places = chosen - layouts.bounds[of]
        return np.repeat(self.starts, counts) + places[which], layouts.codes[chosen][which], counts

    @cached_property
    def _labels(self) -> dict[tuple[str, ...], pa.DictionaryArray]:
        """Labels that were asked for: classifying and normalising ask for the same."""
        return {}

    def text(self, *keys: str) -> pa.StringArray:
        """The value under the first of `keys`: numbers and booleans as JSON writes them, lists joined by commas.

        An empty text says nothing and is NULL, like a value that has no text (bytes, a map, NaN).
        """
        at = self._first(keys)
        return pa.nulls(self.rows, pa.string()) if at is None else _said(members_at(self.values, at))

    def label(self, *keys: str) -> pa.DictionaryArray:
        """The same as `text`, dictionary encoded."""
        if keys not in self._labels:
            self._labels[keys] = self.text(*keys).dictionary_encode()
        return self._labels[keys]

    def count(self, *keys: str) -> tuple[pa.Int64Array, npt.NDArray[np.bool_]]:
        """A whole number ≥ 0 under the first of `keys`, and for which rows a value stood there that is none.

        Integers, integral doubles and decimal texts are read (emitters send all three); anything else is NULL.
        """
        at = self._first(keys)
        if at is None:
            return pa.nulls(self.rows, pa.int64()), np.zeros(self.rows, bool)
        found = any_value.as_integers(members_at(self.values, at))
        numbers = (found.fill_null(0) if found.null_count else found).to_numpy(zero_copy_only=False)
        bad = (numbers < 0) | (numbers > COUNT_MAX)
        if found.null_count:
            bad |= found.is_null().to_numpy(zero_copy_only=False) & (at >= 0)
        if bad.any():
            found = pc.if_else(pa.array(bad), any_value.NO_COUNT, found)
        return found, bad

    def number(self, *keys: str) -> pa.DoubleArray:
        """A finite number under the first of `keys`; NULL where there is none."""
        at = self._first(keys)
        return pa.nulls(self.rows, pa.float64()) if at is None else any_value.as_doubles(members_at(self.values, at))

    def present(self, *keys: str) -> npt.NDArray[np.bool_]:
        """Which rows have any of `keys`."""
        places = self._places(keys)
        return np.zeros(self.rows, bool) if places is None else (places >= 0).take(self.layout)


def _said(values: Members) -> pa.StringArray:
    """Texts with the empty ones made NULL."""
    found = any_value.as_text(values)
    empty = pc.equal(found, any_value.NOTHING)
    return pc.if_else(empty, any_value.NO_TEXT, found) if empty.true_count else found
