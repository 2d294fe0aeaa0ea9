"""Feeding records to a ledger in every order, and what it says of them: for tests of what tells of one call twice."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger.cli.wiring import wire
from spanledger.receiver.contract import Request, Stored
from spanledger.storage.ledger import Ledger
from tests.otlp_logs import log_body
from tests.otlp_requests import STARTED_NS, body

MS = 1_000_000
TENANTS = count()
OF_TENANT = ("tenant", "ingested_at", "call_id", "record_hash", "response_hash", "request_hash", "context_hash",
             "fingerprint")  # fmt: skip
"""Columns that differ by tenant or by time of arrival."""


class Told(Protocol):
    """Asks what the ledger says of requests, which must be the same however they arrive."""

    def __call__(self, *requests: Request, table: str = "calls", **options: bool) -> list[dict[str, Any]]:
        """The rows of a table, by time; `options` are those of `wire`."""


@contextmanager
def telling(folder: Path) -> Iterator[Told]:
    """A ledger that is asked so: fed in order and in reverse, one by one and all at once, and twice."""
    ledger = Ledger.open(folder)

    def tell(*requests: Request, table: str = "calls", **options: bool) -> list[dict[str, Any]]:
        orders: list[list[Sequence[Request]]] = [
            [[one] for one in requests], [[one] for one in reversed(requests)], [requests], [requests, requests]
        ]  # fmt: skip
        tenants = [f"tenant {next(TENANTS)}" for _ in orders]  # all are fed at the same time
        prepare, store = wire(ledger, **options)
        for step in range(max(map(len, orders))):
            group = [
                replace(one, tenant=tenant)
                for tenant, groups in zip(tenants, orders, strict=True)
                if step < len(groups)
                for one in groups[step]
            ]
            assert store(prepare(group)) == [Stored()] * len(group)
        answers = [_rows(ledger, table, tenant) for tenant in tenants]
        assert all(answer == answers[0] for answer in answers), "the order of arrival matters"
        return answers[0]

    try:
        yield tell
    finally:
        ledger.close()


def _rows(ledger: Ledger, table: str, tenant: str) -> list[dict[str, Any]]:
    with ledger.reader() as reader:
        rows = reader.query(f"select * from {table} where tenant = $tenant", {"tenant": tenant}).to_pylist()
    plain = [{name: value for name, value in row.items() if name not in OF_TENANT} for row in rows]
    return sorted(plain, key=lambda row: (row["started_at"], str(row)))


def traces(*spans: Span, scope: str = "", service: str = "") -> Request:
    return Request(body(*spans, scope=scope, resource={"service.name": service}), "default", signal="traces")


def logs(*records: LogRecord, scope: str = "", service: str = "") -> Request:
    return Request(log_body(*records, scope=scope, resource={"service.name": service}), "default", signal="logs")


def at(milliseconds: int) -> int:
    return STARTED_NS + milliseconds * MS


def times(start_ms: int, end_ms: int) -> dict[str, int]:
    return {"start_time_unix_nano": at(start_ms), "end_time_unix_nano": at(end_ms)}


def said(row: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


USAGE = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
