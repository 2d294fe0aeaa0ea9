"""Merge: a batch of records becomes rows of the ledger, each call once.

Nearly every record is new and is told so from memory; only the others are looked up, and only those that meet another
record of their call are folded. What is found decides what is written: `plan` only reads and does all that needs the
interpreter, `write` (see `writing`) runs in the transaction and hardly needs it, so that the next batch can be planned
meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.storage.aliases import Aliases, as_complete
from spanledger.storage.fold import fold
from spanledger.storage.groups import READ, grouped, most_complete
from spanledger.storage.lookup import FEW, NEAR_US, Lookup
from spanledger.storage.remembered import Concern, Remembered
from spanledger.storage.schema import Batch, Hashes, Mask, Ranks, Rows, Step
from spanledger.storage.sought import Sought
from spanledger.storage.windows import windows
from spanledger.storage.writing import Added, Removed


@dataclass(frozen=True)
class Plan:
    """What a batch of records will change.

    `calls` is how many the ledger has more than before; `repeated` counts the records that were there already, `joined`
    those that tell of a call with others; `constant` are names that turned out to name no call.
    """

    added: Sequence[Added] = ()
    removed: Sequence[Removed] = ()
    calls: int = 0
    repeated: int = 0
    joined: int = 0
    constant: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))


def plan(lookup: Lookup, batch: Batch, remembered: Remembered, constant: Hashes, ranks: Ranks, price: Step) -> Plan:
    """Decide what becomes of each record of `batch`, and remember what will be added.

    `price` is run on the rows that will be written, and only those. `constant` are names that name no call.
    """
    batch = _without(batch, constant)
    aliases = Aliases.of(batch)
    concern = remembered.may_concern(aliases)
    suspects = np.flatnonzero(aliases.shared() | concern.any)
    if not len(suspects):
        remembered.remember(aliases)
        planned = price(batch) if batch.num_rows else batch
        remembered.recent.add([planned])
        return Plan([Added.of("call_facts", planned)], calls=planned.num_rows) if planned.num_rows else Plan()
    return _Planning(lookup, batch, aliases, remembered, constant, ranks, price).plan(suspects, concern)


def _without(batch: Batch, constant: Hashes) -> Batch:
    """The batch without names that name no call: such records go by themselves, and say so in their flags."""
    odd = Aliases.of(batch).any_name_in(constant) if len(constant) else None
    if odd is None or not odd.any():
        return batch
    rows, _ = fold(batch.filter(pa.array(odd)), np.arange(int(odd.sum())), Ranks({}), constant=constant)
    for name in ("response_hash", "request_hash"):
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(
            at,
            rows.schema.field(at),
            pc.if_else(pc.is_in(rows.column(name), pa.array(constant)), None, rows.column(name)),
        )
    order = np.argsort(np.concatenate([np.flatnonzero(~odd), np.flatnonzero(odd)]), kind="stable")
    return _together(batch.filter(pa.array(~odd)), rows).take(pa.array(order)).combine_chunks()


class _Planning:
    """One plan in the making, for a batch in which some records may have to do with others."""

    def __init__(
        self,
        lookup: Lookup,
        batch: Batch,
        aliases: Aliases,
        remembered: Remembered,
        constant: Hashes,
        ranks: Ranks,
        price: Step,
    ) -> None:
        self._lookup = lookup
        self._batch = batch
        self._aliases = aliases
        self._constant = constant
        self._remembered = remembered
        self._ranks = ranks
        self._price = price

    def plan(self, suspects: Rows, concern: Concern) -> Plan:
        aliases = self._aliases
        fresh = np.ones(len(aliases), bool)
        fresh[suspects] = False
        kept = suspects[most_complete(aliases.record[suspects], aliases.completeness[suspects])]
        self._look_up(kept, concern)

        stored = self._lookup.records
        superseded, repeated = _versions(aliases.take(kept), Aliases.of(stored))
        kept, stays = kept[~repeated], np.flatnonzero(~superseded)
        # All columns are copied only of those that turn out to meet others.
        records = _together(self._batch.select(READ).take(pa.array(kept)), stored.select(READ).take(pa.array(stays)))
        told = Aliases.of(records)
        groups = grouped(records, told, self._constant)

        came_with = np.concatenate([np.zeros(len(kept), np.uint64), _call_ids(stored)[stays]])
        unnamed = np.setdiff1d(groups.constant, self._constant)
        lost = superseded | Aliases.of(stored).any_name_in(unnamed)
        touched, replaced = _touched(groups.labels, came_with, _call_ids(stored)[lost])
        alone = np.bincount(groups.labels, minlength=len(told))[groups.labels] == 1
        simply_new = touched & alone & ~told.any_name_in(groups.constant)
        simply_new[len(kept) :] = False
        fresh[kept[simply_new[: len(kept)]]] = True
        met = np.flatnonzero(touched & ~simply_new)

        new = self._batch.filter(pa.array(fresh)) if not fresh.all() else self._batch
        ours = met[met < len(kept)]
        theirs = stays[met[len(ours) :] - len(kept)]
        meeting = _together(self._batch.take(pa.array(kept[ours])), stored.take(pa.array(theirs)))
        folded, group_of = fold(meeting, groups.labels[met], self._ranks, constant=groups.constant)
        written = self._price(_together(new, folded))
        observations = _observations(meeting, groups.labels[met], folded, group_of)
        self._remembered.remember(aliases.take(np.flatnonzero(fresh)))
        self._remembered.remember(told.take(ours))
        whole = written.slice(new.num_rows).filter(pc.equal(written.slice(new.num_rows).column("revision"), 0))
        self._remembered.recent.add([written.slice(0, new.num_rows), _together(whole, observations)], replaced)
        tables = {"call_facts": written, "observation_facts": observations}
        return Plan(
            added=[Added.of(table, rows) for table, rows in tables.items() if rows.num_rows],
            removed=_removed(stored, replaced, self._lookup.windows_max),
            calls=written.num_rows - len(replaced),
            repeated=len(suspects) - len(kept),
            joined=len(ours),
            constant=unnamed,
        )

    def _look_up(self, kept: Rows, concern: Concern) -> None:
        """Find the records that the kept ones may have to do with: in memory, near in time, then further away."""
        sought = Sought.of(self._aliases, concern, kept[concern.any[kept]])
        if not len(sought):
            return
        lookup, recent = self._lookup, self._remembered.recent
        lookup.take(recent.calls_of(np.concatenate([recent.named(sought.hashes), concern.recent])))
        sought = sought.not_in(lookup.records)
        lookup.alike(sought.alike)
        lookup.near(sought.hashes, sought.aliases.started)
        far = sought.further(lookup.records)
        for look in (lookup.within_seconds, lookup.within_minutes):
            if len(far) > FEW:  # a few are looked for in the widest window at once
                look(far.hashes, far.aliases.started)
                far = far.further(lookup.records)
        lookup.within_hours(far.hashes, far.aliases.started)
        far = far.further(lookup.records)
        lookup.arrived_within_hours(far.hashes, far.aliases.ingested)
        self._look_up_neighbours()
        if len(lookup.records):  # no false hit of a filter
            recent.want()

    def _look_up_neighbours(self) -> None:
        """What was found may itself be matched by likeness with other stored calls, which must be weighed again."""
        lookup, recent = self._lookup, self._remembered.recent
        weighed = 0
        while len(lookup.records) > weighed:
            told = Aliases.of(lookup.records).take(np.arange(weighed, len(lookup.records)))
            weighed = len(lookup.records)
            concern = self._remembered.by_likeness(told)
            lookup.take(recent.calls_of(concern.recent))
            lookup.alike(told.take(np.flatnonzero(concern.in_ledger)))


def _versions(arrived: Aliases, stored: Aliases) -> tuple[Mask, Mask]:
    """Where the same record is on both sides: stored ones that say less, and arrived ones that say no more."""
    repeated = as_complete(arrived.record, arrived.completeness, stored.record, stored.completeness)
    superseded = np.isin(stored.record, arrived.record[~repeated])
    return superseded, repeated


def _touched(labels: Rows, came_with: Hashes, lost: Hashes) -> tuple[Mask, Hashes]:
    """Which records are in a group that is not what the ledger has, and the stored calls that are to be replaced.

    `came_with[i]` is the stored call of record i, 0 for one that arrived; `lost` are calls of which a record was
    superseded, or lost its name.
    """
    calls, call_of = np.unique(came_with, return_inverse=True)
    lowest, highest = (np.zeros(len(labels), np.int64) for _ in range(2))
    lowest[labels] = len(calls)
    np.minimum.at(lowest, labels, call_of)
    np.maximum.at(highest, labels, call_of)
    first, last = np.full(len(calls), len(labels)), np.full(len(calls), -1)
    np.minimum.at(first, call_of, labels)
    np.maximum.at(last, call_of, labels)
    arrived = calls == 0
    changed_calls = arrived | (first != last) | np.isin(calls, lost)
    changed = lowest != highest
    np.logical_or.at(changed, labels, changed_calls[call_of])
    touched = changed[labels]
    replaced = np.union1d(calls[np.unique(call_of[touched])], lost)
    return touched, replaced[replaced != 0]


def _removed(stored: Batch, replaced: Hashes, windows_max: int) -> list[Removed]:
    if not len(replaced):
        return []
    started = Aliases.of(stored).started[np.isin(_call_ids(stored), replaced)]
    near = windows(started, NEAR_US, windows_max)
    return [Removed(table, "call_id", replaced, near) for table in ("call_facts", "observation_facts")]


def _observations(records: Batch, labels: Rows, folded: Batch, groups: Rows) -> Batch:
    """The records of those calls that several records tell of, under the id of their call."""
    order = np.argsort(groups)
    place = order[np.searchsorted(groups[order], labels)]
    several = folded.column("revision").to_numpy()[place] > 0
    at = records.schema.get_field_index("call_id")
    rows = records.set_column(at, records.schema.field(at), folded.column("call_id").take(pa.array(place)))
    return rows.filter(pa.array(several))


def _together(first: Batch, second: Batch) -> Batch:
    return pa.concat_tables([first, second]).unify_dictionaries().combine_chunks()


def _call_ids(rows: Batch) -> Hashes:
    return np.asarray(rows.column("call_id").to_numpy())
