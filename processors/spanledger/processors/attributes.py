"""Attributes as columns: one flat list of key-value pairs with parents, read key by key without a loop over spans."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors import any_value

COUNT_MAX: Final = 10**12
"""A token count beyond a trillion in one call is a mistake of the emitter, not a bill."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Attributes:
    """The attributes of `rows` spans (or resources).

    `keys` holds the distinct keys, `codes[i]` the key of pair i, `parents[i]` its row, `values` the AnyValue of each
    pair as a struct array with one child per member. Pairs of one row stand together and in the sender's order.
    """

    rows: int
    keys: list[str]
    codes: npt.NDArray[np.uint32]
    parents: Rows
    values: pa.StructArray

    @classmethod
    def of(cls, lists: pa.ListArray) -> "Attributes":
        """Read the list column of KeyValue structs, one list a row."""
        pairs = lists.flatten()
        keys = pairs.field("key").dictionary_encode()
        lengths = np.diff(lists.offsets.to_numpy())
        return cls(
            rows=len(lists),
            keys=keys.dictionary.to_pylist(),
            codes=keys.indices.to_numpy(zero_copy_only=False).astype(np.uint32),
            parents=np.repeat(np.arange(len(lists), dtype=np.int64), lengths),
            values=pairs.field("value"),
        )

    def filter(self, keep: npt.NDArray[np.bool_]) -> "Attributes":
        """The attributes of the rows where `keep` is true."""
        pairs = keep[self.parents]
        moved = np.cumsum(keep) - 1
        return Attributes(
            rows=int(keep.sum()),
            keys=self.keys,
            codes=self.codes[pairs],
            parents=moved[self.parents[pairs]],
            values=self.values.filter(pa.array(pairs)),
        )

    @cached_property
    def _code_of(self) -> dict[str, int]:
        return {key: code for code, key in enumerate(self.keys)}

    @cached_property
    def _by_key(self) -> tuple[Rows, Rows]:
        """Pair positions sorted by key, and where each key's run begins."""
        # 16-bit codes are sorted by radix: a third of the time.
        codes = self.codes.astype(np.uint16) if len(self.keys) <= np.iinfo(np.uint16).max else self.codes
        order = np.argsort(codes, kind="stable")
        bounds = np.zeros(len(self.keys) + 1, np.int64)
        np.cumsum(np.bincount(self.codes, minlength=len(self.keys)), out=bounds[1:])
        return order, bounds

    def positions(self, key: str) -> Rows | None:
        """For each row the position of its pair with this key, -1 where it has none; None when no row has it.

        A key that stands twice on one row counts as its last value.
        """
        code = self._code_of.get(key)
        if code is None:
            return None
        order, bounds = self._by_key
        found = order[bounds[code] : bounds[code + 1]]
        rows = self.parents[found]
        if len(found) == self.rows and np.array_equal(rows, np.arange(self.rows)):
            return found
        at = np.full(self.rows, -1, np.int64)
        at[rows] = found
        return at

    def _members(self, keys: Sequence[str]) -> Any:
        """The positions of the first of `keys` that each row has, as an Arrow index with nulls; None without any."""
        at: Rows | None = None
        for key in keys:
            found = self.positions(key)
            if found is None:
                continue
            at = found if at is None else np.where(at >= 0, at, found)
            if at.min(initial=0) >= 0:
                break
        if at is None:
            return None
        missing = at < 0
        return pa.array(at, mask=missing) if missing.any() else pa.array(at)

    def text(self, *keys: str) -> pa.StringArray:
        """The value under the first of `keys`: numbers and booleans as JSON writes them, lists joined by commas.

        An empty text says nothing and is NULL, like a value that has no text (bytes, a map, NaN).
        """
        index = self._members(keys)
        if index is None:
            return pa.nulls(self.rows, pa.string())
        found = self.values.field("string_value").take(index)
        if found.null_count > index.null_count:
            others = any_value.scalars_as_text(any_value.taken(self.values, index))
            found = others if found.null_count == len(found) else pc.coalesce(found, others)
        empty = pc.equal(found, any_value.NOTHING)
        return pc.if_else(empty, any_value.NO_TEXT, found) if empty.true_count else found

    def label(self, *keys: str) -> pa.DictionaryArray:
        """The same as `text`, dictionary encoded."""
        return self.text(*keys).dictionary_encode()

    def count(self, *keys: str) -> tuple[pa.Int64Array, npt.NDArray[np.bool_]]:
        """A whole number ≥ 0 under the first of `keys`, and for which rows a value stood there that is none.

        Integers, integral doubles and decimal texts are read (emitters send all three); anything else is NULL.
        """
        index = self._members(keys)
        if index is None:
            return pa.nulls(self.rows, pa.int64()), np.zeros(self.rows, bool)
        found = self.values.field("int_value").take(index)
        if found.null_count > index.null_count:
            found = pc.coalesce(found, any_value.as_integers(any_value.taken(self.values, index)))
        numbers = found.fill_null(0).to_numpy(zero_copy_only=False)
        bad = (numbers < 0) | (numbers > COUNT_MAX)
        if found.null_count > index.null_count:
            bad |= found.is_null().to_numpy(zero_copy_only=False) & index.is_valid().to_numpy(zero_copy_only=False)
        if bad.any():
            found = pc.if_else(pa.array(bad), any_value.NO_COUNT, found)
        return found, bad

    def number(self, *keys: str) -> pa.DoubleArray:
        """A finite number under the first of `keys`; NULL where there is none."""
        index = self._members(keys)
        if index is None:
            return pa.nulls(self.rows, pa.float64())
        found = self.values.field("double_value").take(index)
        if found.null_count > index.null_count:
            found = pc.coalesce(found, any_value.as_doubles(any_value.taken(self.values, index)))
        return any_value.finite(found)

    def present(self, *keys: str) -> npt.NDArray[np.bool_]:
        """Which rows have any of `keys`."""
        has = np.zeros(self.rows, bool)
        for key in keys:
            found = self.positions(key)
            if found is not None:
                has |= found >= 0
        return has
