"""Groups: which records are the same call. Records that share any alias belong together, through any chain of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]


def connected(nodes: int, memberships: Sequence[npt.NDArray[Any]]) -> Labels:
    """Label `nodes` so that two carry the same label exactly when a chain of shared names connects them.

    Each membership is a pair of columns (node, name) as a structured view of shape (pairs, 2): a node may have several
    names and a name several nodes. The label of a group is its lowest node.
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


def most_complete(span: npt.NDArray[np.uint64], completeness: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Of records of the same span keep one, whole: the greatest `completeness` (columns, first counts most)."""
    order = np.lexsort((*completeness.T[::-1], span))
    last = np.ones(len(span), bool)
    last[:-1] = span[order][1:] != span[order][:-1]
    kept = np.zeros(len(span), bool)
    kept[order[last]] = True
    return kept
