"""Where a replay goes: an endpoint that was named, the server that holds the ledger, or the ledger itself."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from spanledger.cli.data_folder import CONFIG_FILE, CONFIG_VARIABLE
from spanledger.cli.data_folder import data_folder as data_folder_said
from spanledger.cli.failures import Failed, WrongUse
from spanledger.instrumentation.replay.positions import Positions
from spanledger.instrumentation.replay.run import Ship

if TYPE_CHECKING:
    from spanledger.instrumentation.replay.otlp_spans import Export

POSITIONS_FILE: Final = "replay.sqlite"
LEDGER_FILE: Final = "ledger.duckdb"
THE_LEDGER: Final = "ledger"
"""What positions call the ledger of their folder, whoever writes to it."""

CONNECT_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True)
class Destination:
    """`folder`: where the positions lie, and the ledger unless `endpoint` names another place."""

    folder: Path
    endpoint: str | None = None

    @property
    def name(self) -> str:
        """What positions call it."""
        return self.endpoint.rstrip("/") if self.endpoint else THE_LEDGER

    def describe(self) -> str:
        """What people call it."""
        return self.endpoint or f"the ledger in {self.folder}"


def destination(data: Path | None, endpoint: str | None) -> Destination:
    """Where the options say. Raises WrongUse."""
    if endpoint is not None:
        address = urlsplit(endpoint)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise WrongUse(f"{endpoint!r} is no address of an endpoint: write it as http://127.0.0.1:4318.")
    return Destination(data_folder(data), endpoint)


def data_folder(data: Path | None) -> Path:
    """The folder of the ledger, by the same rule as every command: flag, environment, file, default.

    The settings themselves take longer to import than a replay with nothing new; they are asked where a file may say
    more than a flag and the environment do.
    """
    if os.environ.get(CONFIG_VARIABLE) or Path(CONFIG_FILE).exists():
        from spanledger.cli import settings

        return settings.load(data=data).data
    return data.expanduser() if data else data_folder_said()


@contextmanager
def positions_of(to: Destination) -> Iterator[Positions]:
    """How far the logs were read for a destination. Raises Failed."""
    file = to.folder / POSITIONS_FILE
    try:
        positions = Positions(file, to.name)
    except (sqlite3.Error, OSError) as error:
        raise Failed(f"{file} cannot be opened ({error}): see that the folder can be written to.") from error
    try:
        if to.endpoint is None and len(positions) and not (to.folder / LEDGER_FILE).exists():
            positions.forget()  # the ledger was removed: it knows nothing of what was read
        yield positions
    finally:
        positions.close()


@contextmanager
def opened(to: Destination) -> Iterator[Ship]:
    """What carries requests there; its records are durable when it returns. Raises Failed."""
    url = to.endpoint or running_server(to.folder)
    with ExitStack() as parts:
        if url is None:
            yield parts.enter_context(_into_ledger(to.folder))
        else:
            yield parts.enter_context(_over_otlp(url))


@contextmanager
def _over_otlp(url: str) -> Iterator[Ship]:
    from spanledger.instrumentation.replay.shipping import OtlpEndpoint, ShippingFailed

    key = os.environ.get("SPANLEDGER_API_KEY")
    try:
        endpoint = OtlpEndpoint(url, {"Authorization": f"Bearer {key}"} if key else None)

        def ship(exports: "Sequence[Export]") -> Callable[[], int]:
            rejected = endpoint(exports)
            return lambda: rejected

        try:
            yield ship
        finally:
            endpoint.close()
    except ShippingFailed as error:
        raise Failed(str(error)) from error


@contextmanager
def _into_ledger(folder: Path) -> Iterator[Ship]:
    try:
        from spanledger.cli.replay_ledger import into_ledger
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spanledger"):
            raise
        raise Failed(
            "To keep a ledger on this machine: pip install 'spanledger[server]'; or name a server with --endpoint."
        ) from error
    with into_ledger(folder) as ship:
        yield ship


def running_server(folder: Path) -> str | None:
    """The HTTP address of the server that holds the ledger in `folder`; None if none answers."""
    try:
        url = str(json.loads((folder / "server.json").read_text("utf-8"))["http"])
        from socket import create_connection  # a replay with nothing new does without

        address = urlsplit(url)
        port = address.port or {"http": 80, "https": 443}[address.scheme]
        with create_connection((address.hostname or "", port), CONNECT_TIMEOUT_S):
            return url
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a server that was killed leaves its file behind
