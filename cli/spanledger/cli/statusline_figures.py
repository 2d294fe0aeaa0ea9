"""What the status line shows of the ledger: found out in a process of its own, and left in a file for the next line.

The transcripts of the project at hand are replayed first, and what Claude Code said of the plan's windows, so that the
figures are those of this moment.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from spanledger.cli.failures import Failed
from spanledger.cli.source import SERVER_FILE, Source, source
from spanledger.cli.statusline import FIGURES_FILE, SAMPLES_FILE
from spanledger.dashboards.documents import Json

BLOCK_LOOK_BACK: Final = "24h"
"""A block that goes on began within five hours; which one it is follows from those before."""

SERVICES: Final = ("claude-code", "claude_code")
"""What Claude Code calls itself in its telemetry, and `replay` calls it."""

REPLAY_S_MAX: Final = 120.0
"""A first replay of a long history takes longer; it goes on where it was stopped."""

LEDGER_FILE: Final = "ledger.duckdb"


def main() -> None:
    """Find out and write down. Arguments: the data folder, and the transcript of the session at hand, if any."""
    folder = Path(sys.argv[1])
    transcripts = [Path(path).parent for path in sys.argv[2:]]
    figures: dict[str, Json]
    try:
        if (folder / LEDGER_FILE).exists() or (folder / SERVER_FILE).exists():
            replay(folder, [*transcripts, folder / SAMPLES_FILE])
        with source(folder, None) as answering:
            figures = figures_of(answering, datetime.now().astimezone())
    except Failed as error:
        figures = {"problem": str(error)}
    write(folder, figures | {"asked_s": time.time()})


def replay(folder: Path, logs: list[Path]) -> None:
    """Replay those of the logs that are there. What goes wrong with it is for `spanledger replay` to say."""
    there = [str(path) for path in logs if path.exists()]
    if not there:
        return
    command = [sys.executable, "-m", "spanledger.cli.main", "replay", "--data", str(folder), "--json", *there]
    try:
        subprocess.run(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=REPLAY_S_MAX, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return


def figures_of(answering: Source, now: datetime) -> dict[str, Json]:
    """Today's cost and Claude Code's block that goes on. `now` is in the zone of this machine. Raises Failed."""
    today = now.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    # Without a zone it is this machine's, whose midnights are where its clocks say.
    total = answering.report("tenant", today.astimezone().isoformat(), None, "UTC")["total"]
    cost = _number(total["cost_usd"])
    found: dict[str, Json] = {
        "today_usd": 0.0 if cost is None and not total["unpriced"] else cost,
        "today_ends_s": (today + timedelta(days=1)).timestamp(),
    }
    for row in answering.view("blocks", {"by": "service", "since": BLOCK_LOOK_BACK})["rows"]:
        if row["active"] and row["service"] in SERVICES:
            found["block"] = {
                "ends_s": datetime.fromisoformat(str(row["ends_at"])).timestamp(),
                "tokens_per_minute": row["tokens_per_minute"],
                "cost_usd": _number(row["cost_usd"]),
                "cost_per_hour_usd": _number(row["cost_per_hour_usd"]),
            }
    return found


def write(folder: Path, figures: dict[str, Json]) -> None:
    """Write the figures in one go: a status line never reads half of them."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=FIGURES_FILE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(figures, file)
    Path(name).replace(folder / FIGURES_FILE)


def _number(usd: Json) -> float | None:
    return None if usd is None else float(str(usd))


if __name__ == "__main__":
    main()
