"""`spanledger statusline`: the line that Claude Code shows below its prompt; it runs this with JSON on stdin.

It must be quick, as it runs several times a minute, and must never get in the way. So it writes what Claude Code says
and what was found out before, and has the ledger asked by another process, which nobody waits for
(statusline_figures.py).
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from spanledger.cli.data_folder import data_folder

if TYPE_CHECKING:
    import typer

FIGURES_FILE: Final = "statusline.json"
"""In the data folder: what was found out last, and when."""

ASKED_FILE: Final = "statusline.asked"
"""In the data folder: its time is when the ledger was asked last."""

SAMPLES_FILE: Final = "statusline.jsonl"
"""In the data folder: how much of the plan's windows was used, for `spanledger replay`."""

FRESH_S: Final = 15.0
"""Figures older than this are found out anew."""

SAMPLE_S: Final = 600.0
"""A window of a plan is told of again after this time, even if nothing changed."""

SAMPLES_BYTES_MAX: Final = 1 << 20
"""A bigger file of samples, of some ten thousand, is put aside, in the place of the one put aside before."""

STDIN_BYTES_MAX: Final = 1 << 20
"""Claude Code says some two kilobytes."""

NAME_MAX: Final = 40
"""Characters of a model's or a window's name: a status line is short."""

WINDOW_MINUTES: Final = {"five_hour": 5 * 60, "seven_day": 7 * 24 * 60}
"""How long Claude's windows last (Claude Code's documentation of its status line)."""

_SHORT_NAMES: Final = {"five_hour": "5h", "seven_day": "7d"}
_SEPARATOR: Final = " | "
_WARN_PERCENT: Final = 50
_ALARM_PERCENT: Final = 80
_GREEN, _YELLOW, _RED, _PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"

Said: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Limit:
    """A window of a plan, as Claude Code tells of it: `resets_at` in seconds since 1970."""

    name: str
    used_percent: float
    resets_at: float | None


def register(app: "typer.Typer") -> None:
    """Add the command `statusline` to the application."""
    import typer

    def command(
        data: Annotated[
            Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")
        ] = None,
    ) -> None:
        """Print one line for Claude Code's status line, whose JSON it reads from stdin.

        In Claude Code's settings.json: "statusLine": {"type": "command", "command": "spanledger statusline"}
        """
        statusline(data)

    app.command("statusline")(command)


def statusline(data: Path | None = None) -> None:
    """Write the line; `data` is the folder of the ledger, else that of the settings."""
    said = read(sys.stdin.buffer.read(STDIN_BYTES_MAX))
    now_s = time.time()
    folder = data.expanduser() if data else data_folder()
    figures = _figures(folder)
    shown = line(said, figures, now_s, colour=not os.environ.get("NO_COLOR"))
    # Whatever the terminal's encoding is said to be: Claude Code reads UTF-8.
    sys.stdout.buffer.write(f"{shown}\n".encode("utf-8", "replace"))
    sys.stdout.buffer.flush()
    try:
        if folder.is_dir():
            keep_samples(folder, said, now_s)
            transcript = text(said, "transcript_path")
            ask_again(folder, now_s, lambda: _start(folder, transcript))
    except OSError:
        # The line is written; a folder that cannot be written to is what every other command complains of.
        return


