"""`spanledger prices update` and `diff`: another price list, from a file or an address, and what it changes."""

import json
import sys
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spanledger.cli.failures import Failed, WrongUse
from spanledger.cli.price_access import Data, Url, prices
from spanledger.dashboards.documents import sentence
from spanledger.storage.errors import LedgerError, LedgerInUse

if TYPE_CHECKING:
    from spanledger.cli.price_source import Prices
    from spanledger.processors.pricing.catalogue import Catalogue
    from spanledger.storage.catalogues import Chooser

INSTALLED: Final = "installed"
BYTES_MAX: Final = 64 << 20
"""The lists that there are have some 3 MB."""
TIMEOUT_S: Final = 30.0
SHOWN: Final = 40


def update(
    origin: Annotated[
        str,
        typer.Option(
            "--from", metavar="FILE|URL|installed", help="genai-prices' data (v2 JSON), or the list of this program."
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Take another price list for the calls that arrive from now on, after its differences were shown.

    Stored costs stay as they are: `spanledger reprice` changes them. Works beside a running server. This is the only
    command that uses the network for prices, and only if --from is an address.
    """
    if not (yes or (sys.stdin.isatty() and not as_json)):
        raise WrongUse("Nobody can be asked here: say --yes to take the price list.")
    with prices(data, None) as known:
        new = known.installed() if origin == INSTALLED else read_list(origin)
        chosen = known.rows("select catalogue_id, chosen_by from catalogues where in_force")
        old = known.in_force() if chosen else None
        folder = known.folder
    by: Chooser = "installed" if origin == INSTALLED else "user"
    changes = _changes(old, new)
    before = {"catalogue_id": old.id, "source": old.source} if old else None
    told = {"before": before, "after": {"catalogue_id": new.id, "source": new.source}, "changes": changes}
    if chosen == [{"catalogue_id": new.id, "chosen_by": by}]:
        typer.echo(json.dumps(told | {"taken": False}, indent=1) if as_json else f"{new.source} is in force already.")
        return
    if not as_json:
        _show(old, new, changes)
        if not yes and not typer.confirm("Price calls by it from now on?"):
            raise Failed("Nothing was changed.")
    _take(folder, new, by)
    if as_json:
        typer.echo(json.dumps(told | {"taken": True}, ensure_ascii=False, indent=1))
    else:
        typer.echo(f"Calls are priced by {new.source} ({new.id}) from now on; stored costs stay as they are.")


def diff(
    first: Annotated[
        str | None, typer.Argument(metavar="[A]", help="A version: the beginning of its id, or installed.")
    ] = None,
    second: Annotated[str | None, typer.Argument(metavar="[B]", help="Another one, else the one in force.")] = None,
    data: Data = None,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; amounts are exact.")] = False,
) -> None:
    """Show what version B of the price list changes of A; without any, the versions that the ledger knows."""
    with prices(data, url) as known:
        if first is None:
            _versions(known, as_json=as_json)
            return
        old = known.named(first)
        new = known.in_force() if second is None else known.named(second)
    changes = _changes(old, new)
    if as_json:
        typer.echo(json.dumps(changes, ensure_ascii=False, indent=1))
    else:
        _show(old, new, changes)


def _versions(known: "Prices", *, as_json: bool) -> None:
    rows = known.rows(
        "select catalogue_id, source, known_from, in_force_from, chosen_by, in_force from catalogues"
        " order by known_from"
    )
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    if not rows:
        typer.echo(f"There is no ledger in {known.folder} yet, so none is kept.", err=True)
        return
    _table(
        ["catalogue", "source", "known from", "in force from", "chosen by", ""],
        [
            [
                str(row["catalogue_id"]),
                str(row["source"]),
                str(row["known_from"])[:19],
                str(row["in_force_from"])[:19],
                str(row["chosen_by"]),
                "in force" if row["in_force"] else "",
            ]
            for row in rows
        ],
    )


def read_list(origin: str) -> "Catalogue":
    """A catalogue from a file or an address. Raises Failed."""
    from spanledger.processors.pricing.bundled import bundled_overlay
    from spanledger.processors.pricing.catalogue import CatalogueError
    from spanledger.processors.pricing.catalogue_file import MAGIC, load
    from spanledger.processors.pricing.genai_prices_data import compile_catalogue
    from spanledger.processors.pricing.genai_prices_json import read_providers

    content = _fetched(origin) if origin.startswith(("http://", "https://")) else _file(Path(origin))
    try:
        if content.startswith(MAGIC):
            return load(content, origin)
        return compile_catalogue(read_providers(content, origin), f"genai-prices of {origin}", bundled_overlay())
    except CatalogueError as error:
        raise Failed(sentence(error)) from error


def _file(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.") from error


def _fetched(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http(s) only, see read_list
            content: bytes = answer.read(BYTES_MAX + 1)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Failed(
            f"{url} cannot be fetched ({reason}): get the file by other means, and give it to --from."
        ) from error
    if len(content) > BYTES_MAX:
        raise Failed(f"What {url} gives is longer than {BYTES_MAX >> 20} MiB: that is no price list.")
    return content


def _take(folder: Path, new: "Catalogue", by: "Chooser") -> None:
    """Put a catalogue in force: here, or through the server that holds the ledger."""
    from spanledger.cli import mailbox
    from spanledger.cli.live_book import to_take
    from spanledger.cli.price_book import stored
    from spanledger.storage.catalogues import put_in_force
    from spanledger.storage.ledger import Ledger

    try:
        ledger = Ledger.open(folder)
    except LedgerInUse:
        mailbox.ask(folder, "catalogue", to_take(new, by))
        return
    except LedgerError as error:
        raise Failed(sentence(error)) from error
    try:
        put_in_force(ledger, stored(new), by)
    except LedgerError as error:
        raise Failed(sentence(error)) from error
    finally:
        ledger.close()


def _changes(old: "Catalogue | None", new: "Catalogue") -> dict[str, Any]:
    """What changes, as JSON has it."""
    from spanledger.processors.pricing.compare import diff as compared

    if old is None:
        return {}
    found = compared(old, new)
    prices_changed = [
        {
            "price_id": one.price_id,
            "model": one.model_key,
            "before_usd": _amounts(one.before),
            "after_usd": _amounts(one.after),
        }
        for one in found.changed
    ]
    return {
        "added": list(found.added),
        "removed": list(found.removed),
        "changed": prices_changed,
        "renamed": list(found.renamed),
        "conditions_added": list(found.conditions_added),
        "conditions_removed": list(found.conditions_removed),
    }


def _amounts(dollars: "Mapping[str, Decimal | None]") -> dict[str, str | None]:
    return {unit: None if amount is None else f"{amount:f}" for unit, amount in dollars.items()}


_TITLES: Final = {
    "added": "New models",
    "removed": "Models that are gone",
    "renamed": "Models with other names",
    "conditions_added": "New conditions",
    "conditions_removed": "Conditions that are gone",
}


def _show(old: "Catalogue | None", new: "Catalogue", changes: Mapping[str, Any]) -> None:
    if old is None:
        typer.echo(f"{new.source} ({new.id}) is the first price list of this ledger.")
        return
    typer.echo(f"From {old.source} ({old.id}) to {new.source} ({new.id}):")
    if not any(changes.values()):
        typer.echo("No price changes.")
    for kind, title in _TITLES.items():
        if names := changes[kind]:
            more = f", and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            typer.echo(f"{title} ({len(names):,}): {', '.join(names[:SHOWN])}{more}.")
    rows = [
        [one["price_id"], unit.replace("_", " "), one["before_usd"][unit] or "-", one["after_usd"][unit] or "-"]
        for one in changes["changed"]
        for unit in one["before_usd"]
    ]
    if rows:
        typer.echo(f"Prices that change ({len(rows):,}), in dollars:")
        _table(["price", "unit", "before", "after"], rows[:SHOWN])
    if len(rows) > SHOWN:
        typer.echo(f"And {len(rows) - SHOWN:,} more; --json has them all.")


def _table(header: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console

    from spanledger.dashboards.tables import Grid, show

    show(Grid(header, rows, ()), Console())
