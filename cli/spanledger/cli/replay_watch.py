"""`spanledger replay --watch`: follows what tools write, until it is interrupted."""

import json
import signal
import time
from collections.abc import Iterable
from threading import Event
from typing import Final

import typer

from spanledger.cli import replay_run
from spanledger.cli.replay_text import described, show
from spanledger.cli.replay_to import Destination
from spanledger.instrumentation.replay.changes import Changes
from spanledger.instrumentation.replay.discovery import Found, known_logs, logs_in
from spanledger.instrumentation.replay.learning import Learning
from spanledger.instrumentation.replay.registry import NAMED
from spanledger.instrumentation.replay.run import Ages
from spanledger.instrumentation.replay.source import Source
from spanledger.instrumentation.replay.walking import Search

LEARNT_FILE: Final = "replay-folders.json"
EVERYTHING_S: Final = 60.0
"""How often all places are searched for folders that were not there before."""
STEP_S: Final = 1.0
"""How long an interruption may have to wait."""


def watch(to: Destination, sources: tuple[Source, ...], ages: Ages, *, as_json: bool) -> None:
    """Replay what is there, then what comes, until SIGINT or SIGTERM. Raises Failed."""
    stopping = Event()
    before = [
        (number, signal.signal(number, lambda _number, _frame: stopping.set()))
        for number in (signal.SIGINT, signal.SIGTERM)
    ]
    learnt = Learning.load(to.folder / LEARNT_FILE)
    changes = Changes()
    search = Search()
    searched_s = 0.0
    pause_s = 0.0
    try:
        while not stopping.is_set():
            if time.monotonic() - searched_s >= EVERYTHING_S or not searched_s:
                search = Search()
                logs = list(known_logs(sources, search))
                changes.follow(search.folders)
                searched_s = time.monotonic()
            else:
                written = _waited(changes, pause_s, stopping)
                folders = learnt.choose(search.owners, time.time()) if written is None else sorted(written)
                if any(folder not in search.owners for folder in folders):
                    searched_s = 0.0  # a new folder, perhaps
                    continue
                logs = [found for folder in folders for found in _in(folder, search)]
            summary = _replayed(to, logs, ages, learnt, search, as_json=as_json)
            pause_s = learnt.rest(summary)
            learnt.save(to.folder / LEARNT_FILE, time.time())
    finally:
        changes.close()
        for number, handler in before:
            signal.signal(number, handler)


def _waited(changes: Changes, pause_s: float, stopping: Event) -> set[str] | None:
    """What was written in a while; None: nobody tells, so look."""
    until = time.monotonic() + pause_s
    while not stopping.is_set():
        left_s = until - time.monotonic()
        written = changes.wait(max(0.0, min(STEP_S, left_s)))
        if written or left_s <= STEP_S:
            return written
    return set()


def _in(folder: str, search: Search) -> Iterable[Found]:
    return logs_in(folder, [NAMED[name] for name in search.owners[folder] if name in NAMED], search)


def _replayed(
    to: Destination, logs: list[Found], ages: Ages, learnt: Learning, search: Search, *, as_json: bool
) -> int:
    """Replay, say so if anything was new, and learn where it was; returns how many files had something new."""
    if not logs:
        return 0
    summary = replay_run.run(to, logs, ages, quiet=True)
    fresh = {str(found.path) for found in summary.read}
    news: dict[str, int] = {}
    for found in logs:
        folder = str(found.path.parent)
        news[folder] = news.get(folder, 0) + (str(found.path) in fresh)
    for folder, new in news.items():
        learnt.looked(folder, new, time.time())
    if fresh:
        if as_json:
            typer.echo(json.dumps(described(summary, search, to), ensure_ascii=False))
        else:
            show(summary, search, to)
    return len(fresh)
