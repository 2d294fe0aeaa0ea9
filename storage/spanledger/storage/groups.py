"""Groups: which records are the same call.

Records that share a name, or of which one tells of the other's span, belong together, through any chain of them. A
record without any name is put to one of another emitter that used the same tokens, in the same trace, session or
process, the one while the other: one to one, so that two equal calls side by side stay two. The answer depends on the
set of records alone, not on the order in which they came.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.storage.aliases import NONE, Aliases
from spanledger.storage.schema import Batch, Hashes, Mask, Rows

PROCESS: Final = ("service_name", "instance_id", "host_name", "k8s_pod")
"""What two records of one process have in common, said or unsaid."""

DISJOINT_US: Final = 1_000_000
"""Calls this far apart do not overlap, whatever their emitters' clocks."""

SLACK_US: Final = {"trace": 100_000, "session": 5_000_000, "process": 100_000}
"""By how much one of two records of a call may reach out of the other. Within a session, one may be a line in a log,
written when the last block of a slow stream was done."""


_VERSION: Final = re.compile(r"[-@:]?(20\d{2}-?\d{2}-?\d{2}|latest|v\d+(:\d+)?)$")


@dataclass(frozen=True)
class Groups:
    """`labels[i]` is the group of record i (the lowest record in it); `constant` are names that name no call."""

    labels: Rows
    constant: Hashes


def grouped(records: Batch, aliases: Aliases, constant: Hashes) -> Groups:
    """Sort records into calls. No two records are the same record; `constant` names are known to name no call."""
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
        labels = _with_nameless(records, aliases, labels)
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


def _with_nameless(records: Batch, aliases: Aliases, labels: Rows) -> Rows:
    """Join groups without a name to groups of the same fingerprint, best matches first."""
    rows = np.flatnonzero(aliases.fingerprint)
    order = rows[np.lexsort((aliases.record[rows], aliases.started[rows], aliases.fingerprint[rows]))]
    prints = aliases.fingerprint[order]
    starts = np.flatnonzero(np.concatenate([[True], prints[1:] != prints[:-1]]))
    nameless = _all_of(aliases.anonymous, labels)
    clusters = [
        cluster
        for cluster in np.split(order, starts[1:])
        if len(cluster) > 1 and nameless[labels[cluster]].any() and len(np.unique(labels[cluster])) > 1
    ]
    if not clusters:
        return labels
    told = _Told.of(records, aliases)
    parent = {int(label): int(label) for label in np.unique(labels)}

    def root(label: int) -> int:
        while parent[label] != label:
            parent[label] = parent[parent[label]]
            label = parent[label]
        return label

    emitters: dict[int, set[str]] = {}
    sessions: dict[int, set[str]] = {}
    for row, label in enumerate(labels.tolist()):
        emitters.setdefault(label, set()).add(told.dialect[row])
        session = told.session[row]
        if session:
            sessions.setdefault(label, set()).add(session)
    named = {int(label) for label in np.unique(labels) if not nameless[label]}
    pairs = sorted(pair for cluster in clusters for pair in told.pairs(cluster.tolist()))
    for *_, left, right in pairs:
        one, other = root(int(labels[left])), root(int(labels[right]))
        if one == other or (one in named and other in named) or emitters[one] & emitters[other]:
            continue
        if sessions.get(one) and sessions.get(other) and not sessions[one] & sessions[other]:
            continue
        low, high = min(one, other), max(one, other)
        parent[high] = low
        emitters[low] |= emitters[high]
        sessions.setdefault(low, set()).update(sessions.get(high, ()))
        if high in named:
            named.add(low)
    return np.array([root(int(label)) for label in labels], np.int64)


def _all_of(mask: Mask, labels: Rows) -> Mask:
    """For each label (a position) whether `mask` holds for all of its records."""
    result = np.ones(len(mask), bool)
    np.logical_and.at(result, labels, mask)
    return result


@dataclass(frozen=True)
class _Told:
    """What decides whether two records without a common name may be one call, as lists by record."""

    aliases: Aliases
    dialect: list[str]
    session: list[str | None]
    trace: list[str | None]
    span: list[str | None]
    parent: list[str | None]
    process: list[tuple[str | None, ...]]
    models: list[frozenset[str]]

    @classmethod
    def of(cls, records: Batch, aliases: Aliases) -> "_Told":
        def texts(name: str) -> list[Any]:
            return list(records.column(name).cast(pa.string()).to_pylist())

        models = [
            frozenset(family(name) for name in names if name)
            for names in zip(texts("request_model"), texts("response_model"), strict=True)
        ]
        return cls(
            aliases=aliases,
            dialect=[name or "" for name in texts("dialect")],
            session=texts("session_id"),
            trace=texts("trace_id"),
            span=texts("span_id"),
            parent=texts("parent_span_id"),
            process=list(zip(*(texts(name) for name in PROCESS), strict=True)),
            models=models,
        )

    def pairs(self, cluster: list[int]) -> list[tuple[int, int, int, int, int, int]]:
        """The pairs that may be one call, as tuples that sort best first and end in the two records."""
        found = []
        for place, left in enumerate(cluster):
            for right in cluster[place + 1 :]:
                if self.aliases.started[right] > self.aliases.ended[left] + max(SLACK_US.values()):
                    break  # the cluster is in order of time: nothing later meets this one
                scope = self._scope(left, right)
                if scope is not None and self._one_while_the_other(left, right, SLACK_US[scope]):
                    found.append(self._ranked(left, right, scope))
        return found

    def _scope(self, left: int, right: int) -> str | None:
        if self.dialect[left] == self.dialect[right] or not self._same_model(left, right):
            return None
        if self.trace[left] and self.trace[left] == self.trace[right]:
            return "trace"
        if self.session[left] and self.session[right]:
            return "session" if self.session[left] == self.session[right] else None
        return "process" if any(self.process[left]) and self.process[left] == self.process[right] else None

    def _same_model(self, left: int, right: int) -> bool:
        one, other = self.models[left], self.models[right]
        return not one or not other or bool(one & other)

    def _one_while_the_other(self, left: int, right: int, slack_us: int) -> bool:
        started, ended = self.aliases.started, self.aliases.ended
        inside = started[right] >= started[left] - slack_us and ended[right] <= ended[left] + slack_us
        around = started[left] >= started[right] - slack_us and ended[left] <= ended[right] + slack_us
        return bool(inside or around)

    def _ranked(self, left: int, right: int, scope: str) -> tuple[int, int, int, int, int, int]:
        kin = self.parent[left] == self.span[right] or self.parent[right] == self.span[left]
        started, ended = self.aliases.started, self.aliases.ended
        distance = int(abs(started[left] - started[right]) + abs(ended[left] - ended[right]))
        low, high = sorted(int(self.aliases.record[row]) for row in (left, right))
        first = 0 if scope == "trace" and kin else 1 + list(SLACK_US).index(scope)
        return (first, distance, low, high, left, right)


def family(model: str) -> str:
    """A model's name without what its vendor or a route adds: gpt-5-mini and openai/gpt-5-mini-2025-08-07 are one."""
    return _VERSION.sub("", model.lower().rsplit("/", 1)[-1])


def _counts(records: Batch, name: str) -> npt.NDArray[np.int64]:
    return np.asarray(records.column(name).fill_null(-1).to_numpy())
