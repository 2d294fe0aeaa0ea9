"""opencode's store, as its forks keep it, too: a JSON file a message until February 2026, since then SQLite.

The database holds a message as a row of `message` with its parts in `part`, in its second era as a row of
`session_message`. The files of the first era stay where they were; their messages have the same ids in the database.
"""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Final

from spanledger.instrumentation.replay.json_lines import Object, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Agent, Prompt, Record
from spanledger.instrumentation.replay.sources.opencode_messages import (
    Home,
    Step,
    agent_of,
    calls_of,
    is_older,
    session_of,
    tool_of,
    tools_of,
)

ERAS: Final = (("message", "session"), ("session_message", "session_v2"))
"""The table of messages and that of their sessions, era by era; some versions have messages of the second era and
sessions of the first."""
LATE: Final = 60_000
"""How far before the newest row (in its own unit, milliseconds as a rule) rows are read again: two processes may have
written at the same time."""
TOOL_PART: Final = '"type":"tool"'
STEP_PART: Final = "step-finish"
STEP_FILES_MAX: Final = 10_000
"""Parts of one message that are looked at."""


def read_store(log: Log) -> Iterator[Record]:
    """The records of a database, or of the file of one message."""
    if log.is_sqlite():
        yield from _Database(log).records()
        return
    message = log.document()
    if isinstance(message, dict) and text(message, "role") == "assistant":
        home = Home(text(message, "sessionID") or log.path.parent.name)
        yield from calls_of(message, log.path.stem, home, _steps_beside(log))
    elif message is not None and not isinstance(message, dict):
        log.skip("not a message")


