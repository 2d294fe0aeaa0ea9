"""`spanledger` alone: finds the logs of this machine, replays what is new, and prints the bill."""

from typing import Final

from spanledger.cli import replay_run
from spanledger.cli.replay_text import show
from spanledger.cli.replay_to import LEDGER_FILE, destination
from spanledger.cli.say import say
from spanledger.cli.source import source
from spanledger.instrumentation.replay.discovery import known_logs
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.run import Ages
from spanledger.instrumentation.replay.walking import Search

NEXT: Final = (
    ("spanledger report --by model", "the same by model, user, project, …; `spanledger report --help` has the views"),
    ("spanledger replay --watch", "follow what your tools write"),
    ("spanledger up", "receive OTLP from your programs, too"),
    ("spanledger doctor", "where was looked, and what is off"),
)


def first_bill() -> None:
    """Replay and show the bill. Raises Failed."""
    to = destination(None, None)
    search = Search()
    summary = replay_run.run(to, known_logs(SOURCES, search), Ages())
    show(summary, search, to)
    if not summary.sources and not (to.folder / LEDGER_FILE).exists():
        say("Send spans to `spanledger up`, or name your logs: `spanledger replay PATH`.")
        return
    with source(None, None) as answering:
        made = answering.report("month", None, None, "UTC")
    from rich.console import Console

    from spanledger.dashboards import report_text

    say()
    report_text.show_report(made, Console())
    say("\nNext:")
    width = max(len(command) for command, _ in NEXT)
    for command, what in NEXT:
        say(f"  {command:<{width}}  {what}")
