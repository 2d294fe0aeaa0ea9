"""What the commands about prices share: two options, and the way to the prices, which loads what is heavy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from spanledger.cli.failures import Failed

if TYPE_CHECKING:
    from spanledger.cli.price_source import Prices

Data: TypeAlias = Annotated[
    Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")
]
Url: TypeAlias = Annotated[str | None, typer.Option(help="Ask the server there, like http://127.0.0.1:4318.")]


@contextmanager
def prices(data: Path | None, url: str | None) -> "Iterator[Prices]":
    """The prices of the server at `url`, else of the ledger in `data`, else the installed ones. Raises Failed."""
    with needing_the_server_extra():
        from spanledger.cli import price_source
    with price_source.prices(data, url) as known:
        yield known


@contextmanager
def needing_the_server_extra() -> Iterator[None]:
    """Say how to get what is not installed, where that is the extra that servers need."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spanledger"):
            raise
        raise Failed("Prices need the server extra: pip install 'spanledger[server]'.") from error
