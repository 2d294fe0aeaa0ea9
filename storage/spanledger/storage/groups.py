"""Groups: which records are the same call.

Records that share a name, or of which one tells of the other's span, belong together, through any chain of them; those
without a name are put to them by `nameless`. The answer depends on the set of records alone, not on the order in which
they came.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from spanledger.storage import nameless
from spanledger.storage.aliases import ALIAS_COLUMNS, NONE, Aliases
from spanledger.storage.schema import Batch, Hashes, Mask, Rows

READ: Final = tuple(dict.fromkeys((*ALIAS_COLUMNS, *nameless.READ)))
"""The columns that decide which records are the same call."""

DISJOINT_US: Final = 1_000_000
"""Calls this far apart do not overlap, whatever their emitters' clocks."""


@dataclass(frozen=True)
class Groups:
    """`labels[i]` is the group of record i (the lowest record in it); `constant` are names that name no call."""

    labels: Rows
    constant: Hashes


def grouped(records: Batch, aliases: Aliases, constant: Hashes) -> Groups:
    """Sort records into calls. No two records are the same record; `constant` names are known to name no call.

    `records` have at least the columns of READ.
    """
    constant = np.union1d(constant, _constant_names(records, aliases))
    nodes = np.arange(len(aliases))
    links = [np.column_stack([nodes.astype(np.uint64), aliases.record])]
    told = np.flatnonzero(aliases.context)
    links[0] = np.concatenate([links[0], np.column_stack([told.astype(np.uint64), aliases.context[told]])])
    named = []
    for names in (aliases.response, aliases.request):
        said = np.flatnonzero((names != NONE) & ~np.isin(names, constant))
        named.append(np.column_stack([said.astype(np.uint64), names[said]]))
    links.append(np.concatenate(named))
    labels = connected(len(aliases), links)
    if aliases.anonymous.any():
        labels = nameless.with_nameless(records, aliases, labels)
    return Groups(labels, constant)


def connected(nodes: int, memberships: Sequence[npt.NDArray[Any]]) -> Rows:
    """Label `nodes` so that two carry the same label exactly when a chain of shared names connects them.

    Each membership is a pair of columns (node, name) as an array of shape (pairs, 2): a node may have several names and
    a name several nodes. The label of a group is its lowest node.
    """
    labels = np.arange(nodes)
    joined = [
        (pairs[:, 0].astype(np.int64), np.unique(pairs[:, 1], return_inverse=True)[1])
        for pairs in memberships
        if len(pairs)
    ]
    while True:
        before = labels.copy()
        for node, name in joined:
            lowest = np.full(name.max() + 1, nodes)
            np.minimum.at(lowest, name, labels[node])
            np.minimum.at(labels, node, lowest[name])
        labels = labels[labels]
        if np.array_equal(labels, before):
            return labels


def most_complete(record: Hashes, completeness: npt.NDArray[np.int64]) -> Mask:
    """Of versions of the same record keep one, whole: the greatest `completeness` (columns, first counts most)."""
    order = np.lexsort((*completeness.T[::-1], record))
    last = np.ones(len(record), bool)
    last[:-1] = record[order][1:] != record[order][:-1]
    kept = np.zeros(len(record), bool)
    kept[order[last]] = True
    return kept


def _constant_names(records: Batch, aliases: Aliases) -> Hashes:
    """Names under which calls of different usage at different times are told of: a gateway's word for every call.

    Each record is held against the first of its name: input and output both differ, and the times do not meet.
    """
    names = np.concatenate([aliases.response, aliases.request])
    rows = np.tile(np.arange(len(aliases)), 2)[names != NONE]
    names = names[names != NONE]
    usage = [_counts(records, column) for column in ("input_tokens", "output_tokens")]
    known = (usage[0][rows] >= 0) & (usage[1][rows] >= 0)
    names, rows = np.asarray(names[known], np.uint64), rows[known]
    if not len(names):
        return names
    order = np.lexsort((aliases.record[rows], aliases.started[rows], names))
    names, rows = names[order], rows[order]
    starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
    first = rows[np.repeat(starts, np.diff(np.append(starts, len(names))))]
    differs = np.ones(len(rows), bool)
    for counts in usage:
        differs &= counts[rows] != counts[first]
    apart = aliases.started[rows] > aliases.ended[first] + DISJOINT_US
    return np.asarray(np.unique(names[differs & apart]))


def _counts(records: Batch, name: str) -> npt.NDArray[np.int64]:
    return np.asarray(records.column(name).fill_null(-1).to_numpy())