class _Database:
    """A database while it is read: rows that changed since the last time."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.tables = log.tables()
        self.homes: dict[str, Home] = {}
        updated = log.state.get("updated")
        self.since = updated if isinstance(updated, int) else 0
        self.newest = self.since
        self.steps: dict[str, list[Step]] = {}

    def records(self) -> Iterator[Record]:
        has_forks = self.has_forks()
        self.steps = self.several_steps(0 if has_forks else self.since - LATE)
        origins = self.origins() if has_forks else {}
        agents: dict[str, str] = {}
        for table, _ in ERAS:
            for row_id, message, home in self.messages(table, self.since - LATE):
                if message.get("role", message.get("type")) == "user":
                    yield from _prompt(row_id, message, home)
                    continue
                yield from tools_of(message, home)
                for call in calls_of(message, row_id, home, self.steps.get(row_id, ())):
                    if origins.get(call.request_id or "", home.id) != home.id:
                        continue
                    if home.parent is not None:
                        agents[home.id] = agent_of(message)
                    yield call
        yield from self.tools()
        for id_, name in agents.items():
            yield from _agent(self.homes[id_], name)
        self.log.state["updated"] = self.newest

    def messages(self, table: str, since: int) -> Iterator[tuple[str, Object, Home]]:
        """The messages of a model or of a user that changed since: id, what is said of it, and its session."""
        columns = self.tables.get(table, frozenset())
        if not {"id", "session_id", "time_updated", "data"} <= columns:
            return
        kind = "type" if "type" in columns else "null"
        query = f"select id, session_id, time_updated, {kind} as type, data from {table} where time_updated >= ?"
        if kind == "type":
            query += " and type in ('assistant', 'user')"
        for row in self.log.table(query, since):
            found = self.parsed(row["data"])
            if found is None:
                continue
            if row["type"] is not None:
                found = {**found, "type": row["type"]}
            elif found.get("role", "assistant") not in ("assistant", "user"):
                continue
            self.seen(row["time_updated"])
            yield str(row["id"]), found, self.home(str(row["session_id"]))

    def several_steps(self, since: int) -> dict[str, list[Step]]:
        """The steps of the messages of the first era that changed since."""
        parts, messages = self.tables.get("part", frozenset()), self.tables.get("message", frozenset())
        if not {"id", "message_id", "time_created", "data"} <= parts or not {"id", "time_updated"} <= messages:
            return {}
        query = (
            "select message_id, time_created, data from part where instr(data, ?) > 0 "
            "and message_id in (select id from message where time_updated >= ?) order by id"
        )
        found: dict[str, list[Step]] = {}
        for row in self.log.table(query, STEP_PART, since):
            part = self.parsed(row["data"])
            if part is not None and text(part, "type") == STEP_PART:
                step = Step(part, time_ns({"at": row["time_created"]}, "at"))
                found.setdefault(str(row["message_id"]), []).append(step)
        return found

    def tools(self) -> Iterator[Record]:
        """The tools of the first era, whose parts are rows of their own."""
        if not {"session_id", "time_updated", "data"} <= self.tables.get("part", frozenset()):
            return
        query = "select session_id, time_updated, data from part where time_updated >= ? and instr(data, ?) > 0"
        for row in self.log.table(query, self.since - LATE, TOOL_PART):
            self.seen(row["time_updated"])
            part = self.parsed(row["data"])
            if part is not None and text(part, "type") == "tool":
                yield from tool_of(part, self.home(str(row["session_id"])))

    def home(self, id_: str) -> Home:
        """The session of an id, with what the database says of it."""
        if id_ not in self.homes:
            self.homes[id_] = self.looked_up(id_)
        return self.homes[id_]

    def looked_up(self, id_: str) -> Home:
        for _, table in reversed(ERAS):
            columns = self.tables.get(table, frozenset())
            if "id" not in columns:
                continue
            for row in self.log.table(f"select * from {table} where id = ?", id_):
                told: Object = dict(row)
                return Home(
                    id_,
                    text(told, "directory"),
                    text(told, "version"),
                    text(told, "parent_id"),
                    time_ns(told, "time_created"),
                    time_ns(told, "time_updated"),
                )
        return Home(id_)

    def has_forks(self) -> bool:
        """Whether a session holds messages that are older than itself, so that copies have to be looked for."""
        for table, _ in ERAS:
            if not {"session_id", "time_created"} <= self.tables.get(table, frozenset()):
                continue
            for _, sessions in ERAS:
                if not {"id", "time_created"} <= self.tables.get(sessions, frozenset()):
                    continue
                query = (
                    f"select 1 from {table} as message join {sessions} as session on session.id = message.session_id "
                    "where message.time_created <= session.time_created limit 1"
                )
                if any(True for _ in self.log.table(query)):
                    return True
        return any(
            True
            for _, sessions in ERAS
            if "fork_session_id" in self.tables.get(sessions, frozenset())
            for _ in self.log.table(f"select 1 from {sessions} where fork_session_id is not null limit 1")
        )

    def origins(self) -> dict[str, str]:
        """For each call, by its name, the oldest session that holds it: the others' are copies."""
        found: dict[str, tuple[int, str]] = {}
        for table, _ in ERAS:
            for row_id, message, home in self.messages(table, 0):
                for call in calls_of(message, row_id, home, self.steps.get(row_id, ())):
                    place = (home.created_ns or 0, home.id)
                    name = call.request_id or ""
                    found[name] = min(place, found.get(name, place))
        return {name: session for name, (_, session) in found.items()}

    def parsed(self, data: object) -> Object | None:
        if isinstance(data, str | bytes):
            return self.log.parse(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
        return None

    def seen(self, updated: object) -> None:
        if isinstance(updated, int) and updated > self.newest:
            self.newest = updated


def _steps_beside(log: Log) -> list[Step]:
    """The steps of a message in a file, whose parts lie in `storage/part/<id>` beside `storage/message/<session>`."""
    folder = log.path.parents[2] / "part" / log.path.stem if len(log.path.parents) > 2 else None
    found = []
    for path in sorted(islice(folder.glob("*.json"), STEP_FILES_MAX)) if folder is not None else ():
        with closing(Log(path)) as beside:
            try:
                part = beside.document()
            except OSError as error:
                log.skip(f"file beside it cannot be read: {error.strerror}")
                continue
        if isinstance(part, dict) and text(part, "type") == STEP_PART:
            found.append(Step(part))
    return found


def _prompt(row_id: str, message: Object, home: Home) -> Iterator[Record]:
    at_ns = time_ns(message, "time.created")
    if at_ns is None or home.parent is not None or is_older(at_ns, home):
        return
    said = text(message, "text")
    yield Prompt(f"{home.id}/{row_id}", session_of(home), at_ns, None if said is None else len(said))


def _agent(home: Home, name: str) -> Iterator[Record]:
    if home.created_ns is not None:
        ended_ns = max(home.created_ns, home.updated_ns or 0)
        yield Agent(home.id, session_of(home), home.created_ns, ended_ns, name)
