"""Puts the server together, runs it until it is told to stop, and takes it apart in the other order.

Started from the sink backwards (ledger, intake, listeners), so that nothing arrives before it can be stored; stopped
from the source forwards, so that nothing that arrived is left behind.
"""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final

import typer

from spanledger.cli import process
from spanledger.cli.addresses import Address
from spanledger.cli.doors import doors
from spanledger.cli.failures import Failed, WrongUse
from spanledger.cli.live_book import LiveBook
from spanledger.cli.price_keeper import PriceKeeper
from spanledger.cli.settings import Settings
from spanledger.cli.source import SERVER_FILE
from spanledger.cli.wiring import wire
from spanledger.dashboards.api import create_app
from spanledger.receiver.contract import Unauthenticated
from spanledger.receiver.counters import Counters
from spanledger.receiver.grpc_server import GrpcServer
from spanledger.receiver.http import OtlpHttp
from spanledger.receiver.http_server import HttpServer
from spanledger.receiver.intake import Intake
from spanledger.receiver.keys import Keys
from spanledger.receiver.limits import Limits
from spanledger.receiver.tls import Tls
from spanledger.storage.errors import LedgerError
from spanledger.storage.ledger import Ledger

DRAIN_TIMEOUT_S: Final = 5.0
GRACE_S: Final = 1.0
STOP_TIMEOUT_S: Final = 9.5
"""By then the process is gone, whatever hangs, with nothing acknowledged lost: the promise is ten seconds."""


@dataclass(frozen=True)
class Running:
    """A server that is up: where it listens and where its data lies."""

    data: Path
    grpc: Address
    http: Address
    scheme: str

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"{self.scheme}://{self.http}"

    def describe(self) -> dict[str, str | int]:
        """What other programs need to know; the content of `server.json`."""
        return {"pid": os.getpid(), "version": version("spanledger"), "grpc": str(self.grpc), "http": self.url}


WAKE_S: Final = 0.5
"""How often the main thread looks whether a signal has come."""


class StopSignal:
    """Waits for SIGTERM or SIGINT; a second one ends the process at once."""

    def __init__(self) -> None:
        self.received = False
        # A handler interrupts its own thread anywhere, also inside a lock: of the queues only this one allows for that.
        self._received: SimpleQueue[int] = SimpleQueue()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.received:
            os._exit(128 + number)
        self.received = True
        self._received.put(number)

    def wait(self) -> None:
        """Return once the first signal has come.

        Not one endless wait: a signal that comes just before it begins, or to another thread, would not end it.
        """
        while not self.received:
            with suppress(Empty):
                self._received.get(timeout=WAKE_S)


def run(settings: Settings, *, as_json: bool) -> None:
    """Serve until SIGTERM or SIGINT. Raises `Failed`, one sentence, if the server cannot start; then nothing runs."""
    stopping = StopSignal()
    with ExitStack() as parts:
        running = start(settings, parts, stopping)
        parts.enter_context(server_file(running))
        process.settle()
        announce(running, as_json=as_json)
        stopping.wait()
        watchdog = threading.Timer(STOP_TIMEOUT_S, give_up)
        watchdog.daemon = True
        watchdog.start()
    watchdog.cancel()


def start(settings: Settings, parts: ExitStack, stopping: StopSignal) -> Running:
    """Start every part; `parts` takes them apart again, also when a later one fails to start."""
    keys = load_keys(settings)
    check_exposure(settings, keys)
    usual = Limits()
    limits = replace(
        usual,
        body_bytes_max=settings.body_bytes_max,
        in_flight_bytes_max=max(usual.in_flight_bytes_max, settings.body_bytes_max),
    )
    tls = None
    if settings.tls_certificate is not None and settings.tls_key is not None:
        tls = Tls(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
    try:
        ledger = Ledger.open(settings.data)
        parts.callback(ledger.close)
        book = LiveBook(ledger)
        keeper = PriceKeeper(ledger, book)
        parts.callback(keeper.stop)
        keeper.start()
        counters = Counters()
        prepare, store = wire(
            ledger,
            book.price,
            keep_content=settings.keep_content,
            keep_all_spans=settings.keep_all_spans,
            counters=counters,
        )
        intake = Intake(prepare, store, linger_s=settings.linger_s, counters=counters)
        parts.callback(intake.stop, DRAIN_TIMEOUT_S)  # for a start that fails; a stop begins with the one below
        grpc = GrpcServer(intake.submit, keys, limits, settings.grpc.host, settings.grpc.port, tls, counters)
        app = OtlpHttp(
            intake.submit,
            keys,
            limits,
            fallback=create_app(ledger, keys, Unauthenticated),
            ready=lambda: not stopping.received,
            counters=counters,
            doors=doors(),
        )
        http = HttpServer(app, settings.http.host, settings.http.port, limits, tls)
        parts.callback(grpc.stop, GRACE_S)
        grpc.start()
        parts.callback(http.stop, GRACE_S)
        http.start()
        # Last in, first out: what still arrives is told to come back while what had arrived is stored.
        parts.callback(intake.stop, DRAIN_TIMEOUT_S)
    except (LedgerError, ValueError) as error:
        raise Failed(str(error)) from error
    except OSError as error:
        raise Failed(error.strerror or str(error)) from error
    return Running(
        settings.data,
        Address(settings.grpc.host, grpc.port),
        Address(settings.http.host, http.port),
        "http" if tls is None else "https",
    )


def load_keys(settings: Settings) -> Keys:
    """The API keys, if a keys file is named or lies in the data folder; else none are needed."""
    if settings.keys is None and not settings.keys_file.exists():
        return Keys.none()
    try:
        return Keys.load(settings.keys_file)
    except ValueError as error:
        raise Failed(str(error)) from error


def check_exposure(settings: Settings, keys: Keys) -> None:
    """Nobody is served to the network without keys, nor in the clear without having said so."""
    for name, address in (("grpc", settings.grpc), ("http", settings.http)):
        if address.is_loopback:
            continue
        if not keys.required:
            raise WrongUse(
                f"--{name} {address} is open to the network, which needs API keys: `spanledger key create` makes one."
            )
        if settings.tls_certificate is None and not settings.insecure:
            raise WrongUse(
                f"--{name} {address} is open to the network, which needs --tls-certificate and --tls-key, "
                "or --insecure if something in front does TLS."
            )


@contextmanager
def server_file(running: Running) -> Iterator[None]:
    """Keep `server.json` in the data folder for as long as the block lasts."""
    path = running.data / SERVER_FILE
    unfinished = path.with_suffix(".json.new")
    try:
        unfinished.write_text(json.dumps(running.describe()) + "\n")
        unfinished.replace(path)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def announce(running: Running, *, as_json: bool) -> None:
    """Say where the server listens and where the data lies, as text or as one line of JSON."""
    if as_json:
        typer.echo(json.dumps(running.describe() | {"data": str(running.data)}))
        return
    typer.echo(f"Spanledger {version('spanledger')} is ready.")
    typer.echo(f"  OTLP/gRPC  {running.grpc}")
    typer.echo(f"  OTLP/HTTP  {running.url}  (also the API)")
    typer.echo(f"  ledger     {running.data}")


def give_up() -> None:
    """End a process that did not stop in time. What was acknowledged is in the ledger already."""
    typer.echo("Stopping took too long: ended now; everything acknowledged is in the ledger.", err=True)
    os._exit(1)
