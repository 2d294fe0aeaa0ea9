"""A source: one kind of log, where it lies and how it is read. A row of the registry and a small file each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from spanledger.instrumentation.replay.records import Record

if TYPE_CHECKING:
    from spanledger.instrumentation.replay.log import Log

AGENT: Final = "agent"
"""Logs that a client writes: it knows who worked on what."""
SERVER: Final = "server"
"""Logs and exports of gateways and vendors: they know what was billed."""

Read: TypeAlias = Callable[["Log"], Iterator[Record]]
"""Reads one log from where it was left (`Log.state`, `Log.lines`), in order, without keeping it in memory."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in which logs may lie, and the patterns they have beneath it.

    `variables`: environment variables that name the folder (several folders with commas), tried before `defaults`;
    `below` is appended to what a variable names. `defaults`: per platform ("linux", "darwin", "win32"; "*" for all),
    with `~` and `$VARIABLES`; those of "*" come after the platform's own. `globs` are relative, `**` allowed.
    `is_common`: all programs log there, and that some of it cannot be read is no news.
    """

    globs: tuple[str, ...]
    defaults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    below: str = ""
    is_common: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of log.

    `recognises(path, head)` tells from a path and the first kilobytes whether a file given by the user is one, wherever
    it lies; only what nobody recognises is told by how it lies. `specific`: of several that recognise a file the
    greatest reads it; 1, but for forms that grew out of another tool's (2), and for one that takes what nobody else
    does (0), never by how it lies. `siblings`: files that are read through this one, and make it worth reading again
    when they change. `reasoning_beside`: the tool's telemetry tells of an output what was seen of it, and the reasoning
    beside; its logs' spans do likewise, or the two would not be known as one call. `sums_of`: the source whose calls
    this one's sums are compared with, if not its own.
    """

    name: str
    title: str
    kind: str
    places: tuple[Place, ...]
    read: Read
    recognises: Callable[[Path, bytes], bool] = lambda path, head: False
    siblings: Callable[[Path], Iterable[Path]] = lambda path: ()
    reasoning_beside: bool = False
    specific: int = 1
    sums_of: str | None = None
