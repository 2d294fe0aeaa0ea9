"""Discovery: every log in its place once, within limits, and what cannot be looked at is counted."""

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from spanledger.instrumentation.replay import discovery, walking
from spanledger.instrumentation.replay.discovery import Found, folders_of, given_logs, known_logs, logs_in
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Record
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.walking import Search
from tests.log_fixtures import LOGS
from tests.replaying import ABSENT, SHARED_LOGS


def _read(log: Log) -> Iterator[Record]:
    return iter(())


PLACE = Place(
    globs=("logs/**/*.jsonl", "db/x.db", "old/*/chat-*.json"),
    variables=("TOOL_HOME",),
    defaults={"linux": ("$XDG_DATA_HOME/tool",), "darwin": ("~/Library/tool",), "*": ("~/.tool",)},
)
TOOL = Source("tool", "Tool", AGENT, (PLACE,), _read, recognises=lambda path, head: head.startswith(b"TOOL"))
OTHER = Source("other", "Other", AGENT, (), _read, recognises=lambda path, head: head.startswith(b"OTHER"))


def made(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("TOOL")


def names(found: Iterator[Found], below: Path) -> list[str]:
    return [str(one.path.relative_to(below)) for one in found]


def known(folder: Path, search: Search | None = None, **variables: str) -> list[str]:
    environment = {"HOME": str(folder)} | variables
    return names(known_logs([TOOL], search or Search(), environment, "linux"), folder)


def test_patterns_find_files_at_any_depth_each_once(tmp_path: Path):
    made(
        tmp_path / ".tool",
        "logs/a.jsonl",
        "logs/b/c/d.jsonl",
        "logs/e.txt",
        "db/x.db",
        "old/s/chat-1.json",
        "old/chat-2.json",
    )
    assert known(tmp_path) == [
        ".tool/logs/a.jsonl", ".tool/logs/b/c/d.jsonl", ".tool/db/x.db", ".tool/old/s/chat-1.json",
    ]  # fmt: skip


def test_a_variable_names_the_folders_instead_of_the_usual_ones(tmp_path: Path):
    made(tmp_path, ".tool/logs/a.jsonl", "one/logs/b.jsonl", "two/logs/c.jsonl")
    assert known(tmp_path, TOOL_HOME=f"{tmp_path}/one, {tmp_path}/two") == ["one/logs/b.jsonl", "two/logs/c.jsonl"]


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, [".tool"]),
        ("linux", {"XDG_DATA_HOME": "{home}/data"}, ["data/tool", ".tool"]),
        ("darwin", {}, ["Library/tool", ".tool"]),
        ("win32", {}, [".tool"]),
    ],
)
def test_the_usual_folders_of_a_platform(tmp_path: Path, platform: str, variables: dict[str, str], expected: list[str]):
    for name in ("data/tool", ".tool", "Library/tool"):
        (tmp_path / name).mkdir(parents=True)
    environment = {"HOME": str(tmp_path)} | {key: value.format(home=tmp_path) for key, value in variables.items()}
    assert folders_of(PLACE, environment, platform) == [tmp_path / name for name in expected]


def test_links_in_a_circle_end(tmp_path: Path):
    made(tmp_path / ".tool", "logs/a.jsonl")
    (tmp_path / ".tool" / "logs" / "self").symlink_to(tmp_path / ".tool" / "logs")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".tool" / "logs" / "out").symlink_to(tmp_path / "elsewhere")
    search = Search()
    assert known(tmp_path, search) == [".tool/logs/a.jsonl"]
    assert "link in a circle" in search.skipped


def test_a_link_to_a_folder_above_is_a_circle_however_the_folder_is_named(tmp_path: Path, monkeypatch):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_text('{"type": "user", "sessionId": "s", "parentUuid": null}\n', "utf-8")
    (tmp_path / "logs" / "loop").symlink_to(".")
    monkeypatch.chdir(tmp_path)
    search = Search()
    assert [str(one.path) for one in given_logs(["logs"], SOURCES, search)] == ["logs/a.jsonl"]
    assert search.examples == {"link in a circle": "logs/loop"}


def test_json_lines_in_a_given_folder_that_nobody_knows_are_named(tmp_path: Path):
    (tmp_path / "ours.jsonl").write_text('{"hello": "world"}\n', "utf-8")
    (tmp_path / "notes.txt").write_text("no log", "utf-8")
    search = Search()
    assert list(given_logs([str(tmp_path)], SOURCES, search)) == []
    assert search.examples == {"no known kind of log": str(tmp_path / "ours.jsonl")}


