"""`spanledger key`: make, list and revoke the API keys that clients show."""

import json
from pathlib import Path
from typing import Annotated

import typer

from spanledger.cli.failures import Failed

Data = Annotated[Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")]
KeysFile = Annotated[
    Path | None, typer.Option("--keys", help="The keys file.", show_default="keys.toml in the data folder")
]


def register(app: typer.Typer) -> None:
    """Add the command `key` to the application."""
    commands = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
    commands.command("create")(create)
    commands.command("list")(list_keys)
    commands.command("revoke")(revoke)
    app.add_typer(commands, name="key")


def create(
    tenant: Annotated[str, typer.Option(help="Whose calls they are that come with this key.")] = "default",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may do: ingest, read, admin; repeat it.", show_default="ingest, read"),
    ] = None,
    data: Data = None,
    keys: KeysFile = None,
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    from spanledger.receiver import keys as api_keys

    path = _keys_file(data, keys)
    try:
        made = api_keys.create(path, tenant, tuple(scope or ("ingest", "read")))
    except (OSError, ValueError) as error:
        raise Failed(_sentence(error, path)) from error
    typer.echo(made)
    typer.echo(f"This is the only time it is shown. Its hash was added to {path}.", err=True)


def list_keys(
    data: Data = None,
    keys: KeysFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List the keys by id: whose they are and what they may do."""
    from spanledger.receiver import keys as api_keys

    path = _keys_file(data, keys)
    try:
        known = api_keys.read_keys(path) if path.exists() else []
    except ValueError as error:
        raise Failed(str(error)) from error
    rows = [{"id": key.id, "tenant": key.tenant, "scopes": sorted(key.scopes)} for key in known]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['id']}  {row['tenant']}  {', '.join(row['scopes'])}")
    if not rows:
        typer.echo(f"{path} holds no keys: `spanledger key create` makes one.", err=True)


def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id, as `spanledger key list` shows it.")],
    data: Data = None,
    keys: KeysFile = None,
) -> None:
    """Take a key back: a running server stops accepting it within two seconds."""
    from spanledger.receiver import keys as api_keys

    path = _keys_file(data, keys)
    try:
        api_keys.revoke(path, key_id)
    except (OSError, ValueError) as error:
        raise Failed(_sentence(error, path)) from error
    typer.echo(f"Revoked {key_id}.")


def _keys_file(data: Path | None, keys: Path | None) -> Path:
    from spanledger.cli import settings

    return settings.load(data=data, keys=keys).keys_file


def _sentence(error: Exception, path: Path) -> str:
    if isinstance(error, OSError):
        return f"The keys file {path} cannot be written: {error.strerror}."
    return str(error)
