"""A replay of whatever is new in the known places: what `spanledger replay` does unless its options say more."""

import json
from pathlib import Path

from spanledger.cli import replay_run
from spanledger.cli.replay_text import described, show
from spanledger.cli.replay_to import destination
from spanledger.cli.say import say
from spanledger.instrumentation.replay.discovery import known_logs
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.run import Ages
from spanledger.instrumentation.replay.walking import Search


def replay_known(data: Path | None, *, as_json: bool) -> None:
    """Replay and tell what was done. Raises Failed."""
    to = destination(data, None)
    search = Search()
    summary = replay_run.run(to, known_logs(SOURCES, search), Ages(), quiet=as_json)
    if as_json:
        say(json.dumps(described(summary, search, to), ensure_ascii=False))
    else:
        show(summary, search, to)
