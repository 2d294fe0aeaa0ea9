"""An examination of this machine: its logs, what deletes them, and the ledger."""

import json
import os
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spanledger.cli.replay_to import POSITIONS_FILE, THE_LEDGER, running_server
from spanledger.instrumentation.replay.discovery import folders_of, known_logs
from spanledger.instrumentation.replay.positions import Positions
from spanledger.instrumentation.replay.registry import NAMED, SOURCES
from spanledger.instrumentation.replay.walking import Search
from spanledger.storage.errors import LedgerError

if TYPE_CHECKING:
    from rich.console import Console

    from spanledger.dashboards.tables import Grid

CLEANUP_KEY: Final = "cleanupPeriodDays"
CLEANUP_DAYS: Final = 30
"""Claude Code deletes older transcripts when it starts, unless its settings say otherwise."""
LONG_DAYS: Final = 365

COLUMNS: Final = ("tool", "files", "new", "MB", "oldest", "newest", "where")
NUMBERS: Final = frozenset({1, 2, 3})
NARROWER: Final = ((range(7), 40), ((0, 1, 2, 3, 6), 56), ((0, 1, 2, 3, 6), 40), ((0, 2, 6), 20))
"""What of it is shown on a terminal that is too narrow for all: columns, and how long folders are at most."""

ASKED: Final = """
SELECT count(*) AS calls,
       max(started_at) AS last,
       count(*) FILTER (WHERE cost_usd IS NULL AND price_status IS NOT NULL AND status <> 'error') AS unpriced
FROM calls
"""


@dataclass(slots=True)
class Logs:
    """The logs of one tool. `folders`: those that they lie below. Times as ISO 8601."""

    tool: str
    folders: list[str]
    files: int = 0
    size: int = 0
    waiting: int = 0
    oldest: str | None = None
    newest: str | None = None


@dataclass(slots=True)
class State:
    """How the ledger is. `server`: where one answers that holds it; `problem`: why it cannot be read."""

    folder: str
    exists: bool = False
    server: str | None = None
    calls: int | None = None
    last_call: str | None = None
    unpriced: int | None = None
    problem: str | None = None


@dataclass(slots=True)
class Examination:
    """What was found; `off`: what is wrong or soon lost, a sentence each with what to do; `notes`: what is not."""

    logs: list[Logs]
    ledger: State
    off: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    looked: dict[str, list[str]] = field(default_factory=dict)

    def describe(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)

    def show(self, console: "Console") -> None:
        """For people."""
        from spanledger.dashboards.tables import show

        if self.logs:
            narrower = (_grid(self.logs, columns, cells_max) for columns, cells_max in NARROWER)
            show(_grid(self.logs, range(len(COLUMNS))), console, *narrower)
        else:
            console.print("No logs of known tools were found on this machine.")
        ledger = self.ledger
        if ledger.problem:
            console.print(f"\nLedger: {ledger.problem}", highlight=False)
        elif not ledger.exists:
            console.print(f"\nLedger: none yet in {ledger.folder}; `spanledger` makes it.", highlight=False)
        else:
            held = f", held by the server at {ledger.server}" if ledger.server else ""
            calls = "" if ledger.calls is None else f", {ledger.calls:,} calls until {(ledger.last_call or '-')[:16]}"
            console.print(f"\nLedger: {ledger.folder}{held}{calls}", highlight=False)
        for sentence in self.off:
            console.print(f"! {sentence}", highlight=False)
        if not self.off:
            console.print("Nothing is off.")
        for sentence in self.notes:
            console.print(sentence, style="dim", highlight=False)


