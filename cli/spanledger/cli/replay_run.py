"""One replay: what is new is read, carried to where it belongs, and written down as read."""

import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from spanledger.cli.failures import Failed, WrongUse
from spanledger.cli.replay_text import progress_bar
from spanledger.cli.replay_to import Destination, opened, positions_of
from spanledger.cli.say import complain
from spanledger.instrumentation.replay.discovery import Found
from spanledger.instrumentation.replay.readers import batches_of
from spanledger.instrumentation.replay.registry import NAMED, SOURCES
from spanledger.instrumentation.replay.run import Ages, ReadingFailed, Summary, delete_shipped, work_of
from spanledger.instrumentation.replay.run import replay as carry
from spanledger.instrumentation.replay.source import Source

INTERRUPTED: Final = 130
_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)$")
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def run(to: Destination, logs: Iterable[Found], ages: Ages, *, quiet: bool = False) -> Summary:
    """Replay what is new of `logs`, with a bar on stderr unless `quiet`. Raises Failed; nothing is lost then.

    An interruption ends it cleanly, after what is under way.
    """
    with positions_of(to) as positions:
        work = work_of(logs, positions, ages, time.time())
        if not work.tasks:
            return work.summary
        try:
            with batches_of(work.tasks, work.summary.total_size) as batches, opened(to) as ship:
                return _carried(lambda told: carry(work, batches, positions, ship, told), work.summary, quiet=quiet)
        except ReadingFailed as error:
            raise Failed(str(error)) from error
        except sqlite3.Error as error:
            raise Failed(f"How far it read cannot be kept in {to.folder} ({error}): see that it has room.") from error


def _carried(go: Callable[[Callable[[Summary], None]], Summary], summary: Summary, *, quiet: bool) -> Summary:
    with _interruptions() as interrupted, progress_bar(summary, quiet=quiet) as told:

        def after(so_far: Summary) -> None:
            told(so_far)
            if interrupted:
                if not quiet:
                    complain("Stopped: what was read by now is kept, the rest is read the next time.")
                raise SystemExit(INTERRUPTED)

        return go(after)


@contextmanager
def _interruptions() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM instead of being broken off by them; a second one breaks off all the same."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt

    before = [(number, signal.signal(number, receive)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield received
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def sources_of(name: str | None, fields: Path | None) -> tuple[Source, ...]:
    """The kinds of logs that the options name; all of them where they name none. Raises WrongUse."""
    if fields is not None:
        from spanledger.instrumentation.replay.field_map import BadFieldMap, mapped, read_map

        try:
            return (mapped(read_map(fields), name or "mapped"),)
        except BadFieldMap as error:
            raise WrongUse(str(error)) from error
        except OSError as error:
            raise WrongUse(f"The field map {fields} cannot be read: {error.strerror}.") from error
    if name is None:
        return SOURCES
    if name not in NAMED:
        raise WrongUse(f"There is no kind of log {name!r}; there are {', '.join(sorted(NAMED))}.")
    return (NAMED[name],)


def ages_of(least: str | None, most: str | None) -> Ages:
    """The ages that the options name. Raises WrongUse."""
    return Ages(_seconds("--min-age", least), _seconds("--max-age", most))


def _seconds(option: str, age: str | None) -> float | None:
    if age is None:
        return None
    said = _AGE.match(age.strip())
    if said is None:
        raise WrongUse(f"{option} {age!r} is no age: write it as 90s, 10min, 24h, 7d or 2w.")
    return float(said[1]) * _SECONDS[said[2]]


def deleted(summary: Summary) -> list[str]:
    """Delete what was read to its end; returns the files."""
    return [str(path) for path in delete_shipped(summary)]
