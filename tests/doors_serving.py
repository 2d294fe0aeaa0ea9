"""The JSON doors of a server on loopback, with a ledger behind them, and a client of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from spanledger.cli.doors import doors
from spanledger.cli.wiring import wire
from spanledger.receiver.http import OtlpHttp
from spanledger.receiver.http_server import HttpServer
from spanledger.receiver.intake import Intake
from spanledger.receiver.keys import Keys, create
from spanledger.receiver.limits import Limits
from spanledger.storage.ledger import Ledger
from tests.replaying import pricing

TIMEOUT_S = 30
CANARY = "CANARY-7f3a"


class Doors:
    """A server with a ledger of its own; `keys` are those that it was started with."""

    def __init__(self, ledger: Ledger, port: int, keys: list[str]) -> None:
        self.ledger = ledger
        self.keys = keys
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx2.Client(base_url=self.url, timeout=TIMEOUT_S)

    def post(self, path: str, body: object, **headers: str) -> httpx2.Response:
        """Post JSON."""
        return self.client.post(
            path, json=body, headers={name.replace("_", "-"): said for name, said in headers.items()}
        )

    def upload(self, lines: bytes, metadata: str = '{"client_hostname": "web-1"}') -> httpx2.Response:
        """Post a file as Tokenly's client does."""
        return self.client.post("/api/ingest", data={"metadata": metadata}, files={"file": ("usage.jsonl", lines)})

    def rows(self, query: str = "select * from calls order by started_at, input_tokens") -> list[dict[str, Any]]:
        """What the ledger holds."""
        with self.ledger.reader() as reader:
            return reader.query(query).to_pylist()

    def everything(self) -> str:
        """All that any table of the ledger says."""
        tables = ("calls", "span_records", "usage_points", "rejections")
        return str([self.rows(f"select * from {table}") for table in tables])


@contextmanager
def serving_doors(folder: Path) -> Iterator[Callable[..., Doors]]:
    """Starts such servers; each is stopped at the end."""
    closing: list[Callable[[], object]] = []

    def start(*keys: tuple[str, str], limits: Limits | None = None) -> Doors:
        """`keys`: the tenant and the scope of each."""
        keys_file = folder / f"keys-{len(closing)}.toml"
        made = [create(keys_file, tenant, [scope]) for tenant, scope in keys]
        ledger = Ledger.open(folder / f"ledger-{len(closing)}")
        prepare, store = wire(ledger, pricing())
        intake = Intake(prepare, store)
        known = Keys.load(keys_file) if keys else Keys.none()
        limits = limits or Limits()
        app = OtlpHttp(intake.submit, known, limits, lambda: True, doors=doors())
        server = HttpServer(app, "127.0.0.1", 0, limits).start()
        served = Doors(ledger, server.port, made)
        closing.extend([ledger.close, intake.stop, server.stop, served.client.close])
        return served

    try:
        yield start
    finally:
        for close in reversed(closing):
            close()
