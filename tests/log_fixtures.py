"""The logs in tests/logs, and reading them in pieces: what is read must not depend on how it is cut."""

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path

import orjson

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Agent, Call, Prompt, Record, Tool
from spanledger.instrumentation.replay.source import Source
from tests.replaying import SHARED_LOGS, read

LOGS = Path(__file__).parent / "logs"
AGENTS = SHARED_LOGS.parent / "agents"


def copied(folder: Path, to: Path) -> Path:
    """A copy of a folder of logs: opening SQLite may write beside the file."""
    return Path(shutil.copytree(folder, to / folder.name))


def calls(records: Iterable[Record]) -> list[Call]:
    """The calls among records, as they came."""
    return [record for record in records if isinstance(record, Call)]


def tools(records: Iterable[Record]) -> list[Tool]:
    """The runs of tools among records, as they came."""
    return [record for record in records if isinstance(record, Tool)]


def agents(records: Iterable[Record]) -> list[Agent]:
    """The sub-agents among records, as they came."""
    return [record for record in records if isinstance(record, Agent)]


def prompts(records: Iterable[Record]) -> list[Prompt]:
    """The prompts among records, as they came."""
    return [record for record in records if isinstance(record, Prompt)]


def known(records: Iterable[Record]) -> dict[tuple[str, str], Record]:
    """What a ledger knows after records in this order: the more complete of those with one name."""
    found: dict[tuple[str, str], Record] = {}
    for record in records:
        name = (type(record).__name__, getattr(record, "key", ""))
        before = found.get(name)
        if before is None or _completeness(record) >= _completeness(before):
            found[name] = record
    return found


def assert_cuts_do_not_matter(source: Source, path: Path, folder: Path) -> None:
    """Read a log of lines while it grows, and stopped after each record: it must tell the same as when read at once."""
    content = path.read_bytes()
    growing = folder / path.name
    growing.write_bytes(content)
    expected = known(read(source, growing))
    for cut in range(0, len(content), max(1, len(content) // 60)):
        growing.write_bytes(content[:cut])
        log = Log(growing)
        first = read(source, growing, log)
        growing.write_bytes(content)
        rest = read(source, growing, _again(growing, log.offset, log.state))
        assert known([*first, *rest]) == expected, f"cut after {cut} bytes"
    for stop in range(len(expected) + 2):
        with closing(Log(growing)) as log:
            taken = list(islice(source.read(log), stop))
        rest = read(source, growing, _again(growing, *log.marked))
        assert known([*taken, *rest]) == expected, f"stopped after {stop} records"


def dumped(database: Path) -> list[str]:
    """What a database holds, as SQL."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump())


def assert_is_its_script(database: Path) -> None:
    """A database among the fixtures holds what the script beside it says, so that it can be read and made again."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(database.with_suffix(".sql").read_text())
        assert list(connection.iterdump()) == dumped(database)


def _again(path: Path, offset: int, state: dict[str, object]) -> Log:
    # Positions are kept as JSON.
    return Log(path, offset=offset, state=orjson.loads(orjson.dumps(state)))


def _completeness(record: Record) -> tuple[int, int]:
    if isinstance(record, Call):
        return record.usage.output_tokens or 0, record.ended_ns
    return 0, getattr(record, "ended_ns", 0)
