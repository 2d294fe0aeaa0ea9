"""Replaying 200 MB of Claude Code's transcripts into a durable, priced ledger, beside ccusage adding them up.

Needs the generator of transcripts, beside this repository, and the native program of ccusage, whose path CCUSAGE names.
"""

import json
import os
import runpy
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.figure import Figure, Session
from benchmarks.load import REPOSITORY

GENERATOR: Final = REPOSITORY.parent / "shared" / "tools" / "gen_claude_logs.py"
SIZE_MB: Final = 200
ROUNDS: Final = 5
FIRST_RATIO: Final = 2.0
AGAIN_RATIO: Final = 0.3
RSS_MB: Final = 250


class Taken(NamedTuple):
    """How long a command took, how much processor time, and its largest memory, its children's included."""

    wall_s: float
    cpu_s: float
    rss_mb: float


def measure(session: Session) -> list[Figure]:
    """A first replay, and one with nothing new."""
    if not GENERATOR.is_file():
        session.say(f"replay: skipped, there is no generator at {GENERATOR}")
        return []
    logs = session.folder / "transcripts"
    generate(logs, SIZE_MB / 10 if session.quick else SIZE_MB)
    theirs, first, again = [], [], []
    for round_ in range(2 if session.quick else ROUNDS):
        data = session.folder / f"replayed-{round_}"
        ccusage = _ccusage(logs, session.folder)
        if ccusage is not None:
            theirs.append(ccusage)
        first.append(_replay(logs, data, session.folder))
        again.append(_replay(logs, data, session.folder))
        if round_:
            shutil.rmtree(data)
    session.say(f"replay: ccusage {theirs}, first {first}, again {again}")
    yardstick = _median(theirs) if theirs else None
    figures = [
        _figure("first replay of 200 MB into the ledger", FIRST_RATIO, _median(first), yardstick, first),
        _figure("a replay with nothing new", AGAIN_RATIO, _median(again), yardstick, again),
    ]
    whole = max(one.rss_mb for one in first)
    figures.append(Figure(
        "memory of a first replay", f"≤ {RSS_MB} MB", f"{whole:.0f} MB", whole <= RSS_MB, "largest process, peak RSS"
    ))  # fmt: skip
    return figures


def _figure(what: str, ratio: float, taken_s: float, yardstick_s: float | None, rounds: list[Taken]) -> Figure:
    cpu_s = statistics.median(one.cpu_s for one in rounds)
    if yardstick_s is None:
        return Figure(what, f"≤ {ratio} × ccusage", f"{taken_s:.2f} s", None, f"CCUSAGE is not set; {cpu_s:.2f} s CPU")
    return Figure(
        what,
        f"≤ {ratio} × ccusage",
        f"{taken_s:.2f} s, {taken_s / yardstick_s:.2f} ×",
        taken_s <= ratio * yardstick_s,
        f"median of {len(rounds)}; ccusage {yardstick_s:.2f} s; {cpu_s:.2f} s CPU",
    )


def _median(rounds: list[Taken]) -> float:
    return statistics.median(one.wall_s for one in rounds)


def generate(folder: Path, size_mb: float) -> None:
    """Make transcripts of so many megabytes."""
    before = sys.argv
    sys.argv = ["generator", str(folder), "--target-mb", str(size_mb), "--messages", "80", "--seed", "7"]
    try:
        runpy.run_path(str(GENERATOR), run_name="__main__")
    finally:
        sys.argv = before


def _ccusage(logs: Path, folder: Path) -> Taken | None:
    program = os.environ.get("CCUSAGE")
    if not program:
        return None
    return _taken([program, "claude", "daily", "--offline", "--json"], logs, folder)


def _replay(logs: Path, data: Path, folder: Path) -> Taken:
    command = [sys.executable, "-m", "spanledger.cli.start", "replay", "--data", str(data), "--json"]
    return _taken(command, logs, folder)


def _taken(command: list[str], logs: Path, folder: Path) -> Taken:
    """Run a command in a process of its own, which waits for it, so that nothing else is in what it used."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "CLAUDE_CONFIG_DIR": str(logs)}
    done = subprocess.run(
        [sys.executable, "-c", _WAIT, *command], env=environment, capture_output=True, text=True, check=True
    )
    return Taken(*json.loads(done.stdout.splitlines()[-1]))


_WAIT: Final = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
wall_s = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
