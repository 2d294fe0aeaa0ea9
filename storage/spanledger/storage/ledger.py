"""The ledger: one DuckDB file in a folder of its own, one writer, readers with a time limit.

Access is by intent: `merge` writes, `reader` reads; the connection itself never leaves this file.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import duckdb
import numpy as np

from spanledger.storage.dimensions import known_keys
from spanledger.storage.errors import LedgerError, LedgerUnavailable, RowsRefused
from spanledger.storage.filters import LoadDay
from spanledger.storage.keeper import Keeper
from spanledger.storage.known import add_constant_ids, constant_ids, nameless_of_day, names_of_day, repeats
from spanledger.storage.lookup import Lookup
from spanledger.storage.mark import Mark, MarkFile
from spanledger.storage.merge import Plan, plan
from spanledger.storage.opening import FILE_NAME, Opened, attach, open_ledger, sentence
from spanledger.storage.outcome import Merged, Planned
from spanledger.storage.pending import Pending
from spanledger.storage.point_merge import plan_points
from spanledger.storage.promotion import note_promotion, plan_promotion
from spanledger.storage.reader import Reader, Readers, cursor_on
from spanledger.storage.refusals import Refusal, add_refusals
from spanledger.storage.remembered import Remembered
from spanledger.storage.removal import remove_service_prefix
from spanledger.storage.room import check_room
from spanledger.storage.schema import Arrivals, Batch, Completeness, Hashes, Mask, Ranks, Step, Times
from spanledger.storage.span_merge import plan_spans
from spanledger.storage.trouble import BAD_ROWS, BROKEN, roll_back
from spanledger.storage.writing import Change, write

PROMOTE_S: Final = 60.0
"""Between two looks at the roll-ups."""

REOPEN_AFTER_S: Final = 1.0

_Answer = TypeVar("_Answer")

_NOTHING: Final = Plan()

_log = logging.getLogger("spanledger.storage")


class Ledger:
    """An open ledger. Make one with `open` or `open_readonly`."""

    def __init__(self, folder: Path, opened: Opened, mark: MarkFile | None) -> None:
        self._folder = folder
        self._connection: duckdb.DuckDBPyConnection | None = opened.connection
        self._state = opened.mark
        self._mark = mark
        self._planning: duckdb.DuckDBPyConnection | None = None
        self._plans = Pending()
        self._writing = threading.RLock()
        self._readers = Readers()
        self._remembered = Remembered(self._asking(names_of_day), self._asking(nameless_of_day))
        self._known = known_keys(opened.connection)
        self._constant = constant_ids(opened.connection)
        self._wrote_at = self._failed_at = time.monotonic()
        self._price_roll_ups: Step | None = None
        self._promoted_at = time.monotonic()
        wal = folder / f"{FILE_NAME}.wal"
        self._keeper = Keeper(wal, lambda: time.monotonic() - self._wrote_at, self._tend, self.checkpoint)
        if mark is not None:
            self._keeper.start()

    @classmethod
    def open(cls, folder: Path) -> "Ledger":
        """Open a ledger for writing, made anew where there is none, and bring it to the newest shape.

        Raises LedgerError (in use, too new, behind its mark, damaged, not writable); the message is one sentence.
        """
        opened = open_ledger(folder)
        return cls(folder, opened, MarkFile(folder))

    @classmethod
    def open_readonly(cls, folder: Path) -> "Ledger":
        """Open an existing ledger for reading. Raises LedgerError; LedgerInUse while a server holds it."""
        return cls(folder, attach(folder, read_only=True), None)

    @property
    def folder(self) -> Path:
        """Where the ledger's files lie."""
        return self._folder

    def merge(self, calls: Batch, refusals: Sequence[Refusal] = (), *, price: Step, ranks: Ranks) -> Merged:
        """Count the records of `calls` and commit, durably: `plan` and `commit` in one."""
        return self.commit(self.plan(Arrivals.of_calls(calls), refusals, price=price, ranks=ranks))

    def perhaps_stored(self, record_hash: Hashes, started_us: Times) -> Mask:
        """Which records may be here already; nearly always none, and the ledger is not asked."""
        with self._plans:
            return self._reading_for_plans(lambda: self._remembered.may_hold(record_hash, started_us))

    def repeats(self, record_hash: Hashes, started_us: Times, complete: Completeness) -> Mask:
        """Which records are here already, at least as complete: they were sent again. Raises LedgerUnavailable."""
        with self._plans:
            known = self._remembered.recent.in_era(self._plans.era).repeats(record_hash, complete)
            rest = np.flatnonzero(~known)
            if len(rest):
                self._plans.settled()
                planning = self._planning_connection()
                asked = (record_hash[rest], started_us[rest], complete[rest])
                known[rest] = self._reading_for_plans(lambda: repeats(planning, *asked))
        return known

    @property
    def era(self) -> int:
        """Changes when a commit fails: what was said of records before that (`repeats`) holds no longer."""
        return self._plans.era

    def plan(
        self, arrivals: Arrivals, refusals: Sequence[Refusal] = (), *, price: Step, ranks: Ranks, era: int | None = None
    ) -> Planned:
        """Decide what becomes of each record that arrived: a new call, part of another one, or known already.

        `price` fills the cost columns of the rows that will be written; `ranks` says whose word counts first. Plans are
        committed in the order in which they were made, each exactly once; a plan may be made while the one before is
        being committed, and fails with it. `era`: that in which the ledger was first asked about these records, if it
        was. Raises LedgerUnavailable.
        """
        with self._plans:
            began = self._plans.era if era is None else era
            self._remembered.recent.in_era(self._plans.era)
            made = self._plan(arrivals, price, ranks, self._plans.settled)
            self._plans.add()
        return Planned(made, tuple(refusals), arrivals, price, ranks, began)

    def commit(self, planned: Planned) -> Merged:
        """Commit a plan, durably: when this returns its calls are on disk, each once.

        Rows that the ledger can never take spoil no other part's: their parts are named in `refused`, the others are
        stored. Raises LedgerUnavailable when it could not be stored now; then nothing of it is.
        """
        refused: Mapping[int, str] = {}
        sound = False
        try:
            with self._writing:
                if planned.era != self._plans.era:
                    raise LedgerUnavailable(f"a write to the ledger in {self._folder} just failed; try again")
                try:
                    self._write(planned.plan, planned.refusals)
                    sound = True
                except RowsRefused:
                    refused = self._write_apart(planned)
        finally:
            self._plans.settle(planned.era, sound=sound)
        return Merged(planned.plan.calls, planned.plan.joined, planned.plan.repeated, refused)

    def _plan(self, arrivals: Arrivals, price: Step, ranks: Ranks, settled: Callable[[], object]) -> Plan:
        planning = self._planning_connection()

        def planned() -> Plan:
            lookup = Lookup(planning, settled, self._state.calls)
            calls = plan(lookup, arrivals.calls, self._remembered, self._constant, ranks, price)
            self._constant = np.union1d(self._constant, calls.constant)
            added, removed = plan_spans(planning, arrivals.spans, self._remembered, settled)
            points, repeated = plan_points(planning, arrivals.points, self._remembered, settled)
            additions, removals = [*calls.added, *added, *points], [*calls.removed, *removed]
            return replace(calls, added=additions, removed=removals, repeated=calls.repeated + repeated)

        return self._reading_for_plans(planned)

    def _reading_for_plans(self, question: Callable[[], _Answer]) -> _Answer:
        try:
            return question()
        except (duckdb.Error, OSError) as error:
            if isinstance(error, BROKEN):
                # A commit under way ends on the connection that it has; the next plan waits for it and opens afresh.
                self._failed_at = time.monotonic()
                self._connection = self._planning = None
            raise LedgerUnavailable(f"the ledger in {self._folder} could not be read: {sentence(error)}") from error

    def _write(self, planned: Plan, refusals: Sequence[Refusal]) -> None:
        if not (planned.added or planned.removed or refusals):
            return
        connection = self._writable()
        try:
            connection.execute("begin")
            added = write(connection, planned.removed, planned.added, self._known)
            if len(planned.constant):
                add_constant_ids(connection, planned.constant)
            if refusals:
                add_refusals(connection, refusals)
            self._finish(connection, planned.calls)
        except BAD_ROWS as error:
            roll_back(connection)
            raise RowsRefused(sentence(error)) from error
        except (duckdb.Error, OSError) as error:
            self._fail(connection, error)
        self._know(added)
        self._wrote_at = time.monotonic()

    def _know(self, added: Mapping[str, set[int]]) -> None:
        for dimension, keys in added.items():
            self._known[dimension] |= keys

    def _write_apart(self, planned: Planned) -> Mapping[int, str]:
        """Plan and write part by part; returns the parts that cannot be stored, with the reason.

        Nothing is waited for: a plan made since then that has to do with this one waits for us.
        """
        refused = {}
        for part in planned.arrivals.parts:
            arrivals = planned.arrivals.part(part)
            with self._plans:
                self._remembered.recent.drop()
                alone = self._plan(arrivals, planned.price, planned.ranks, lambda: None)
            try:
                self._write(alone, ())
            except RowsRefused as error:
                _log.error("A request of %d calls cannot be stored: %s", arrivals.calls.num_rows, error)
                refused[part] = str(error)
        self._write(_NOTHING, planned.refusals)
        return refused

    def remove_service_prefix(self, prefix: str) -> int:
        """Remove every call whose service's name begins with `prefix`; returns how many."""
        with self._alone() as connection:
            removed = remove_service_prefix(connection, prefix)
            self._finish(connection, -removed)
            self._remembered.clear()
        return removed

    def promote_with(self, price: Step) -> None:
        """From now on count roll-ups as calls, priced by `price`, if no call beneath them ever comes."""
        self._price_roll_ups = price

    def promote(self, price: Step, now_us: int) -> int:
        """Look at the roll-ups once; returns how many calls more (or, below 0, fewer) that makes."""
        with self._alone() as connection:
            promotion = plan_promotion(connection, now_us, price)
            if promotion.worth_it:
                connection.execute("begin")
                added = write(connection, promotion.removed, promotion.added, self._known)
                note_promotion(connection, promotion)
                self._finish(connection, promotion.calls)
                self._know(added)
        return promotion.calls

    def change(self, what: Change) -> None:
        """Let a module of this stage change something that makes no call more or fewer, in a transaction of its own.

        Nothing is planned or written meanwhile. Raises LedgerUnavailable, or what `what` raises; then nothing changed.
        """
        with self._alone() as connection:
            connection.execute("begin")
            try:
                added = what(connection, self._known)
            except Exception:
                roll_back(connection)
                raise
            self._finish(connection, 0)
            self._know(added)

    @contextmanager
    def _alone(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The writer's connection with nothing planned and nobody else writing. Raises LedgerUnavailable."""
        with self._plans:
            self._planning_connection()
            self._plans.settled()
            with self._writing:
                connection = self._writable()
                self._remembered.recent.drop()
                try:
                    yield connection
                except (duckdb.Error, OSError) as error:
                    self._fail(connection, error)

    @contextmanager
    def reader(self, time_limit_s: float | None = None) -> Iterator[Reader]:
        """A reader on the last commit, for one thread. Raises LedgerUnavailable while the ledger is being reopened."""
        with self._readers.reading(self._readable, time_limit_s) as reader:
            yield reader

    def _readable(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise self._reopening()
        return self._connection

    def fold_log_beyond(self, size: int) -> None:
        """Fold the write-ahead log with each commit that would make it larger, in bytes. Raises LedgerUnavailable."""
        with self._writing:
            self._writable().execute(f"set global checkpoint_threshold = '{size}B'")

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file. Raises LedgerUnavailable; then the file is opened afresh.

        One that fails halfway leaves a database that answers nobody any more, neither readers nor plans.
        """
        with self._writing:
            connection = self._writable()
            try:
                connection.execute("checkpoint ledger")
            except (duckdb.Error, OSError) as error:
                self._fail(connection, error)

    def close(self) -> None:
        """Checkpoint and let go of the file. What was acknowledged is safe even if this never runs."""
        self._keeper.stop()
        with self._writing:
            if self._connection is not None:
                try:
                    if self._mark is not None:
                        self._connection.execute("checkpoint ledger")
                except duckdb.Error as error:
                    _log.warning(
                        "The checkpoint at the end failed; the next start replays the log: %s", sentence(error)
                    )
                self._connection.close()
                self._connection = None
            if self._mark is not None:
                self._mark.close()
                self._mark = None

    def _finish(self, connection: duckdb.DuckDBPyConnection, more_calls: int) -> None:
        """Commit, then move the mark: it may be behind the ledger, never ahead of it."""
        state = Mark(self._state.ledger_id, self._state.commit_sequence + 1, self._state.calls + more_calls)
        connection.execute(
            "update ledger_state set commit_sequence = ?, calls = ?", [state.commit_sequence, state.calls]
        )
        connection.execute("commit")
        self._state = state
        if self._mark is not None:
            self._mark.write(state)

    def _writable(self) -> duckdb.DuckDBPyConnection:
        """The writer's connection. Raises LedgerUnavailable; the disk is looked at before anything is written."""
        if self._connection is None:
            raise self._reopening()
        check_room(self._folder)
        return self._connection

    def _planning_connection(self) -> duckdb.DuckDBPyConnection:
        """The planner's own cursor: it asks while the writer writes. After a failed write the ledger is opened anew."""
        if self._mark is None:
            raise LedgerUnavailable(f"the ledger in {self._folder} is open for reading only")
        if self._connection is None:
            self._plans.settled()
            if time.monotonic() - self._failed_at < REOPEN_AFTER_S:
                raise self._reopening()
            self._connection = self._reopened()
        if self._planning is None:
            self._planning = cursor_on(self._connection)
        return self._planning

    def _reopening(self) -> LedgerUnavailable:
        return LedgerUnavailable(f"the ledger in {self._folder} is being reopened after a failed write; try again")

    def _reopened(self) -> duckdb.DuckDBPyConnection:
        try:
            opened = open_ledger(self._folder)
        except LedgerError as error:
            self._failed_at = time.monotonic()
            raise LedgerUnavailable(str(error)) from error
        self._state, self._known = opened.mark, known_keys(opened.connection)
        self._constant = constant_ids(opened.connection)
        self._remembered.clear()
        _log.info("The ledger in %s is open again.", self._folder)
        return opened.connection

    def _fail(self, connection: duckdb.DuckDBPyConnection, error: Exception) -> NoReturn:
        """After a failed write only the ledger knows what it holds: close it, to be opened afresh."""
        _log.error("A write to the ledger in %s failed: %s", self._folder, sentence(error))
        self._failed_at = time.monotonic()
        self._connection = self._planning = None
        connection.close()
        raise LedgerUnavailable(f"the ledger in {self._folder} could not be written: {sentence(error)}") from error

    def _asking(self, question: Callable[[duckdb.DuckDBPyConnection, int], Iterable[Hashes] | None]) -> LoadDay:
        """A filter's way to what the ledger holds of a day: all that was planned must be committed first."""

        def load(day: int) -> Iterable[Hashes] | None:
            self._plans.settled()
            return question(self._planning_connection(), day)

        return load

    def _tend(self) -> None:
        """Open the ledger afresh after a failure, should nobody write: readers wait for it. Look at the roll-ups."""
        now = time.monotonic()
        if self._connection is not None:
            if self._price_roll_ups is not None and now - self._promoted_at > PROMOTE_S:
                self._promoted_at = now
                self.promote(self._price_roll_ups, time.time_ns() // 1000)
            return
        if now - self._failed_at < REOPEN_AFTER_S:
            return
        with self._plans:
            if not self._plans:  # else whoever is being answered just now will plan again
                self._planning_connection()
