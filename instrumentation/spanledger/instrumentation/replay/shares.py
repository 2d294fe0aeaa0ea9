"""Shares: which logs each of several readers takes, so that copies are read by the one that reads the original."""

from collections.abc import Sequence
from typing import TypeAlias

from spanledger.instrumentation.replay.positions import Task

_Folder: TypeAlias = tuple[str, tuple[str, ...]]
"""The name of a source, and the parts of a path."""


def shares(tasks: Sequence[Task], count: int) -> list[list[Task]]:
    """At most `count` shares of about the same size, each in the order of `tasks`; none is empty.

    What lies below one folder of a source (a project, as a rule) stays together: tools copy a session beside it, and
    a reader leaves out what it has just read. The ledger knows it otherwise, at a greater cost.
    """
    if count < 2 or len(tasks) < 2:
        return [list(tasks)] if tasks else []
    folders = _folders(tasks)
    sizes: dict[_Folder, int] = {}
    for task, folder in zip(tasks, folders, strict=True):
        sizes[folder] = sizes.get(folder, 0) + max(0, task.found.size - task.offset)
    loads = [0] * count
    chosen = {}
    for folder in sorted(sizes, key=lambda name: (-sizes[name], name)):
        least = loads.index(min(loads))
        chosen[folder] = least
        loads[least] += sizes[folder]
    made: list[list[Task]] = [[] for _ in range(count)]
    for task, folder in zip(tasks, folders, strict=True):
        made[chosen[folder]].append(task)
    return [share for share in made if share]


def _folders(tasks: Sequence[Task]) -> list[_Folder]:
    """For each task the folder next below what all logs of its source have in common."""
    above: dict[str, tuple[str, ...]] = {}
    for task in tasks:
        parts = task.found.path.parent.parts
        known = above.setdefault(task.found.source.name, parts)
        if parts[: len(known)] != known:
            same = next((at for at, (one, other) in enumerate(zip(known, parts, strict=False)) if one != other), None)
            above[task.found.source.name] = known[: min(len(known), len(parts)) if same is None else same]
    folders = []
    for task in tasks:
        name = task.found.source.name
        folders.append((name, task.found.path.parent.parts[: len(above[name]) + 1]))
    return folders
