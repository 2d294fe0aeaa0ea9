"""Discovery: every log in its place once, within limits, and what cannot be looked at is counted."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanledger.instrumentation.replay import discovery, walking
from spanledger.instrumentation.replay.discovery import Found, folders_of, given_logs, known_logs, logs_in
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Record
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.walking import Search


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
