"""Nameless: records without any name are put to the call that they most likely tell of.

To one of another emitter that used the same tokens, in the same trace, session or process, the one while the other: one
to one, the best match first, so that two equal calls side by side stay two, and one emitter's records are never one
call however alike they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from spanledger.storage.aliases import NONE, Aliases
from spanledger.storage.schema import Batch, Mask, Rows

PROCESS: Final = ("service_name", "instance_id", "host_name", "k8s_pod")
"""What two records of one process have in common, said or unsaid."""

SLACK_US: Final = {"trace": 100_000, "session": 2_000_000, "process": 100_000}
"""By how much one of two records of a call may reach out of the other. Within a session, one may be a line in a log,
written when the last block of a slow stream was done."""

LOOKED_AT_MAX: Final = 64
"""With how many of those that follow it in time a record of a cluster is compared: a flood of equal calls is no reason
to compare each with every other."""

_VERSION: Final = re.compile(r"[-@:]?(20\d{2}-?\d{2}-?\d{2}|latest|v\d+(:\d+)?)$")

_Pair: TypeAlias = tuple[int, int, int, int, int, int]
"""Sorts the best match first (kind of kinship, distance in time, the two record hashes) and ends in the records."""


def with_nameless(records: Batch, aliases: Aliases, labels: Rows) -> Rows:
    """Join groups without a name to groups of the same fingerprint; `labels[i]` is the group of record i."""
    nameless = np.ones(len(labels), bool)
    np.logical_and.at(nameless, labels, aliases.anonymous)
    clusters = list(_clusters(records, aliases, labels, nameless))
    if not clusters:
        return labels
    told = _Told.of(records, aliases)
    pairs = sorted(pair for cluster in clusters for pair in told.pairs(cluster.tolist()))
    if not pairs:
        return labels
    paired = {int(label) for pair in pairs for label in labels[list(pair[-2:])]}
    joining = _Joining(told, labels, nameless, np.flatnonzero(np.isin(labels, list(paired))))
    for *_, left, right in pairs:
        joining.join(int(labels[left]), int(labels[right]))
    return np.array([joining.root(label) for label in labels.tolist()], np.int64)


def _clusters(records: Batch, aliases: Aliases, labels: Rows, nameless: Mask) -> Iterator[Rows]:
    """Records of one fingerprint, in order of time, where different emitters tell of what may be one call."""
    rows = np.flatnonzero(aliases.fingerprint != NONE)
    if not len(rows):
        return
    order = rows[np.lexsort((aliases.record[rows], aliases.started[rows], aliases.fingerprint[rows]))]
    prints = aliases.fingerprint[order]
    starts = np.flatnonzero(np.concatenate([[True], prints[1:] != prints[:-1]]))
    ends = np.append(starts[1:], len(order))
    speakers = records.column("dialect").unify_dictionaries().combine_chunks().indices.fill_null(-1)
    promising = np.logical_or.reduceat(nameless[labels[order]], starts)
    for what in (labels[order], speakers.to_numpy(zero_copy_only=False)[order]):
        promising &= np.minimum.reduceat(what, starts) != np.maximum.reduceat(what, starts)
    for place in np.flatnonzero(promising):
        yield order[starts[place] : ends[place]]


class _Joining:
    """Groups on their way to calls: which were joined, and what each holds by now."""

    def __init__(self, told: "_Told", labels: Rows, nameless: Mask, rows: Rows) -> None:
        self._parent: dict[int, int] = {}
        self._named = {label for label in np.unique(labels[rows]).tolist() if not nameless[label]}
        self._emitters: dict[int, set[str]] = {}
        self._sessions: dict[int, set[str]] = {}
        for row, label in zip(rows.tolist(), labels[rows].tolist(), strict=True):
            self._emitters.setdefault(label, set()).add(told.dialect[row])
            session = told.session[row]
            if session:
                self._sessions.setdefault(label, set()).add(session)

    def root(self, label: int) -> int:
        """The group that a group has become part of."""
        while label in self._parent:
            label = self._parent[label]
        return label

    def join(self, left: int, right: int) -> None:
        """Make two groups one, unless that contradicts what they hold by now."""
        one, other = sorted((self.root(left), self.root(right)))
        if one == other or {one, other} <= self._named or self._emitters[one] & self._emitters[other]:
            return
        ours, theirs = self._sessions.get(one, set()), self._sessions.get(other, set())
        if ours and theirs and not ours & theirs:
            return
        self._parent[other] = one
        self._emitters[one] |= self._emitters[other]
        self._sessions[one] = ours | theirs
        if other in self._named:
            self._named.add(one)


@dataclass(frozen=True)
class _Told:
    """What decides whether two records may be one call, as lists by record."""

    aliases: Aliases
    dialect: list[str]
    session: list[str | None]
    trace: list[str | None]
    span: list[str | None]
    parent: list[str | None]
    process: list[tuple[str | None, ...]]
    request_model: list[str | None]
    response_model: list[str | None]

    @classmethod
    def of(cls, records: Batch, aliases: Aliases) -> "_Told":
        def texts(name: str) -> list[Any]:
            return list(records.column(name).cast(pa.string()).to_pylist())

        return cls(
            aliases=aliases,
            dialect=[name or "" for name in texts("dialect")],
            session=texts("session_id"),
            trace=texts("trace_id"),
            span=texts("span_id"),
            parent=texts("parent_span_id"),
            process=list(zip(*(texts(name) for name in PROCESS), strict=True)),
            request_model=texts("request_model"),
            response_model=texts("response_model"),
        )

    def pairs(self, cluster: list[int]) -> Iterator[_Pair]:
        """The pairs of a cluster, which is in order of time, that may be one call."""
        for place, left in enumerate(cluster):
            reach = int(self.aliases.ended[left]) + max(SLACK_US.values())
            for right in cluster[place + 1 : place + 1 + LOOKED_AT_MAX]:
                if self.aliases.started[right] > reach:
                    break
                scope = self._scope(left, right)
                if scope is not None and self._one_while_the_other(left, right, SLACK_US[scope]):
                    yield self._ranked(left, right, scope)

    def _scope(self, left: int, right: int) -> str | None:
        if self.dialect[left] == self.dialect[right] or not self._same_model(left, right):
            return None
        if self.trace[left] and self.trace[left] == self.trace[right]:
            return "trace"
        if self.session[left] and self.session[right]:
            return "session" if self.session[left] == self.session[right] else None
        return "process" if self._same_process(left, right) else None

    def _same_process(self, left: int, right: int) -> bool:
        """Something in common and nothing that differs: Codex names its host in events, and not in spans."""
        known = [
            (one, other) for one, other in zip(self.process[left], self.process[right], strict=True) if one and other
        ]
        return bool(known) and all(one == other for one, other in known)

    def _same_model(self, left: int, right: int) -> bool:
        one, other = self._models(left), self._models(right)
        return not one or not other or bool(one & other)

    def _models(self, row: int) -> set[str]:
        return {family(name) for name in (self.request_model[row], self.response_model[row]) if name}

    def _one_while_the_other(self, left: int, right: int, slack_us: int) -> bool:
        started, ended = self.aliases.started, self.aliases.ended
        inside = started[right] >= started[left] - slack_us and ended[right] <= ended[left] + slack_us
        around = started[left] >= started[right] - slack_us and ended[left] <= ended[right] + slack_us
        return bool(inside or around)

    def _ranked(self, left: int, right: int, scope: str) -> _Pair:
        kin = self.parent[left] == self.span[right] or self.parent[right] == self.span[left]
        started, ended = self.aliases.started, self.aliases.ended
        distance = int(abs(started[left] - started[right]) + abs(ended[left] - ended[right]))
        low, high = sorted(int(self.aliases.record[row]) for row in (left, right))
        first = 0 if scope == "trace" and kin else 1 + list(SLACK_US).index(scope)
        return (first, distance, low, high, left, right)


@lru_cache(maxsize=4096)
def family(model: str) -> str:
    """A model's name without what its vendor or a route adds: gpt-5-mini and openai/gpt-5-mini-2025-08-07 are one."""
    return _VERSION.sub("", model.lower().rsplit("/", 1)[-1])
