"""Crush's SQLite files: what its root sessions cost, and nothing of their tokens."""

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Usage
from spanledger.instrumentation.replay.sources.crush import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read
from tests.sqlite_logs import is_made_of_its_text, made

FIXTURE = Path(__file__).parent / "logs" / "crush"
DATABASE = FIXTURE / "shop" / ".crush" / "crush.db"
SHARED = SHARED_LOGS / "crush" / "ours"


def calls(path: Path, log: Log | None = None) -> list[Call]:
    return [record for record in read(SOURCE, path, log) if isinstance(record, Call)]


def test_the_fixture_is_what_its_text_says() -> None:
    assert is_made_of_its_text(DATABASE)


def test_a_root_session_is_one_call_with_the_cost_of_its_children_and_no_tokens() -> None:
    (call,) = calls(DATABASE)
    assert (call.key, call.cost_usd, call.usage, call.partial) == ("c-root", Decimal("1.25"), Usage(), True)
    assert (call.model, call.provider) == ("claude-sonnet-4-6", "anthropic")
    assert call.session.project == "shop"


def test_times_are_seconds_whatever_the_column_is_said_to_hold() -> None:
    (call,) = calls(DATABASE)
    assert (call.started_ns, call.ended_ns) == (1_772_340_000 * 10**9, 1_772_342_000 * 10**9)


def test_the_list_of_projects_leads_to_their_databases() -> None:
    log = Log(FIXTURE / "projects.json")
    assert calls(log.path, log) == calls(DATABASE)
    assert log.skipped == {"project whose database is gone": 1}
    assert tuple(SOURCE.siblings(log.path)) == (FIXTURE / "shop/.crush/crush.db", FIXTURE / "gone/.crush/crush.db")


def test_a_damaged_database_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    shutil.copytree(FIXTURE, tmp_path / "crush")
    (tmp_path / "crush" / "gone" / ".crush").mkdir(parents=True)
    broken = tmp_path / "crush" / "gone" / ".crush" / "crush.db"
    broken.write_bytes(b"SQLite format 3\0 and then nothing of the kind")
    log = Log(tmp_path / "crush" / "projects.json")
    assert len(calls(log.path, log)) == 1
    (reason,) = log.skipped
    assert str(broken) in reason.replace("/./", "/")
    assert "SQLite:" in reason


def test_a_file_of_others_is_no_database_of_crush(tmp_path: Path) -> None:
    log = Log(made(tmp_path / "crush.db", "create table sessions (id text)"))
    assert calls(log.path, log) == []
    assert log.skipped == {"not a database of Crush": 1}


def test_another_tools_list_of_projects_is_counted(tmp_path: Path) -> None:
    (tmp_path / "projects.json").write_text("[]", encoding="utf-8")
    log = Log(tmp_path / "projects.json")
    assert calls(log.path, log) == []
    assert log.skipped == {"not a list of Crush's projects": 1}


@pytest.mark.skipif(not SHARED.is_dir(), reason=ABSENT)
@pytest.mark.parametrize("name", ["projects.json", "p/.crush/crush.db"])
def test_only_the_cost_of_root_sessions_is_known(tmp_path: Path, name: str) -> None:
    shutil.copytree(SHARED, tmp_path / "crush")
    (call,) = calls(tmp_path / "crush" / name)
    assert (call.cost_usd, call.usage) == (Decimal("12.5"), Usage())
