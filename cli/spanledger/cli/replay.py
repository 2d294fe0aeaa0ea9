"""`spanledger replay`: the logs that are already on disk, as spans into the ledger or to an endpoint."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from spanledger.cli.failures import Failed, WrongUse


def register(app: typer.Typer) -> None:
    """Add the command `replay` to the application."""
    app.command("replay")(replay)


def replay(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH]…", help="Files, folders or patterns; without any, the places where known tools keep logs."
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only logs of this kind, such as claude-code or codex.")
    ] = None,
    fields: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="Read the files by this field map, a TOML file."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Send to this OTLP/HTTP endpoint instead, such as http://127.0.0.1:4318."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and follow what is written.")] = False,
    min_age: Annotated[
        str | None, typer.Option(metavar="AGE", help="Only files unchanged for so long, like 24h or 10min.")
    ] = None,
    max_age: Annotated[
        str | None, typer.Option(metavar="AGE", help="Only files changed no longer ago, like 30d.")
    ] = None,
    delete_shipped: Annotated[
        bool,
        typer.Option("--delete-shipped", help="Delete each file that was read to its end and has not changed since."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Replay logs that are on disk: calls, tools and prompts become spans, each once, however often this is run.

    They go into the ledger, or to the server that holds it. No content is read: only names, numbers and times.

    A server that wants a key gets that of SPANLEDGER_API_KEY.
    """
    from spanledger.cli import replay_run
    from spanledger.cli.replay_text import described, show
    from spanledger.cli.replay_to import destination
    from spanledger.instrumentation.replay.discovery import Found, given_logs, known_logs
    from spanledger.instrumentation.replay.walking import Search

    if paths and watch:
        raise WrongUse("--watch follows the places of known tools: use it without paths.")
    if delete_shipped and not paths:
        raise WrongUse("--delete-shipped deletes only what you name: give the files or folders.")
    sources = replay_run.sources_of(source, fields)
    if fields is not None and not paths:
        raise WrongUse("--map reads the files that you name: give them.")
    ages = replay_run.ages_of(min_age, max_age)
    to = destination(data, endpoint)
    forced = sources[0] if source or fields else None
    search = Search()
    if watch:
        from spanledger.cli.replay_watch import watch as follow

        follow(to, sources, ages, as_json=as_json)
        return

    def logs() -> Iterator[Found]:
        return given_logs(paths, sources, search, forced) if paths else known_logs(sources, search)

    summary = replay_run.run(to, logs(), ages, quiet=as_json)
    deleted = replay_run.deleted(summary) if delete_shipped else []
    if as_json:
        typer.echo(json.dumps(described(summary, search, to, deleted), ensure_ascii=False))
    else:
        show(summary, search, to, deleted)
    if paths and search.skipped and not summary.sources:
        raise Failed("None of these is a log that is known: name its kind with --source, or its fields with --map.")
