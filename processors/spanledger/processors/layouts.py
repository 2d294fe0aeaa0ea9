"""Layouts: which keys stand where on a span. Spans of one emitter repeat a few sequences of keys a thousand times.

Two spans have the same layout when their keys, one after the other, are the same bytes cut at the same places. So the
keys of a whole batch are told apart by one look at each span, not at each of its pairs, and which pair has which key
is worked out for each layout once. Where every span has its own layout this costs little more than without.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.processors.wire_values import Places, offsets_of

LENGTH_BYTES: Final = 4
"""Of the length of a key as it stands in memory."""


@dataclass(frozen=True)
class Layouts:
    """The distinct sequences of keys of a batch, one after the other.

    Layout l has the keys `codes[bounds[l]:bounds[l + 1]]`, indices in `keys`; `layout[i]` is the layout of code i.
    """

    keys: list[str]
    codes: npt.NDArray[np.int32]
    bounds: Places
    layout: Places

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @cached_property
    def _code_of(self) -> dict[str, int]:
        return {key: code for code, key in enumerate(self.keys)}

    @cached_property
    def _by_key(self) -> tuple[Places, Places]:
        """Positions in `codes` sorted by key, and where each key's run begins."""
        order = np.argsort(self.codes, kind="stable")
        return order, np.searchsorted(self.codes[order], np.arange(len(self.keys) + 1))

    def has(self, key: str) -> bool:
        """Whether any layout has this key."""
        return key in self._code_of

    def places(self, key: str) -> Places | None:
        """For each layout how many keys stand before this one, -1 where it has none; None when no layout has it.

        A key that stands twice counts where it stands last.
        """
        code = self._code_of.get(key)
        if code is None:
            return None
        order, runs = self._by_key
        found = order[runs[code] : runs[code + 1]]
        layouts = self.layout[found]
        at = np.full(len(self), -1)
        at[layouts] = found - self.bounds[layouts]
        return at

    def chosen(self, wanted: Callable[[str], bool]) -> Places:
        """Positions in `codes` of the keys that are `wanted`, in order; of one that stands twice the last."""
        verdicts = np.array([wanted(key) for key in self.keys] + [False])
        positions = np.flatnonzero(verdicts[self.codes])
        # Of equal numbers in a row of sorted ones all but the last go.
        names = (self.layout[positions] << 32) | self.codes[positions]
        order = np.argsort(names, kind="stable")
        in_order = names[order]
        last = np.ones(len(order), bool)
        last[:-1] = in_order[1:] != in_order[:-1]
        return positions if last.all() else np.sort(positions[order[last]])


def layouts_of(keys: pa.StringArray, bounds: Places) -> tuple[Layouts, Places]:
    """The layouts of rows with the keys `keys[bounds[i]:bounds[i + 1]]`, and for each row which of them it has."""
    layout, first = alike(keys, bounds)
    counts = bounds[first + 1] - bounds[first]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    pairs = np.repeat(bounds[first] - ends[:-1], counts) + np.arange(ends[-1])
    distinct = keys.take(pa.array(pairs)).dictionary_encode()
    codes = distinct.indices.to_numpy(zero_copy_only=False)
    return Layouts(distinct.dictionary.to_pylist(), codes, ends, np.repeat(np.arange(len(first)), counts)), layout


def alike(values: Any, bounds: Places) -> tuple[Places, Places]:
    """Numbers from 0 on for rows of texts or bytes, the same for rows with the same, and the first row of each number.

    Row i has the values from `bounds[i]` to `bounds[i + 1]`.
    """
    offsets = offsets_of(values)
    letters, first = _stretches(offsets.take(bounds), values.buffers()[2])
    cuts, first_cut = _stretches(bounds * LENGTH_BYTES, pa.py_buffer(np.diff(offsets)))
    return (letters, first) if len(first_cut) <= 1 else alike_in_both(letters, cuts)


def alike_in_both(one: Places, other: Places) -> tuple[Places, Places]:
    """The same for rows that are told apart by two numbers."""
    both = np.stack([one, other], axis=1)
    return _stretches(np.arange(len(both) + 1) * both.strides[0], pa.py_buffer(both))


def _stretches(bounds: npt.NDArray[Any], data: Any) -> tuple[Places, Places]:
    """The same for the bytes of a buffer between each of `bounds` and the next."""
    buffers = [None, pa.py_buffer(bounds.astype(np.int32)), data]
    stretches = pa.BinaryArray.from_buffers(pa.binary(), len(bounds) - 1, buffers).dictionary_encode()
    numbers = stretches.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    first = np.empty(len(stretches.dictionary), np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return numbers, first