def examined(folder: Path, environment: Mapping[str, str] | None = None) -> Examination:
    """Look at everything; the ledger in `folder` is only read."""
    environment = os.environ if environment is None else environment
    search, common = Search(), Search()
    by_source: dict[str, Logs] = {}
    times: dict[str, list[int]] = {}
    lying: dict[str, list[str]] = {}
    positions = _positions(folder)
    try:
        for found in known_logs(SOURCES, search, environment, common=common):
            logs = by_source.setdefault(found.source.name, Logs(found.source.title, []))
            logs.files += 1
            logs.size += found.size
            logs.waiting += positions is None or not positions.is_read(found)
            times.setdefault(found.source.name, []).append(found.modified_ns)
            lying.setdefault(found.source.name, []).append(str(found.path.parent))
    finally:
        if positions is not None:
            positions.close()
    looked = {
        source.name: [str(one) for place in source.places for one in folders_of(place, environment, sys.platform)]
        for source in SOURCES
    }
    for name, logs in by_source.items():
        logs.folders = _above(lying[name], looked[name])
        logs.oldest, logs.newest = _time(min(times[name])), _time(max(times[name]))
    examination = Examination(list(by_source.values()), _ledger(folder), looked=looked)
    examination.off = [*_deletions(by_source, environment), *_left_out(search)]
    examination.notes = [f"Where all programs log: {sentence}" for sentence in _left_out(common)]
    if examination.ledger.unpriced:
        examination.off.append(
            f"{examination.ledger.unpriced:,} calls have no price: `spanledger prices check` says which models."
        )
    return examination


def _above(folders: Sequence[str], places: Sequence[str]) -> list[str]:
    """The folders of logs, those of one place as the one that they all lie below."""
    by_place: dict[str, list[str]] = {}
    for folder in folders:
        inside = [place for place in places if Path(folder).is_relative_to(place)]
        by_place.setdefault(max(inside, key=len, default=folder), []).append(folder)
    return [os.path.commonpath(below) for below in by_place.values()]


def _grid(logs: Sequence[Logs], columns: Sequence[int], cells_max: int | None = None) -> "Grid":
    """The table with some of its columns."""
    from spanledger.dashboards.tables import Grid, shortened

    home = str(Path.home())
    rows = []
    for one in logs:
        where = ", ".join(folder.replace(home, "~", 1) if folder.startswith(home) else folder for folder in one.folders)
        where = where if cells_max is None else shortened(where, cells_max)
        cells = (one.tool, f"{one.files:,}", f"{one.waiting:,}", f"{one.size / 1e6:,.1f}", (one.oldest or "")[:10],
                 (one.newest or "")[:10], where)  # fmt: skip
        rows.append([cells[at] for at in columns])
    right = {place for place, at in enumerate(columns) if at in NUMBERS}
    return Grid([COLUMNS[at] for at in columns], rows, right)


def _left_out(search: Search) -> list[str]:
    return [f"{reason} ({times:,} ×), such as {search.examples[reason]}." for reason, times in search.skipped.items()]


def _positions(folder: Path) -> Positions | None:
    """What was replayed; None where nothing was, or it cannot be said."""
    file = folder / POSITIONS_FILE
    if not file.is_file():
        return None
    try:
        return Positions(file, THE_LEDGER)
    except (sqlite3.Error, OSError):
        return None


def _deletions(logs: Mapping[str, Logs], environment: Mapping[str, str]) -> list[str]:
    """Which tools throw transcripts away, and how to keep them."""
    if "claude-code" not in logs:
        return []
    off = []
    for folder in folders_of(NAMED["claude-code"].places[0], environment, sys.platform):
        settings = folder / "settings.json"
        days = _cleanup_days(settings)
        if (folder / "projects").is_dir() and days < LONG_DAYS:
            off.append(
                f"Claude Code deletes transcripts in {folder} after {days} days when it starts. What was replayed stays"
                f' in the ledger; to keep the files, write "{CLEANUP_KEY}": 3650 into {settings}.'
            )
    return off


def _cleanup_days(settings: Path) -> int:
    try:
        said = json.loads(settings.read_text("utf-8")).get(CLEANUP_KEY)
    except (OSError, ValueError, AttributeError):
        return CLEANUP_DAYS
    return said if isinstance(said, int) and said >= 0 else CLEANUP_DAYS


def _ledger(folder: Path) -> State:
    state = State(str(folder), (folder / "ledger.duckdb").exists(), running_server(folder))
    if not state.exists:
        return state
    from spanledger.cli.failures import Failed
    from spanledger.cli.source import source

    try:
        with source(folder, None) as answering:
            (row,) = answering.sql(
                ASKED,
                1,
            )["rows"]
        state.calls, state.unpriced = int(str(row["calls"])), int(str(row["unpriced"]))
        state.last_call = None if row["last"] is None else str(row["last"])
    except (Failed, LedgerError) as error:
        state.problem = str(error)
    return state


def _time(modified_ns: int) -> str:
    return datetime.fromtimestamp(modified_ns / 10**9, UTC).isoformat(timespec="seconds")