def read(text: bytes) -> Said:
    """What Claude Code said; nothing where it is no JSON object."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def line(said: Said, figures: Said, now_s: float, *, colour: bool) -> str:
    """The line: model, session, today, block, context, and the windows of the plan, as far as they are known.

    An amount with ≈ is the list price of what a plan has paid for.
    """
    plan = bool(limits(said))
    parts = [_name(text(said, "model", "display_name") or text(said, "model", "id") or "Claude")]
    if (session := number(said, "cost", "total_cost_usd")) is not None:
        parts.append(f"{_usd(session, plan=plan)} session")
    parts += _known(figures, now_s, plan=plan)
    if (percent := context_percent(said)) is not None:
        parts.append(f"context {_percent(percent, colour=colour)}")
    shown = [f"{_SHORT_NAMES.get(limit.name, limit.name)} {_percent(limit.used_percent, colour=colour)}"
             for limit in limits(said)]  # fmt: skip
    if shown:
        parts.append(" ".join(shown))
    return _SEPARATOR.join(parts)


def context_percent(said: Said) -> float | None:
    """How much of the context window is full: as Claude Code says, else by its count of tokens."""
    if (percent := number(said, "context_window", "used_percentage")) is not None:
        return percent
    used = number(said, "context_window", "total_input_tokens")
    size = number(said, "context_window", "context_window_size")
    return None if used is None or not size else min(100 * used / size, 100.0)


def limits(said: Said) -> list[Limit]:
    """The windows of the plan; none for those who pay by the token, and before the first answer of a session."""
    windows = said.get("rate_limits")
    found = []
    for name, window in (windows if isinstance(windows, dict) else {}).items():
        if isinstance(window, dict) and (used := number(window, "used_percentage")) is not None:
            found.append(Limit(_name(str(name)), used, number(window, "resets_at")))
    return found


def keep_samples(folder: Path, said: Said, now_s: float) -> None:
    """Write down what the plan's windows are used to, where it is news, for the ledger. Raises OSError."""
    path = folder / SAMPLES_FILE
    known = {sample["window"]: sample for sample in _samples(path) if "window" in sample}
    session = text(said, "session_id") or "unknown"
    news = []
    for limit in limits(said):
        before = known.get(limit.name, {})
        same = (before.get("used_percent"), before.get("resets_at")) == (limit.used_percent, limit.resets_at)
        if not same or now_s - (number(before, "at") or 0) >= SAMPLE_S:
            news.append({
                "at": now_s, "session_id": session[:100], "window": limit.name, "used_percent": limit.used_percent,
                "resets_at": limit.resets_at, "window_minutes": WINDOW_MINUTES.get(limit.name),
            })  # fmt: skip
    if not news:
        return
    if path.exists() and path.stat().st_size > SAMPLES_BYTES_MAX:
        path.replace(path.with_suffix(".old.jsonl"))
    with path.open("ab") as file:
        # One write for all, so that two status lines at once do not mix their lines.
        file.write("".join(json.dumps(sample) + "\n" for sample in news).encode())


def ask_again(folder: Path, now_s: float, start: Callable[[], None]) -> None:
    """Have the ledger asked by another process (`start`), unless that was done just now. Raises OSError."""
    asked = folder / ASKED_FILE
    try:
        if now_s - asked.stat().st_mtime < FRESH_S:
            return
    except FileNotFoundError:
        pass
    asked.touch()
    start()


def text(said: object, *path: str) -> str | None:
    """A text somewhere in what was said; None where there is none."""
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    return said if isinstance(said, str) and said else None


def number(said: object, *path: str) -> float | None:
    """A finite number somewhere in what was said; None where there is none."""
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if abs(said) < 1e15 else None


def _known(figures: Said, now_s: float, *, plan: bool) -> Iterator[str]:
    """What was found out of today and of the block that goes on."""
    today = number(figures, "today_usd")
    if today is not None and now_s < (number(figures, "today_ends_s") or 0):
        yield f"{_usd(today, plan=plan)} today"
    block = figures.get("block")
    ends_s = number(block, "ends_s")
    if ends_s is None or now_s >= ends_s:
        return
    minutes = int(ends_s - now_s) // 60
    left = f"{minutes // 60}h {minutes % 60:02}m left"
    cost, rate = number(block, "cost_usd"), number(block, "cost_per_hour_usd")
    if cost is None or rate is None:
        yield f"block {left}"
    else:
        yield f"block {_usd(cost, plan=plan)}, {left}, {_usd(rate, plan=plan)}/h"


def _name(said: str) -> str:
    """A name as it can stand in a line: short, without what moves the cursor."""
    return "".join(character for character in said[:NAME_MAX] if character.isprintable())


def _usd(amount: float, *, plan: bool) -> str:
    return f"{'≈' if plan else ''}${amount:,.2f}"


def _percent(percent: float, *, colour: bool) -> str:
    shown = f"{percent:.0f}%"
    if not colour:
        return shown
    level = _RED if percent >= _ALARM_PERCENT else _YELLOW if percent >= _WARN_PERCENT else _GREEN
    return f"{level}{shown}{_PLAIN}"


def _figures(folder: Path) -> Said:
    try:
        return read((folder / FIGURES_FILE).read_bytes())
    except OSError:
        return {}


def _samples(path: Path) -> list[dict[str, object]]:
    """The last samples of a file: what was written down last stands in its last kilobytes."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - 4096, 0))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    return [dict(read(one)) for one in lines]


def _start(folder: Path, transcript: str | None) -> None:
    """Ask the ledger in a process of its own, which outlives this one."""
    import subprocess

    known = [transcript] if transcript and Path(transcript).is_absolute() else []
    subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "spanledger.cli.statusline_figures", str(folder), *known],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=folder,
    )
