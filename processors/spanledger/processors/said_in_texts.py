"""Values that stand only inside a text: read with Arrow's regular expressions on whole columns.

Only the records of dialects that have such texts are looked at.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.dialects.columns import COLUMN_OF, TOTAL
from spanledger.processors.dialects.dialect import Dialect, Sign
from spanledger.processors.records import Records
from spanledger.processors.speakers import spoken
from spanledger.processors.wire_values import Places

TOTAL_COLUMN: Final = "total"
"""Stands among the columns for the sum of all tokens, which none holds."""

_GROUP: Final = re.compile(r"(?<!\\)\((?!\?)")


def said_in_texts(records: Records) -> dict[str, pa.StringArray]:
    """Column → what the texts of each record say for it, NULL where none does. Columns that none tells are missing."""
    found: dict[str, list[tuple[Places, pa.StringArray]]] = {}
    for dialect, mine in spoken(records.speaker):
        if dialect.texts:
            for column, rows, texts in _of_dialect(records, dialect, np.flatnonzero(mine)):
                found.setdefault(column, []).append((rows, texts))
    return {column: _scattered(pieces, len(records)) for column, pieces in found.items()}


def _of_dialect(records: Records, dialect: Dialect, rows: Places) -> Iterable[tuple[str, Places, pa.StringArray]]:
    """For each text of a dialect the column that it fills, and the rows for which it says something, with what."""
    attributes = records.attributes.at(rows)
    whole: dict[str, tuple[Places, pa.StringArray]] = {}
    for attribute, pattern, key in dialect.texts:
        if not attributes.layouts.has(attribute):
            continue
        if attribute not in whole:
            texts = attributes.text(attribute)
            said = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
            whole[attribute] = rows[said], texts.take(pa.array(said))
        at, texts = whole[attribute]
        read = pc.struct_field(pc.extract_regex(texts, _named(pattern)), "said")
        if read.null_count < len(read):
            matching = read.is_valid()
            yield column_of(key), at[matching.to_numpy(zero_copy_only=False)], read.filter(matching)


def _scattered(pieces: Sequence[tuple[Places, pa.StringArray]], rows: int) -> pa.StringArray:
    """The texts at their rows; of several for one row the first."""
    place = np.full(rows, -1)
    ends = np.cumsum([len(at) for at, _ in pieces])
    for (at, _), end in zip(reversed(pieces), reversed(ends.tolist()), strict=True):
        place[at] = np.arange(end - len(at), end)
    return pa.concat_arrays([texts for _, texts in pieces]).take(pa.array(place, mask=place < 0))


def column_of(key: str) -> str:
    """The column that a key of `Dialect.texts` fills."""
    return TOTAL_COLUMN if key in TOTAL else COLUMN_OF[key]


@cache
def _named(pattern: str) -> str:
    """The pattern with a name for its group, as Arrow wants it."""
    return _GROUP.sub("(?P<said>", pattern, count=1)


def shown(records: Records, mine: npt.NDArray[np.bool_], signs: tuple[Sign, ...]) -> npt.NDArray[np.bool_]:
    """Which of the records that are `mine` show any of the signs."""
    rows = np.flatnonzero(mine)
    attributes = records.attributes.at(rows)
    result = np.zeros(len(records), bool)
    for sign in signs:
        if sign.key and not attributes.layouts.has(sign.key):
            continue
        texts = attributes.text(sign.key) if sign.key else records.name.take(pa.array(rows))
        found = pc.match_substring_regex(texts, sign.pattern).fill_null(False).to_numpy(zero_copy_only=False)
        result[rows] |= found & ~attributes.present(sign.without) if sign.without else found
    return result
