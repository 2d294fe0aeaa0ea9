"""What each record did: by its attributes, by its name in its emitter's words, or not said."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.attributes import Attributes
from spanledger.processors.dialects.operations import SAYING, operation_said
from spanledger.processors.dialects.registry import EVERY
from spanledger.processors.speakers import Speakers, where

UNSAID: Final = -1


def operations_of(signal: str, speakers: Speakers, names: pa.StringArray, attributes: Attributes) -> pa.DictionaryArray:
    """The operation of each record, NULL where none is said, NOISE where the record tells nothing of its own.

    An event is what its emitter's dialect makes of its name: many an event repeats the attributes of the call in which
    it happened. Only events that a dialect is recognised by may say more in attributes.
    """
    found = _Found({}, np.full(attributes.rows, UNSAID, np.int32))
    telling = None if signal == "traces" else where(speakers, lambda dialect: bool(dialect.events))
    for key in SAYING:
        if attributes.layouts.has(key) and (telling is None or telling.any()):
            labels = attributes.label(key)
            means = [operation_said(key, value) for value in labels.dictionary.to_pylist()]
            found.fill(labels, means, telling)
    silent = (found.codes == UNSAID) & where(speakers, lambda dialect: bool(dialect.operations))
    if silent.any():
        _by_name(found, silent, speakers, names)
    codes = pa.array(found.codes, mask=found.codes == UNSAID)
    return pa.DictionaryArray.from_arrays(codes, pa.array(list(found.operations), pa.string()))


class _Found:
    """Operations found so far: `codes[i]` is the place of record i's in `operations`."""

    def __init__(self, operations: dict[str, int], codes: npt.NDArray[np.int32]) -> None:
        self.operations, self.codes = operations, codes

    def code(self, operation: str) -> int:
        return self.operations.setdefault(operation, len(self.operations))

    def fill(self, labels: pa.DictionaryArray, means: list[str], telling: npt.NDArray[np.bool_] | None) -> None:
        """Take a column's word where nothing was said so far; `means` has its values' meanings."""
        table = np.array([*(self.code(operation) for operation in means), UNSAID], np.int32)
        said = table[labels.indices.fill_null(len(means)).to_numpy(zero_copy_only=False)]
        if telling is not None:
            said = np.where(telling, said, UNSAID)
        self.codes = said if not self._any() else np.where(self.codes == UNSAID, said, self.codes)

    def _any(self) -> bool:
        return bool((self.codes != UNSAID).any())


def _by_name(found: _Found, silent: npt.NDArray[np.bool_], speakers: Speakers, names: pa.StringArray) -> None:
    """What the tables of the dialects say of the names; each distinct pair is looked up once."""
    rows = np.flatnonzero(silent)
    labels = names.take(pa.array(rows)).dictionary_encode()
    texts = [*labels.dictionary.to_pylist(), ""]
    codes = labels.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
    pairs, which = np.unique(speakers[rows].astype(np.int64) * len(texts) + codes, return_inverse=True)
    means = [_meaning(EVERY[pair // len(texts)].operations, texts[pair % len(texts)]) for pair in pairs.tolist()]
    table = np.array([UNSAID if operation is None else found.code(operation) for operation in means], np.int32)
    found.codes = found.codes.copy()
    found.codes[rows] = table[which]


def _meaning(operations: Mapping[str, str], name: str) -> str | None:
    exact = operations.get(name)
    if exact is not None:
        return exact
    return next((means for key, means in operations.items() if key.endswith("*") and name.startswith(key[:-1])), None)


def is_any(operations: pa.DictionaryArray, names: frozenset[str]) -> npt.NDArray[np.bool_]:
    """Which records did one of these; a record that says nothing did none."""
    table = np.array([name in names for name in operations.dictionary.to_pylist()] + [False])
    return np.asarray(table[operations.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)])


def without_noise(operations: pa.DictionaryArray) -> pa.DictionaryArray:
    """The operations as a column holds them: what tells nothing of its own says none."""
    if "" not in operations.dictionary.to_pylist():
        return operations
    plain = operations.dictionary_decode()
    return pc.if_else(pc.equal(plain, ""), pa.scalar(None, pa.string()), plain).dictionary_encode()