def test_what_is_too_deep_too_big_or_too_much_is_counted(tmp_path: Path, monkeypatch):
    made(tmp_path / ".tool", "logs/a.jsonl", "logs/b.jsonl", "/".join(["logs", *"abcdef", "deep.jsonl"]))
    monkeypatch.setattr(walking, "DEPTH_MAX", 4)
    search = Search()
    assert known(tmp_path, search) == [".tool/logs/a.jsonl", ".tool/logs/b.jsonl"]
    assert search.skipped == {"deeper than 4 folders": 1}
    monkeypatch.setattr(discovery, "FILES_MAX", 1)
    search = Search()
    assert len(known(tmp_path, search)) == 1
    assert "more than 1 files" in search.skipped
    monkeypatch.setattr(discovery, "FILE_BYTES_MAX", 2)
    search = Search()
    assert known(tmp_path, search) == []
    assert "file is too big" in search.skipped


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads every folder")
def test_an_unreadable_folder_is_counted_and_the_others_are_searched(tmp_path: Path):
    made(tmp_path / ".tool", "logs/a.jsonl", "logs/closed/b.jsonl")
    closed = tmp_path / ".tool" / "logs" / "closed"
    closed.chmod(0)
    search = Search()
    try:
        assert known(tmp_path, search) == [".tool/logs/a.jsonl"]
    finally:
        closed.chmod(0o700)
    assert search.skipped == {"folder cannot be read: Permission denied": 1}


def test_a_folder_that_vanishes_is_counted(tmp_path: Path, monkeypatch):
    made(tmp_path / ".tool", "logs/a.jsonl")
    real = os.scandir

    def scandir(folder: str):
        if folder.endswith("logs"):
            raise FileNotFoundError(2, "No such file or directory", folder)
        return real(folder)

    monkeypatch.setattr(walking.os, "scandir", scandir)
    search = Search()
    assert known(tmp_path, search) == []
    assert search.skipped == {"folder cannot be read: No such file or directory": 1}


def test_what_cannot_be_read_where_all_programs_log_is_no_news_but_counted(tmp_path: Path, monkeypatch):
    made(tmp_path, "opt/a/logs/x.jsonl", "opt/b/logs/y.jsonl")
    real = os.scandir

    def scandir(folder: str):
        if folder.endswith("/b/logs"):
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(walking.os, "scandir", scandir)
    place = Place(("opt/*/logs/*.jsonl",), {"linux": ("/",)}, ("ROOT",), is_common=True)
    search, common = Search(), Search()
    found = known_logs([replace(TOOL, places=(place,))], search, {"ROOT": str(tmp_path)}, "linux", common)
    assert names(found, tmp_path) == ["opt/a/logs/x.jsonl"]
    assert (search.skipped, common.skipped) == ({}, {"folder cannot be read: Permission denied": 1})
    assert search.owners == {str(tmp_path / "opt/a/logs"): {"tool"}}, "they are followed like others"


def given(search: Search, *paths: object, forced: Source | None = None) -> list[tuple[str, str]]:
    found = given_logs([str(path) for path in paths], (TOOL, OTHER), search, forced)
    return sorted((one.source.name, one.path.name) for one in found)


def test_files_of_a_user_are_told_by_where_they_lie_else_by_what_they_say(tmp_path: Path):
    made(tmp_path, "copy/logs/a.jsonl", "x.any", "y.any")
    (tmp_path / "y.any").write_text("OTHER")
    (tmp_path / "z.any").write_text("nobody's")
    search = Search()
    assert given(search, tmp_path) == [("other", "y.any"), ("tool", "a.jsonl"), ("tool", "x.any")]
    assert not search.skipped
    assert given(search, tmp_path / "copy" / "logs" / "a.jsonl", tmp_path / "*.any") == [
        ("other", "y.any"), ("tool", "a.jsonl"), ("tool", "x.any"),
    ]  # fmt: skip
    assert search.skipped == {"no known kind of log": 1}


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("logs/a.jsonl", True),
        ("backup/tool/logs/b/c/a.jsonl", True),
        ("old/s/chat-1.json", True),
        ("old/chat-1.json", False),
        ("old/s/t/chat-1.json", False),
        ("s/old/chat-1.json", False),
        ("hash/chats/session/1.jsonl", True),
        ("chats/session/1.jsonl", True),
        ("chats/1.jsonl", False),
        ("notes.md", False),
    ],
)
def test_what_nobody_recognises_is_told_by_how_it_lies(tmp_path: Path, name: str, is_one: bool):
    place = replace(PLACE, globs=(*PLACE.globs, "*/chats/*/*.jsonl", "*.md"))
    made(tmp_path, name)
    (tmp_path / name).write_text("says nothing")
    search = Search()
    found = given_logs([str(tmp_path / name)], [replace(TOOL, places=(place,))], search)
    assert [one.path.name for one in found] == ([Path(name).name] if is_one else [])
    assert search.skipped == ({} if is_one else {"no known kind of log": 1})


