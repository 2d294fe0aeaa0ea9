"""Nameless: records without any name are put to the call that they most likely tell of.

To one of another emitter that used the same tokens, in the same trace, session or process, the one while the other: one
to one, the best match first, so that two equal calls side by side stay two, and one emitter's records are never one
call however alike they are. They name the same model, but for calls of one trace that used nothing: a gateway that
refuses one may know the model by another name than who asked for it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np
import pyarrow as pa

from spanledger.storage.aliases import NONE, Aliases
from spanledger.storage.schema import Batch, Mask, Rows, Times

PROCESS: Final = ("service_name", "instance_id", "host_name", "k8s_pod")
"""What two records of one process have in common, said or unsaid."""

SLACK_US: Final = {"trace": 100_000, "session": 2_000_000, "process": 100_000}
"""By how much one of two records of a call may reach out of the other. Within a session, one may be a line in a log,
written when the last block of a slow stream was done."""

_SLACKS: Final = np.array([*SLACK_US.values(), 0])
_TRACE, _SESSION, _PROCESS = range(3)
_SPANS: Final = ("span_id", "parent_span_id")
_MODELS: Final = ("request_model", "response_model")
_COUNTS: Final = ("input_tokens", "output_tokens")
READ: Final = ("dialect", "session_id", "trace_id", *_SPANS, *PROCESS, *_MODELS, *_COUNTS)
"""The columns that decide, those of aliases aside."""

LOOKED_AT_MAX: Final = 64
"""With how many of those that follow it in time a record of a cluster is compared: a flood of equal calls is no reason
to compare each with every other."""

_VERSION: Final = re.compile(r"[-@:]?(20\d{2}-?\d{2}-?\d{2}|latest|v\d+(:\d+)?)$")

_UNSAID: Final = -1


def with_nameless(records: Batch, aliases: Aliases, labels: Rows) -> Rows:
    """Join groups without a name to groups of the same fingerprint; `labels[i]` is the group of record i."""
    nameless = np.ones(len(labels), bool)
    np.logical_and.at(nameless, labels, aliases.anonymous)
    rows, ends = _clusters(records, aliases, labels, nameless)
    if not len(rows):
        return labels
    told = _Told.of(records.select(READ).take(pa.array(rows)), aliases.take(rows))
    left, right = told.pairs(ends)
    if not len(left):
        return labels
    ours = labels[rows]
    paired = np.flatnonzero(np.isin(ours, ours[np.concatenate([left, right])]))
    joining = _Joining(told, ours, nameless, paired)
    for one, other in zip(ours[left].tolist(), ours[right].tolist(), strict=True):
        joining.join(one, other)
    return joining.roots(len(labels))[labels]


def _clusters(records: Batch, aliases: Aliases, labels: Rows, nameless: Mask) -> tuple[Rows, Rows]:
    """Records of one fingerprint, in order of time, where different emitters tell of what may be one call.

    One cluster after the other; with each record the place at which its cluster ends.
    """
    rows = np.flatnonzero(aliases.fingerprint != NONE)
    if not len(rows):
        return rows, rows
    order = rows[np.lexsort((aliases.record[rows], aliases.started[rows], aliases.fingerprint[rows]))]
    prints = aliases.fingerprint[order]
    starts = np.flatnonzero(np.concatenate([[True], prints[1:] != prints[:-1]]))
    sizes = np.diff(starts, append=len(order))
    promising = np.logical_or.reduceat(nameless[labels[order]], starts)
    for what in (labels, _codes([records.column("dialect")])[0]):
        promising &= np.minimum.reduceat(what[order], starts) != np.maximum.reduceat(what[order], starts)
    kept = sizes[promising]
    return order[np.repeat(promising, sizes)], np.repeat(np.cumsum(kept), kept)


class _Joining:
    """Groups on their way to calls: which were joined, and what each holds by now."""

    def __init__(self, told: "_Told", labels: Rows, nameless: Mask, rows: Rows) -> None:
        self._parent: dict[int, int] = {}
        self._named = {label for label in np.unique(labels[rows]).tolist() if not nameless[label]}
        self._emitters: dict[int, set[int]] = {}
        self._sessions: dict[int, set[int]] = {}
        columns = (labels[rows], told.dialect[rows], told.session[rows])
        for label, dialect, session in zip(*(column.tolist() for column in columns), strict=True):
            self._emitters.setdefault(label, set()).add(dialect)
            if session != _UNSAID:
                self._sessions.setdefault(label, set()).add(session)

    def root(self, label: int) -> int:
        """The group that a group has become part of."""
        while label in self._parent:
            label = self._parent[label]
        return label

    def roots(self, labels: int) -> Rows:
        """For each label the group that it has become part of."""
        roots = np.arange(labels)
        roots[list(self._parent)] = [self.root(label) for label in self._parent]
        return roots

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
    """What decides whether two records may be one call, by record: texts as codes, _UNSAID where one says nothing."""

    aliases: Aliases
    dialect: Rows
    session: Rows
    trace: Rows
    span: Rows
    parent: Rows
    process: tuple[Rows, ...]
    models: tuple[Rows, Rows]
    used: Mask

    @classmethod
    def of(cls, records: Batch, aliases: Aliases) -> "_Told":
        """What the records say, which have the columns of READ."""
        (dialect,), (session,), (trace,) = (_codes([records.column(name)]) for name in READ[:3])
        span, parent = _codes([records.column(name) for name in _SPANS])
        process = tuple(_codes([records.column(name)])[0] for name in PROCESS)
        asked, answered = _codes([records.column(name) for name in _MODELS], family)
        used = np.logical_or(*(records.column(name).is_valid().to_numpy() for name in _COUNTS))
        return cls(aliases, dialect, session, trace, span, parent, process, (asked, answered), used)

    def pairs(self, ends: Rows) -> tuple[Rows, Rows]:
        """The pairs within clusters that may be one call, the best match first: the earlier record, and the other.

        The best name one model, of equals the closest kin, then the closest in time, then the least record hashes.
        """
        left, right = (np.concatenate(side) for side in zip(*self._near_pairs(ends), strict=True))
        same_model, scope = self._same_model(left, right), self._scopes(left, right)
        may_be = (self.dialect[left] != self.dialect[right]) & (scope != _UNSAID)
        may_be &= same_model | ((scope == _TRACE) & ~self.used[left])
        may_be &= self._one_while_the_other(left, right, _SLACKS[scope])
        left, right, scope, same_model = (column[may_be] for column in (left, right, scope, same_model))
        record, started, ended = self.aliases.record, self.aliases.started, self.aliases.ended
        kin = (scope == _TRACE) & (self._beneath(left, right) | self._beneath(right, left))
        distance = np.abs(started[left] - started[right]) + np.abs(ended[left] - ended[right])
        low, high = np.minimum(record[left], record[right]), np.maximum(record[left], record[right])
        order = np.lexsort((high, low, distance, scope, ~kin, ~same_model))
        return left[order], right[order]

    def _near_pairs(self, ends: Rows) -> Iterator[tuple[Rows, Rows]]:
        """Each record with the next one of its cluster, then with the one after, for as long as they are near."""
        reach = self.aliases.ended + _SLACKS.max()
        left = np.arange(len(ends))
        yield left[:0], left[:0]
        for apart in range(1, LOOKED_AT_MAX + 1):
            left = left[left + apart < ends[left]]
            left = left[self.aliases.started[left + apart] <= reach[left]]
            if not len(left):
                return
            yield left, left + apart

    def _scopes(self, left: Rows, right: Rows) -> Rows:
        """What two records have in common, as a place in SLACK_US; _UNSAID for nothing."""
        sessions = (self.session[left] != _UNSAID) & (self.session[right] != _UNSAID)
        one_session = np.where(self.session[left] == self.session[right], _SESSION, _UNSAID)
        one_process = np.where(self._same_process(left, right), _PROCESS, _UNSAID)
        return np.where(_same(self.trace, left, right), _TRACE, np.where(sessions, one_session, one_process))

    def _same_process(self, left: Rows, right: Rows) -> Mask:
        """Something in common and nothing that differs: Codex names its host in events, and not in spans."""
        some, differs = np.zeros(len(left), bool), np.zeros(len(left), bool)
        for codes in self.process:
            known = (codes[left] != _UNSAID) & (codes[right] != _UNSAID)
            some |= known
            differs |= known & (codes[left] != codes[right])
        return some & ~differs

    def _same_model(self, left: Rows, right: Rows) -> Mask:
        """Whether they name a model in common, or one of them none."""
        same = np.zeros(len(left), bool)
        for side in (left, right):
            same |= (self.models[0][side] == _UNSAID) & (self.models[1][side] == _UNSAID)
        for ours, theirs in product(self.models, repeat=2):
            same |= (ours[left] != _UNSAID) & (ours[left] == theirs[right])
        return same

    def _one_while_the_other(self, left: Rows, right: Rows, slack_us: Times) -> Mask:
        started, ended = self.aliases.started, self.aliases.ended
        inside = (started[right] >= started[left] - slack_us) & (ended[right] <= ended[left] + slack_us)
        around = (started[left] >= started[right] - slack_us) & (ended[left] <= ended[right] + slack_us)
        return np.asarray(inside | around)

    def _beneath(self, child: Rows, parent: Rows) -> Mask:
        return np.asarray((self.parent[child] != _UNSAID) & (self.parent[child] == self.span[parent]))


def _same(codes: Rows, left: Rows, right: Rows) -> Mask:
    return np.asarray((codes[left] != _UNSAID) & (codes[left] == codes[right]))


def _codes(columns: Sequence[pa.ChunkedArray], known_as: Callable[[str], str] = str) -> list[Rows]:
    """The texts of columns as numbers, equal where `known_as` makes them equal; _UNSAID for NULL and empty ones."""
    numbers: dict[str, int] = {"": _UNSAID}
    coded = []
    for column in columns:
        labels = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        labels = labels.unify_dictionaries().combine_chunks()
        names = [numbers.setdefault(known_as(name), len(numbers)) for name in labels.dictionary.to_pylist()]
        codes = labels.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        coded.append(np.array([*names, _UNSAID])[codes])
    return coded


@lru_cache(maxsize=4096)
def family(model: str) -> str:
    """A model's name without what its vendor or a route adds: gpt-5-mini and openai/gpt-5-mini-2025-08-07 are one."""
    return _VERSION.sub("", model.lower().rsplit("/", 1)[-1])
