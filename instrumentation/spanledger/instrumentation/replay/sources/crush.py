"""Crush: one SQLite file a project, of whose sessions only the cost can be known.

Its columns of tokens hold the last step and are set back by a summary; `cost` adds up, and a parent's contains its
children's. The list of projects names the folders (Crush 0.40 to 0.80, migrations of its database).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import orjson

from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import dig, items, money, text, time_ns
from spanledger.instrumentation.replay.log import SQLITE, Log
from spanledger.instrumentation.replay.providers import UNSAID
from spanledger.instrumentation.replay.records import Call, Record, Session, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source

NAME: Final = "crush"

_PROJECTS: Final = "projects.json"
_DATABASE: Final = "crush.db"

_SESSIONS: Final = "select id, cost, created_at, updated_at from sessions where parent_session_id is null order by id"
_MODELS: Final = (
    "select session_id, model, provider, count(*) as times from messages"
    " where role = 'assistant' and model <> '' group by 1, 2, 3 order by 1, 2, 3"
)


def _read(log: Log) -> Iterator[Record]:
    if log.path.name != _PROJECTS:
        yield from _database(log, project_name(str(log.path.absolute().parent.parent)))
        return
    found = log.document()
    if found is not None and not isinstance(dig(found, "projects"), list):
        log.skip("not a list of Crush's projects")
    for folder, project in _projects(found):
        database = _beside(log, folder)
        if database is None:
            log.skip("project whose database is gone")
            continue
        try:
            yield from _database(database, project)
        finally:
            database.close()
            for reason, times in database.skipped.items():
                log.skip(f"{database.path}: {reason}", times)


def _beside(log: Log, folder: str) -> Log | None:
    try:
        return log.sibling(f"{folder}/{_DATABASE}")
    except OSError:
        # A folder that no file system would have.
        return None


def _projects(found: object) -> Iterator[tuple[str, str | None]]:
    """The folders of the databases, as they are written, and the names of the projects."""
    for project in items(found, "projects"):
        if folder := text(project, "data_dir"):
            yield folder, project_name(text(project, "path"))


def _database(log: Log, project: str | None) -> Iterator[Call]:
    tables = log.tables()
    if not {"id", "cost", "parent_session_id", "created_at", "updated_at"} <= tables.get("sessions", frozenset()):
        if tables:
            log.skip("not a database of Crush")
        return
    models = _models(log) if {"model", "provider", "role"} <= tables.get("messages", frozenset()) else {}
    for row in log.table(_SESSIONS):
        found = {"id": row["id"], "cost": row["cost"], "created": row["created_at"], "updated": row["updated_at"]}
        name, cost, started = text(found, "id"), money(found, "cost"), time_ns(found, "created")
        if name is None or not cost or started is None:
            continue
        model, provider = models.get(name, (None, None))
        yield Call(
            name, Session(name, project=project), started, max(started, time_ns(found, "updated") or started), Usage(),
            model=model, provider=provider or UNSAID, cost_usd=cost, partial=True, adds_up=True,
        )  # fmt: skip


def _models(log: Log) -> dict[str, tuple[str | None, str | None]]:
    """The model that each session used most, and whose it is."""
    times: dict[str, Counter[tuple[str | None, str | None]]] = {}
    for row in log.table(_MODELS):
        found = {"model": row["model"], "provider": row["provider"]}
        times.setdefault(str(row["session_id"]), Counter())[text(found, "model"), text(found, "provider")] += row[
            "times"
        ]
    return {name: counted.most_common(1)[0][0] for name, counted in times.items()}


def _siblings(path: Path) -> Iterable[Path]:
    """The databases that a list of projects names."""
    if path.name != _PROJECTS:
        return ()
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return ()
    return tuple(path.parent / folder / _DATABASE for folder, _ in _projects(found))


def _recognises(path: Path, head: bytes) -> bool:
    if path.name == _PROJECTS:
        return b'"data_dir"' in head
    return path.name == _DATABASE and head.startswith(SQLITE)


SOURCE: Final = Source(
    NAME,
    "Crush",
    AGENT,
    (
        Place((_PROJECTS,), variables=("CRUSH_GLOBAL_DATA",)),
        Place((f"crush/{_PROJECTS}",), {"*": ("~/.local/share",)}, ("XDG_DATA_HOME",)),
        Place((f"crush/{_PROJECTS}",), {"win32": ("$LOCALAPPDATA",)}),
    ),
    _read,
    _recognises,
    _siblings,
)
