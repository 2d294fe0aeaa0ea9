"""Where tools keep their logs: a fixture put where its tool would have it is found there, and taken for no other's."""

import shutil
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.discovery import given_logs, known_logs
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.walking import Search

LOGS = Path(__file__).parent / "logs"
TASKS = "globalStorage/rooveterinaryinc.roo-cline"

PLACES = [
    ("linux", "claude-cowork", "claude-cowork", ".config/Claude"),
    ("darwin", "claude-cowork", "claude-cowork", "Library/Application Support/Claude"),
    ("win32", "claude-cowork", "claude-cowork", "AppData/Roaming/Claude"),
    ("linux", "goose", "goose/sessions.db", ".local/share/goose/sessions/sessions.db"),
    ("darwin", "goose", "goose/sessions.db", "Library/Application Support/Block/goose/sessions/sessions.db"),
    ("linux", "copilot-cli", "copilot-cli/session-state", ".copilot/session-state"),
    ("linux", "copilot-cli", "copilot-cli/session-store.db", ".copilot/session-store.db"),
    ("win32", "copilot-cli", "copilot-cli/otel", ".copilot/otel"),
    ("linux", "copilot-vscode", "copilot-vscode/User/globalStorage", ".config/Code - Insiders/User/globalStorage"),
    ("darwin", "copilot-vscode", "copilot-vscode/User", "Library/Application Support/Code/User"),
    ("linux", "copilot-vscode", "copilot-vscode/User", ".vscode-server/data/User"),
    ("linux", "cline", "cline/sessions", ".cline/data/sessions"),
    ("linux", "cline", "cline/saoudrizwan.claude-dev", ".config/Cursor/User/globalStorage/saoudrizwan.claude-dev"),
    ("linux", "roo-code", "roo-code/rooveterinaryinc.roo-cline", f".config/Code/User/{TASKS}"),
    ("win32", "roo-code", "roo-code/rooveterinaryinc.roo-cline", f"AppData/Roaming/Code/User/{TASKS}"),
    ("linux", "kilo-code", "kilo-code", ".vscode-server/data/User/globalStorage"),
    ("linux", "crush", "crush/projects.json", ".local/share/crush/projects.json"),
    ("linux", "kimi-cli", "kimi-cli", ".kimi"),
    ("linux", "codebuff", "codebuff/projects", ".config/manicode/projects"),
    ("linux", "dsh", "dsh", ".dsh"),
]  # fmt: skip


def put(fixture: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if fixture.is_dir():
        shutil.copytree(fixture, place)
    else:
        shutil.copy(fixture, place)


@pytest.mark.parametrize(("platform", "name", "fixture", "place"), PLACES)
def test_a_tool_is_found_where_it_keeps_its_logs(
    tmp_path: Path, platform: str, name: str, fixture: str, place: str
) -> None:
    put(LOGS / fixture, tmp_path / place)
    environment = {
        "HOME": str(tmp_path),
        "SPANLEDGER_ROOT": str(tmp_path / "root"),
        "APPDATA": str(tmp_path / "AppData/Roaming"),
    }
    found = list(known_logs(SOURCES, Search(), environment, platform))
    assert {one.source.name for one in found} == {name}


@pytest.mark.parametrize(
    ("variable", "name", "fixture", "place"),
    [
        ("GOOSE_PATH_ROOT", "goose", "goose/sessions.db", "data/sessions/sessions.db"),
        ("COPILOT_HOME", "copilot-cli", "copilot-cli/session-store.db", "session-store.db"),
        ("CLINE_DATA_DIR", "cline", "cline/sessions", "sessions"),
        ("CLINE_DIR", "cline", "cline/sessions", "data/sessions"),
        ("CRUSH_GLOBAL_DATA", "crush", "crush/projects.json", "projects.json"),
        ("XDG_DATA_HOME", "crush", "crush/projects.json", "crush/projects.json"),
        ("XDG_CONFIG_HOME", "roo-code", "roo-code/rooveterinaryinc.roo-cline", f"Code/User/{TASKS}"),
        ("DSH_HOME", "dsh", "dsh/sessions", "sessions"),
    ],
)
def test_a_variable_moves_the_place(tmp_path: Path, variable: str, name: str, fixture: str, place: str) -> None:
    put(LOGS / fixture, tmp_path / "moved" / place)
    environment = {"HOME": str(tmp_path), "SPANLEDGER_ROOT": str(tmp_path / "root"), variable: str(tmp_path / "moved")}
    found = list(known_logs(SOURCES, Search(), environment, "linux"))
    assert {one.source.name for one in found} == {name}


@pytest.mark.parametrize(
    "name",
    ["goose", "copilot-cli", "copilot-vscode", "cline", "roo-code", "kilo-code", "crush", "cursor", "kimi-cli",
     "codebuff", "dsh", "litellm", "bedrock", "azure", "openai-usage", "anthropic-usage", "openrouter", "usage-jsonl"],
)  # fmt: skip
def test_a_copy_that_a_user_names_is_read_by_its_own_source(name: str) -> None:
    found = list(given_logs([str(LOGS / name)], SOURCES, Search()))
    assert found
    assert {one.source.name for one in found} == {name}


def test_every_source_is_documented() -> None:
    page = (Path(__file__).parents[1] / "docs" / "replay.md").read_text("utf-8")
    assert [source.name for source in SOURCES if f"`{source.name}`" not in page] == []
