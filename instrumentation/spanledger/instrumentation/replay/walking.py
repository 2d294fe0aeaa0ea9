"""Walking: the files below a folder whose path fits a pattern, within bounds, whatever links there are."""
# Thousands of paths are looked at before anything else begins; as objects they take ten times as long.
# ruff: noqa: PTH112, PTH113, PTH118, PTH120

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

DEPTH_MAX: Final = 16
"""Folders within folders below a place; tools nest half as deep."""
MAGIC: Final = frozenset("*?[")


@dataclass(slots=True)
class Search:
    """Where was looked, and what could not be.

    `skipped`: reason → how often; `examples`: the first path of each; `folders`: those that were listed; `owners`:
    folder → whose logs lie in it.
    """

    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    owners: dict[str, set[str]] = field(default_factory=dict)

    def skip(self, reason: str, path: str) -> None:
        """Count what is left out."""
        self.skipped[reason] += 1
        self.examples.setdefault(reason, path)


def walk(
    folder: str, parts: tuple[str, ...], search: Search, depth: int | None = None, above: frozenset[int] = frozenset()
) -> Iterator[str]:
    """Files below `folder` whose path fits the pattern `parts`."""
    depth = DEPTH_MAX if depth is None else depth
    part, rest = parts[0], parts[1:]
    if part != "**" and not MAGIC & set(part):
        path = os.path.join(folder, part)
        if rest:
            if os.path.isdir(path):
                yield from walk(path, rest, search, depth - 1, above)
        elif os.path.isfile(path):
            yield path
        return
    try:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except OSError as error:
        search.skip(f"folder cannot be read: {error.strerror}", folder)
        return
    search.folders.add(folder)
    if part == "**":
        matched = rest[0] if len(rest) == 1 else None
        if matched is None:
            yield from walk(folder, rest, search, depth, above)
        for entry in entries:
            if matched is not None and _is_file(entry):
                if fits(entry.name, matched):
                    yield entry.path
            elif _is_folder(entry):
                inside = _entered(entry, depth, above, search)
                if inside is not None:
                    yield from walk(entry.path, parts, search, depth - 1, inside)
        return
    for entry in entries:
        if not fits(entry.name, part):
            continue
        if not rest:
            if _is_file(entry):
                yield entry.path
        elif _is_folder(entry):
            inside = _entered(entry, depth, above, search)
            if inside is not None:
                yield from walk(entry.path, rest, search, depth - 1, inside)


def _entered(entry: "os.DirEntry[str]", depth: int, above: frozenset[int], search: Search) -> frozenset[int] | None:
    """The links that led here, with this one; None where it leads in a circle or too deep."""
    if depth <= 0:
        search.skip(f"deeper than {DEPTH_MAX} folders", entry.path)
        return None
    if not entry.is_symlink():
        return above
    inode = entry.stat().st_ino
    target, lies_in = os.path.realpath(entry.path), os.path.realpath(os.path.dirname(entry.path))
    if inode in above or f"{lies_in}{os.sep}".startswith(target + os.sep):
        search.skip("link in a circle", entry.path)
        return None
    return above | {inode}


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


@lru_cache(maxsize=1024)
def _suffix(pattern: str) -> str | None:
    """What a pattern of the form *.suffix ends in; None for others."""
    plain = pattern[1:]
    return plain if pattern.startswith("*") and not MAGIC & set(plain) else None


def fits(name: str, pattern: str) -> bool:
    """Whether a name is one that a pattern means; upper and lower case differ."""
    suffix = _suffix(pattern)
    return fnmatchcase(name, pattern) if suffix is None else name.endswith(suffix)