def test_what_a_file_says_goes_before_how_it_lies(tmp_path: Path):
    made(tmp_path, "logs/a.jsonl")
    (tmp_path / "logs" / "a.jsonl").write_text("OTHER")
    assert given(Search(), tmp_path) == [("other", "a.jsonl")]


def test_of_several_that_recognise_a_file_the_most_specific_reads_it(tmp_path: Path):
    made(tmp_path, "logs/a.jsonl")
    kin = replace(TOOL, name="kin", places=(), specific=2)
    anything = replace(OTHER, name="anything", recognises=lambda path, head: True, specific=0)
    for sources, expected in (((TOOL, kin, anything), "kin"), ((TOOL, anything), "tool"), ((anything,), "anything")):
        for order in permutations(sources):
            (found,) = given_logs([str(tmp_path)], order, Search())
            assert found.source.name == expected
    silent = replace(TOOL, specific=0, recognises=lambda path, head: False)
    assert list(given_logs([str(tmp_path)], [silent], Search())) == [], "it takes only what it recognises"


def whose(folder: Path, sources: Sequence[Source]) -> dict[str, str]:
    return {str(one.path): one.source.name for one in given_logs([str(folder)], sources, Search())}


@pytest.mark.parametrize("folder", [LOGS, SHARED_LOGS], ids=["ours", "shared"])
def test_the_order_of_the_registry_does_not_matter(folder: Path):
    if not folder.is_dir():
        pytest.skip(ABSENT)
    expected = whose(folder, SOURCES)
    assert expected
    chance = random.Random(folder.name)
    for _ in range(3):
        assert whose(folder, chance.sample(SOURCES, len(SOURCES))) == expected
    if folder == LOGS:
        assert {path: name for path, name in expected.items() if name != Path(path).relative_to(LOGS).parts[0]} == {}


@pytest.mark.parametrize(
    ("fixture", "copy", "name"),
    [
        ("claude-code/projects/-home-ada-shop/9d0a77aa-0000-4bbb-8ccc-123456789abc.jsonl",
         "sessions/-home-ada-openclaw/x.jsonl", "claude-code"),
        ("pi/--home-dev-webshop--/2026-03-31T11-00-00-000Z_8888bbbb-0000-4000-8000-000000000008.jsonl",
         "sessions/a/x.jsonl", "pi"),
        ("qwen-code/projects/-home-dev-webshop/chats/4444dddd-0000-4000-8000-000000000004.jsonl",
         "projects/x.jsonl", "qwen-code"),
        ("openclaw/agents/main/sessions/S1.trajectory.jsonl", "agents/a/sessions/x.jsonl", "openclaw"),
        ("codex/sessions/2026/11/03/rollout-2026-11-03T10-00-00-01a00000-aaaa-7bbb-8ccc-000000000001.jsonl",
         "projects/x.jsonl", "codex"),
        ("copilot-cli/session-state/7d1f2c9a-0001/events.jsonl", "chat.jsonl", "copilot-cli"),
    ],
)  # fmt: skip
def test_a_copy_in_a_folder_like_anothers_is_read_as_what_it_is(tmp_path: Path, fixture: str, copy: str, name: str):
    path = tmp_path / copy
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((LOGS / fixture).read_bytes())
    assert list(whose(tmp_path, SOURCES).values()) == [name]


def test_a_named_source_reads_whatever_it_is_given(tmp_path: Path):
    made(tmp_path, "x.any")
    assert given(Search(), tmp_path / "x.any", forced=OTHER) == [("other", "x.any")]


def test_a_file_that_is_not_there_is_counted(tmp_path: Path):
    search = Search()
    assert given(search, tmp_path / "absent", tmp_path / "*.none") == []
    assert search.skipped == {"no such file": 2}


def test_logs_of_one_folder(tmp_path: Path):
    made(tmp_path / ".tool", "logs/b/a.jsonl", "logs/b/c/d.jsonl")
    assert names(logs_in(str(tmp_path / ".tool" / "logs" / "b"), [TOOL], Search()), tmp_path) == [
        ".tool/logs/b/a.jsonl"
    ]


def test_a_search_remembers_where_it_looked_and_whose_logs_lay_there(tmp_path: Path):
    made(tmp_path / ".tool", "logs/b/a.jsonl")
    search = Search()
    known(tmp_path, search)
    logs = str(tmp_path / ".tool" / "logs")
    assert {logs, f"{logs}/b"} <= search.folders
    assert search.owners == {f"{logs}/b": {"tool"}}


def test_every_source_has_a_name_of_its_own_and_a_place_or_a_way_to_recognise_it():
    assert len({source.name for source in SOURCES}) == len(SOURCES)
    for source in SOURCES:
        assert source.places or source.recognises(Path("x"), b"") in (True, False), source.name
        for place in source.places:
            assert not [glob for glob in place.globs if glob.startswith("/") or "\\" in glob], source.name
