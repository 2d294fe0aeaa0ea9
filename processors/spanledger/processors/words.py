"""Words: an emitter's own attribute keys become the conventions', layout by layout and not pair by pair."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spanledger.processors.attributes import Attributes
from spanledger.processors.layouts import Layouts
from spanledger.processors.speakers import Speakers, spoken
from spanledger.processors.wire_values import Places


def in_conventions(attributes: Attributes, speakers: Speakers) -> Attributes:
    """The attributes with the words of each record's dialect put into the conventions' keys.

    A word whose meaning a record says by the conventions' key, too, or by an earlier word, stays as it is.
    """
    for dialect, mine in spoken(speakers):
        words = {word: key for word, key in dialect.words.items() if attributes.layouts.has(word)}
        if words:
            attributes = _translated(attributes, mine, words)
    return attributes


def _translated(attributes: Attributes, mine: npt.NDArray[np.bool_], words: Mapping[str, str]) -> Attributes:
    """The records that are `mine` get layouts of their own, made of theirs with other keys in the same places."""
    old = attributes.layouts
    used = np.flatnonzero(np.bincount(attributes.layout[mine], minlength=len(old)))
    keys = [*old.keys, *sorted({key for key in words.values() if not old.has(key)})]
    code_of = {key: code for code, key in enumerate(keys)}
    counts = np.diff(old.bounds)[used]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    codes = old.codes[np.arange(starts[-1]) + np.repeat(old.bounds[used] - starts[:-1], counts)]
    layout = np.repeat(np.arange(len(used)), counts)
    for word, key in words.items():
        taken = _having(codes, layout, code_of[key], len(used))
        codes = np.where((codes == code_of[word]) & ~taken[layout], np.int32(code_of[key]), codes)
    number = np.zeros(len(old), np.int64)
    number[used] = len(old) + np.arange(len(used))
    layouts = Layouts(
        keys,
        np.concatenate([old.codes, codes.astype(np.int32)]),
        np.concatenate([old.bounds, old.bounds[-1] + starts[1:]]),
        np.concatenate([old.layout, len(old) + layout]),
    )
    chosen = np.where(mine, number[attributes.layout], attributes.layout)
    return replace(attributes, layouts=layouts, layout=chosen)


def _having(codes: Places, layout: Places, code: int, layouts: int) -> npt.NDArray[np.bool_]:
    """Which layouts have a key."""
    has = np.zeros(layouts, bool)
    has[layout[codes == code]] = True
    return has
