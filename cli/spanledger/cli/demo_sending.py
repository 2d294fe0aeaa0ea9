"""Sends the demo's month: to the server that runs on the ledger, to any OTLP endpoint, or to one started for it."""

import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from spanledger.cli.failures import Failed, WrongUse
from spanledger.cli.source import KEY_VARIABLE, SERVER_FILE, source
from spanledger.instrumentation.demo.company import SERVICE_PREFIX
from spanledger.instrumentation.demo.month import Day, Story, play

BATCH_SPANS: Final = 512
"""What the SDK's own batch processor sends at once."""
EXPORT_TIMEOUT_S: Final = 30
"""For one batch with the exporter's own retries; the SDK's 10 s is for a program that must go on."""
CONNECT_TIMEOUT_S: Final = 2
PORTS: Final = {"http": 80, "https": 443}
STOP_TIMEOUT_S: Final = 15
"""A server says goodbye within ten seconds."""

ASKED: Final = f"""
SELECT count(*) AS calls,
       coalesce(sum(cost_usd), 0) AS cost_usd,
       count(*) FILTER (WHERE cost_usd IS NULL AND status = 'error') AS failed,
       count(*) FILTER (WHERE cost_usd IS NULL AND status <> 'error') AS unknown
FROM calls WHERE starts_with(service_name, '{SERVICE_PREFIX}')
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, and where."""

    endpoint: str
    first_day: date
    last_day: date
    calls: int
    spans: int

    def describe(self) -> dict[str, str | int]:
        """The same as JSON values."""
        days = {"first_day": self.first_day.isoformat(), "last_day": self.last_day.isoformat()}
        return {"endpoint": self.endpoint, **days, "calls": self.calls, "spans": self.spans}


@dataclass(frozen=True, slots=True)
class Held:
    """What a ledger holds of demo calls; `failed` and `unknown` have no cost."""

    calls: int
    cost_usd: Decimal
    failed: int
    unknown: int

    def describe(self) -> dict[str, str | int]:
        """The same as JSON values; the amount as text, so that nothing is rounded."""
        counts = {"calls": self.calls, "failed": self.failed, "unknown": self.unknown}
        return {"cost_usd": str(self.cost_usd), **counts}


def send_to(story: Story, endpoint: str) -> tuple[Sent, Held | None]:
    """Send to the OTLP/HTTP base URL `endpoint`, and ask there what became of it; None where no ledger answers."""
    if not _answers(endpoint):
        raise Failed(f"Nothing answers at {endpoint}: start a server there, or correct --endpoint.")
    sent = send(story, endpoint)
    try:
        return sent, ask(None, endpoint)
    except Failed:
        return sent, None  # a Collector, for instance, takes spans and answers no questions


def send_into(story: Story, folder: Path) -> tuple[Sent, Held]:
    """Send to the server that runs on the ledger in `folder`, else to one that is started for it."""
    running = running_server(folder)
    if running is not None:
        sent = send(story, running)
    else:
        with started_server(folder) as started:
            sent = send(story, started)
    return sent, ask(folder, None)


def ask(folder: Path | None, url: str | None) -> Held:
    """What the ledger holds of demo calls."""
    with source(folder, url) as answering:
        (row,) = answering.sql(ASKED, 1)["rows"]
    return Held(
        int(str(row["calls"])), Decimal(str(row["cost_usd"])), int(str(row["failed"])), int(str(row["unknown"]))
    )


def running_server(folder: Path) -> str | None:
    """The HTTP address of the server on the ledger in `folder`; None if none answers."""
    try:
        url = str(json.loads((folder / SERVER_FILE).read_text("utf-8"))["http"])
    except (OSError, ValueError, KeyError):
        return None
    return url if _answers(url) else None  # a server that was killed leaves its file behind


def _answers(url: str) -> bool:
    """Whether anything listens at an HTTP address. The exporter itself would try for long before it says no."""
    try:
        address = urlsplit(url)
        port = address.port or PORTS[address.scheme]
        with socket.create_connection((address.hostname, port), CONNECT_TIMEOUT_S):
            return True
    except KeyError as error:
        raise WrongUse(f"{url!r} is no OTLP/HTTP endpoint: write it as http://127.0.0.1:4318.") from error
    except (OSError, ValueError):
        return False


def send(story: Story, endpoint: str) -> Sent:
    """Play the story and export it to the OTLP/HTTP base URL `endpoint`. Raises `Failed` at the first refusal."""
    dates = story.dates()
    calls = spans = 0
    url = f"{endpoint.rstrip('/')}/v1/traces"
    key = os.environ.get(KEY_VARIABLE)
    headers = {"authorization": f"Bearer {key}"} if key else None
    exporter = OTLPSpanExporter(url, headers=headers, timeout=EXPORT_TIMEOUT_S)
    try:
        with _exporter_messages() as messages:
            for day in _with_progress(play(story), len(dates)):
                for first in range(0, len(day.spans), BATCH_SPANS):
                    batch = day.spans[first : first + BATCH_SPANS]
                    if exporter.export(batch) is not SpanExportResult.SUCCESS:
                        reason = messages[-1].rstrip(".") if messages else "no answer"
                        raise Failed(
                            f"{url} stopped taking the demo after {spans:,} spans ({reason}):"
                            " see to it, then send the demo again; nothing is counted twice."
                        )
                    spans += len(batch)
                calls += day.calls
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]
    return Sent(endpoint, dates[0], dates[-1], calls, spans)


@contextmanager
def started_server(folder: Path) -> Iterator[str]:
    """Start a server on the ledger in `folder` for as long as the block lasts; yields its HTTP address."""
    command = [sys.executable, "-m", "spanledger.cli.main", "up", "--data", str(folder), "--json"]
    command += ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        assert server.stdout is not None
        ready = server.stdout.readline()
        if not ready:
            server.wait()
            raise Failed("The demo needs a server, and none could be started: see above.")
        try:
            yield str(json.loads(ready)["http"])
        finally:
            server.terminate()
            try:
                server.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                server.kill()


def _with_progress(days: Iterator[Day], total: int) -> Iterator[Day]:
    """The same days, with a bar on stderr if that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("Sending"), BarColumn(), MofNCompleteColumn(), TextColumn("days"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("days", total=total)
        for day in days:
            yield day
            progress.advance(task)


@contextmanager
def _exporter_messages() -> Iterator[list[str]]:
    """What the exporter logs inside the block, instead of on the terminal: it says why only there."""
    messages: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger, handler = logging.getLogger("opentelemetry.exporter"), Keep()
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
