"""`spanledger demo`: a month of an invented company's calls, sent over OTLP like anyone's; and out again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from spanledger.cli.failures import Failed, WrongUse

if TYPE_CHECKING:
    from spanledger.cli.demo_sending import Held, Sent

DAYS_MAX: Final = 366
CALLS_PER_DAY_MAX: Final = 100_000
"""A demo beyond these is a load test."""

QUESTION: Final = "SELECT user_id, sum(cost_usd) AS cost_usd FROM calls GROUP BY user_id ORDER BY cost_usd DESC LIMIT 5"


def register(app: typer.Typer) -> None:
    """Add the command `demo` to the application."""
    app.command("demo")(demo)


def demo(
    data: Annotated[
        Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Send to this OTLP/HTTP endpoint instead, such as http://127.0.0.1:4318."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="How many days, up to now.")] = 30,
    calls_per_day: Annotated[
        int, typer.Option(min=1, max=CALLS_PER_DAY_MAX, help="About how many calls on a working day.")
    ] = 600,
    seed: Annotated[int, typer.Option(help="Another seed tells another story.")] = 1,
    remove: Annotated[bool, typer.Option("--remove", help="Remove all demo calls from the ledger.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fill the ledger with a month of an invented company's calls, or remove them again.

    Its services are all named demo-…, so that its calls are easy to tell from real ones. Sent twice, they count once.
    A server that wants a key gets that of SPANLEDGER_API_KEY. Stop the server before you remove.
    """
    from spanledger.cli import settings

    if endpoint is not None and (data is not None or remove):
        raise WrongUse("--endpoint names a server, wherever its ledger lies: use it without --data and --remove.")
    folder = settings.load(data=data).data
    if remove:
        removed = _remove(folder)
        typer.echo(json.dumps({"removed": removed}) if as_json else f"Removed {removed:,} demo calls from {folder}.")
        return
    from spanledger.cli import demo_sending
    from spanledger.instrumentation.demo.month import Story

    story = Story(until=datetime.now(UTC), days=days, calls_per_day=calls_per_day, seed=seed)
    sent, held = demo_sending.send_to(story, endpoint) if endpoint else demo_sending.send_into(story, folder)
    if as_json:
        typer.echo(json.dumps(sent.describe() | {"ledger": held and held.describe()}))
    else:
        where = f" --url {endpoint}" if endpoint else f" --data {data}" if data else ""
        typer.echo(_told(sent, held, str(endpoint or folder), where))
        if not endpoint:
            typer.echo(f"  spanledger demo --remove{where}")


def _remove(folder: Path) -> int:
    from spanledger.instrumentation.demo.company import SERVICE_PREFIX

    try:
        from spanledger.storage.ledger import Ledger
        from spanledger.storage.opening import FILE_NAME
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spanledger"):
            raise
        raise Failed("To change a ledger on this machine: pip install 'spanledger[server]'.") from error
    if not (folder / FILE_NAME).exists():
        return 0
    ledger = Ledger.open(folder)
    try:
        return ledger.remove_service_prefix(SERVICE_PREFIX)
    finally:
        ledger.close()


def _told(sent: "Sent", held: "Held | None", to: str, where: str) -> str:
    """What was sent, what the ledger says of it, and what to ask next."""
    days = f"{sent.first_day.day} {sent.first_day:%B} to {sent.last_day.day} {sent.last_day:%B %Y}"
    lines = [f"Sent {sent.spans:,} spans with {sent.calls:,} calls of {days} to {to}."]
    if held is not None:
        lines += [
            f"The ledger holds {held.calls:,} demo calls for ${held.cost_usd:,.2f}.",
            f"Without a cost are {held.failed:,} that failed and {held.unknown:,} of a model that no price list knows.",
            "",
            "Next:",
            f"  spanledger report --by model{where}",
            f'  spanledger sql{where} "{QUESTION}"',
        ]
    return "\n".join(lines)
