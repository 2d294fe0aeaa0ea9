"""Discovery: which logs lie on this machine, in the known places of every tool or where the user says."""
# Thousands of paths are looked at before anything else begins; as objects they take ten times as long.
# ruff: noqa: PTH110, PTH111, PTH112, PTH113, PTH116, PTH118, PTH120, PTH207

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from glob import iglob
from pathlib import Path
from typing import Final, NamedTuple

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.source import Place, Source
from spanledger.instrumentation.replay.walking import MAGIC, Search, fits, walk

FILES_MAX: Final = 200_000
"""Files of one place; more is no folder of logs."""
FILE_BYTES_MAX: Final = 64 << 30
"""Bigger files are left alone."""
JSON_LINES: Final = (".jsonl", ".ndjson")
"""Of the files in a folder, those that somebody may miss when nobody knows them."""
HEAD_BYTES: Final = 8192
"""How much of a file decides what it is."""


class Found(NamedTuple):
    """A log: whose it is, where, and what the file system says of it."""

    source: Source
    path: Path
    size: int
    modified_ns: int
    device: int
    inode: int


def known_logs(
    sources: Iterable[Source],
    search: Search,
    environment: Mapping[str, str] | None = None,
    platform: str = sys.platform,
    common: Search | None = None,
) -> Iterator[Found]:
    """The logs in the places where the tools of `sources` keep them, each once.

    What could not be looked at is counted in `search`, but in `common` where the place is one of all programs.
    """
    seen: set[str] = set()
    if common is None:
        common = Search()
    common.folders, common.owners = search.folders, search.owners
    for source in sources:
        for place in source.places:
            for folder in folders_of(place, os.environ if environment is None else environment, platform):
                yield from _in_folder(source, place.globs, folder, common if place.is_common else search, seen)


def given_logs(
    paths: Sequence[str], sources: Sequence[Source], search: Search, forced: Source | None = None
) -> Iterator[Found]:
    """The logs in files, folders and patterns that a user names. `forced`: the source that reads all of them."""
    seen: set[str] = set()
    for given in paths:
        expanded = os.path.expanduser(given)
        exists = os.path.exists(expanded)
        matching = [expanded] if exists or not MAGIC & set(expanded) else sorted(iglob(expanded, recursive=True))
        if not matching or not (exists or any(os.path.exists(one) for one in matching)):
            search.skip("no such file", given)
        for one in matching:
            if os.path.isdir(one):
                yield from _in_given(one, sources, search, seen, forced)
            elif os.path.isfile(one):
                source = forced or _reader(Path(one), sources, search)
                found = _looked_at(source, one, search, seen) if source else None
                if found:
                    yield found
                elif source is None:
                    search.skip("no known kind of log", one)


def _in_given(
    folder: str, sources: Sequence[Source], search: Search, seen: set[str], forced: Source | None
) -> Iterator[Found]:
    """The logs in a folder that may be a tool's, or a copy of one, or anything."""
    for path in walk(folder, ("**", "*"), search):
        reader = forced or _reader(Path(path), sources, search)
        found = _looked_at(reader, path, search, seen) if reader else None
        if found:
            yield found
        elif reader is None and path.endswith(JSON_LINES):
            search.skip("no known kind of log", path)


def folders_of(place: Place, environment: Mapping[str, str], platform: str) -> list[Path]:
    """The folders of a place: those that variables name, else the usual ones; only those that exist."""
    named = [
        os.path.join(os.path.expanduser(part.strip()), place.below) if place.below else os.path.expanduser(part.strip())
        for variable in place.variables
        for part in environment.get(variable, "").split(",")
        if part.strip()
    ]
    if not named:
        usual = (*place.defaults.get(platform, ()), *place.defaults.get("*", ()))
        named = [expanded for one in usual if (expanded := _expanded(one, environment))]
    folders = (Path(one) for one in dict.fromkeys(named))
    return [folder for folder in folders if folder.is_dir()]


def _expanded(folder: str, environment: Mapping[str, str]) -> str | None:
    """A folder with its variables; None where one of them is not set."""
    parts = []
    for part in folder.split("/"):
        value = environment.get(part[1:]) if part.startswith("$") else part
        if value is None or (part.startswith("$") and not value):
            return None
        parts.append(value)
    joined = "/".join(parts)
    home = environment.get("HOME") or environment.get("USERPROFILE")
    return home + joined[1:] if joined.startswith("~") and home else os.path.expanduser(joined)


def _in_folder(source: Source, globs: Iterable[str], folder: Path, search: Search, seen: set[str]) -> Iterator[Found]:
    for glob in globs:
        for number, path in enumerate(walk(str(folder), tuple(glob.split("/")), search)):
            if number >= FILES_MAX:
                search.skip(f"more than {FILES_MAX} files", str(folder))
                break
            found = _looked_at(source, path, search, seen)
            if found:
                search.owners.setdefault(os.path.dirname(path), set()).add(source.name)
                yield found


def logs_in(folder: str, sources: Iterable[Source], search: Search) -> Iterator[Found]:
    """The logs that lie directly in a folder in which those of `sources` were found before."""
    seen: set[str] = set()
    for source in sources:
        for pattern in {glob.rpartition("/")[2] for place in source.places for glob in place.globs}:
            for path in walk(folder, (pattern,), search):
                found = _looked_at(source, path, search, seen)
                if found:
                    yield found


def _looked_at(source: Source, path: str, search: Search, seen: set[str]) -> Found | None:
    if path in seen:
        return None
    seen.add(path)
    try:
        told = os.stat(path)
    except OSError as error:
        search.skip(f"cannot be read: {error.strerror}", path)
        return None
    if told.st_size > FILE_BYTES_MAX:
        search.skip("file is too big", path)
        return None
    return Found(source, Path(path), told.st_size, told.st_mtime_ns, told.st_dev, told.st_ino)


def _reader(path: Path, sources: Sequence[Source], search: Search) -> Source | None:
    """Whose log a file is: by what it says, and where nobody recognises that, by how it lies; None if it is nobody's.

    Of several the most specific one, whatever their order.
    """
    try:
        head = Log(path).head(HEAD_BYTES)
    except OSError as error:
        search.skip(f"cannot be read: {error.strerror}", str(path))
        return None
    knowing = [source for source in sources if source.recognises(path, head)]
    if len(knowing) == 1:
        return knowing[0]
    above = path.absolute().parts
    if knowing:
        return max(knowing, key=lambda source: (source.specific, _lies_in(above, source), source.name))
    placed = [source for source in sources if source.specific and _lies_in(above, source)]
    return max(placed, key=lambda source: (_lies_in(above, source), source.specific, source.name), default=None)


def _lies_in(path: tuple[str, ...], source: Source) -> int:
    """How many folders of a pattern of a source's places a path has, at its end, in their order; 0 if it fits none.

    Patterns that name no folder say too little.
    """
    patterns = [tuple(glob.split("/")) for place in source.places for glob in place.globs]
    named = [pattern for pattern in patterns if fits(path[-1], pattern[-1])]
    fitting = (pattern for pattern in named if any(_ends_like(path[at:], pattern) for at in range(1, len(path))))
    return max((sum(not MAGIC & set(part) for part in pattern[:-1]) for pattern in fitting), default=0)


def _ends_like(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a path, part by part, fits a pattern."""
    if not path or not pattern:
        return not path and not pattern
    if pattern[0] == "**":
        return _ends_like(path, pattern[1:]) or _ends_like(path[1:], pattern)
    return fits(path[0], pattern[0]) and _ends_like(path[1:], pattern[1:])
