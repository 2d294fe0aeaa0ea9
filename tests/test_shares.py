"""Several readers take about as much each, and copies stay with their originals."""

from collections.abc import Sequence
from pathlib import Path

from spanledger.instrumentation.replay.discovery import Found
from spanledger.instrumentation.replay.positions import Task
from spanledger.instrumentation.replay.registry import NAMED
from spanledger.instrumentation.replay.shares import shares


def task(path: str, size: int, source: str = "claude-code", offset: int = 0) -> Task:
    return Task(Found(NAMED[source], Path(path), size, 1, 1, 1), offset, {})


def paths(made: Sequence[Sequence[Task]]) -> list[list[str]]:
    return [[str(one.found.path) for one in share] for share in made]


def test_what_lies_below_one_project_stays_together_in_its_order() -> None:
    tasks = [
        task("/p/one/a.jsonl", 10),
        task("/p/two/b.jsonl", 15),
        task("/p/one/a/subagents/agent-1.jsonl", 10),
        task("/p/one/c.jsonl", 1),
        task("/p/three/d.jsonl", 5),
    ]
    assert paths(shares(tasks, 2)) == [
        ["/p/one/a.jsonl", "/p/one/a/subagents/agent-1.jsonl", "/p/one/c.jsonl"],
        ["/p/two/b.jsonl", "/p/three/d.jsonl"],
    ]


def test_what_was_read_before_counts_for_nothing() -> None:
    tasks = [task("/p/one/a.jsonl", 100, offset=99), task("/p/two/b.jsonl", 10), task("/p/three/c.jsonl", 8)]
    assert paths(shares(tasks, 2)) == [["/p/two/b.jsonl"], ["/p/one/a.jsonl", "/p/three/c.jsonl"]]


def test_sources_are_told_apart() -> None:
    tasks = [task("/home/.claude/projects/x/a.jsonl", 9), task("/home/.codex/sessions/2026/b.jsonl", 9, "codex")]
    assert paths(shares(tasks, 2)) == [["/home/.claude/projects/x/a.jsonl"], ["/home/.codex/sessions/2026/b.jsonl"]]


def test_no_share_is_empty() -> None:
    one = task("/p/one/a.jsonl", 10)
    assert shares([], 2) == []
    assert shares([one], 2) == [[one]]
    assert shares([one, one], 2) == [[one, one]]
    assert shares([one, task("/p/two/b.jsonl", 1)], 1) == [[one, task("/p/two/b.jsonl", 1)]]
