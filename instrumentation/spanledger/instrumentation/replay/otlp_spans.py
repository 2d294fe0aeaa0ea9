"""Records as OTLP: one trace a session, a span for each record, ids that follow from what identifies it.

Where no session is known, each record is a trace of its own.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple, TypeAlias

from spanledger.instrumentation.replay.otlp_metrics import metrics_body
from spanledger.instrumentation.replay.otlp_span import ENCODERS
from spanledger.instrumentation.replay.records import Agent, Bucket, Call, Prompt, Quota, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.source import SERVER, Source
from spanledger.instrumentation.replay.wire import Attribute, field, varint

SCOPES: Final = {
    (SERVER, True): "spanledger.replay.server",
    (SERVER, False): "spanledger.replay.server.own",
    ("agent", True): "spanledger.replay.agent",
    ("agent", False): "spanledger.replay.agent.own",
}
"""Kind of source, and whether its ids are the vendor's → the instrumentation scope, by which a ledger knows how the
spans are meant."""

BESIDE: Final = ".beside"
"""What follows a scope whose spans tell reasoning beside the output."""

EARLIEST_NS: Final = 946_684_800 * 10**9
LATEST_NS: Final = 4_102_444_800 * 10**9
"""The years 2000 and 2100: a record outside them was written by a clock that was never set, and is not sent."""

REMEMBERED_MAX: Final = 50_000
"""Spans that are remembered, to leave out what a copy repeats; the ledger would know it, but 40 µs later."""


_Spanned: TypeAlias = Call | Tool | Agent | Prompt | Quota
"""What becomes spans."""


class Export(NamedTuple):
    """A request: "traces" or "metrics", its body, and how many records it carries."""

    signal: str
    body: bytes
    records: int


@dataclass(slots=True)
class _Group:
    """The spans of one session in one scope.

    `trace`: None where no session is known: then each has a trace of its own. `spans`: in pieces.
    """

    resource: bytes
    scope: bytes
    trace: bytes | None
    spans: list[bytes]


class Outgoing:
    """Records on their way out, encoded as they come. `machine` is the name of this one."""

    def __init__(self, machine: str) -> None:
        self._machine = machine
        self._groups: dict[tuple[int, bool], _Group] = {}
        self._sent: dict[tuple[str, type, str, str], tuple[int, int]] = {}
        self._kept: list[tuple[Source, Session]] = []
        self._buckets: list[tuple[Source, Bucket]] = []
        self.records = 0
        self.size = 0

    def add(self, source: Source, record: Record) -> bool:
        """Take a record, which `is_sane` admits; returns False for one that an earlier one said already."""
        if isinstance(record, Bucket):
            self._buckets.append((source, record))
            self.records += 1
            return True
        if self._is_repeated(source, record):
            return False
        self.records += 1
        vendor = True
        if isinstance(record, Call):
            vendor = record.vendor_ids
            if source.reasoning_beside:
                record = replace(record, usage=_seen(record.usage))
        group = self._groups.get((id(record.session), vendor))
        if group is None:
            group = self._group(source, record.session, vendor)
        trace = group.trace or field(1, trace_id(source.name, f"\0{_key(record)}"))
        span = ENCODERS[type(record)](source.name, trace, record)
        group.spans += (b"\x12", varint(len(span)), span)
        self.size += len(span)
        return True

    def take(self) -> list[Export]:
        """Requests with all that was added, which is forgotten."""
        spans = self.records - len(self._buckets)
        exports = []
        if spans:
            body = b"".join(field(1, _resource_spans(group)) for group in self._groups.values())
            exports.append(Export("traces", body, spans))
        if self._buckets:
            exports.append(Export("metrics", metrics_body(self._buckets, self._machine), len(self._buckets)))
        self._groups, self._kept, self._buckets = {}, [], []
        self.records = self.size = 0
        return exports

    def _is_repeated(self, source: Source, record: _Spanned) -> bool:
        """Whether a record of the same span was taken lately that says as much: forks are full of them."""
        if isinstance(record, Call):
            output = record.usage.output_tokens
            complete = (-1 if output is None else output, record.ended_ns)
        elif isinstance(record, (Tool, Agent)):
            complete = (0, record.ended_ns)
        elif isinstance(record, Prompt):
            complete = (0, record.at_ns)
        else:
            return False
        span = (source.name, type(record), record.session.trace or record.session.id, record.key)
        known = self._sent.get(span)
        if known is not None and known >= complete:
            return True
        if len(self._sent) >= REMEMBERED_MAX:
            self._sent.clear()
        self._sent[span] = complete
        return False

    def _group(self, source: Source, session: Session, vendor: bool) -> _Group:
        # The session is kept, so that its identity is not another's while this lasts.
        self._kept.append((source, session))
        name = session.trace or session.id
        trace = field(1, trace_id(source.name, name)) if name else None
        group = _Group(_resource(source.name, session, self._machine), _scope(source, vendor), trace, [])
        self._groups[id(session), vendor] = group
        return group


def is_sane(record: Record) -> bool:
    """Whether the clock that wrote the record was set."""
    at = record.at_ns if isinstance(record, (Prompt, Quota)) else record.started_ns
    return EARLIEST_NS <= at < LATEST_NS


def _key(record: _Spanned) -> str:
    return f"{record.name}\0{record.at_ns}" if isinstance(record, Quota) else record.key


@lru_cache(maxsize=4096)
def trace_id(source: str, session: str) -> bytes:
    """The trace of a session: 16 bytes."""
    return blake2b(f"{source}\0{session}".encode("utf-8", "replace"), digest_size=16, person=b"trace").digest()


_RESOURCE_KEYS: Final[tuple[tuple[str, Attribute], ...]] = tuple(
    (name, Attribute(key, 1))
    for name, key in (
        ("id", "gen_ai.conversation.id"),
        ("project", "app.project"),
        ("repository", "vcs.repository.name"),
        ("branch", "vcs.ref.head.name"),
        ("version", "service.version"),
        ("user", "user.id"),
        ("application", "app.name"),
        ("team", "app.team"),
        ("environment", "deployment.environment.name"),
        ("cloud", "cloud.provider"),
        ("instance", "service.instance.id"),
        ("k8s_namespace", "k8s.namespace.name"),
        ("k8s_pod", "k8s.pod.name"),
    )
)
_SERVICE_NAME: Final = Attribute("service.name", 1)
_HOST_NAME: Final = Attribute("host.name", 1)
_HOST_ID: Final = Attribute("host.id", 1)
_SOURCE: Final = Attribute("spanledger.source", 3)


def _resource(source: str, session: Session, machine: str) -> bytes:
    said = [_SERVICE_NAME.label(source), _HOST_NAME.label(machine), _HOST_ID.label(machine)]
    for name, attribute in _RESOURCE_KEYS:
        value = getattr(session, name)
        if value:
            said.append(attribute.text(value))
    return b"".join(said)


def _scope(source: Source, vendor: bool) -> bytes:
    scope = SCOPES[source.kind, vendor] + (BESIDE if source.reasoning_beside else "")
    return field(1, scope.encode()) + _SOURCE.label(source.name)


def _seen(usage: Usage) -> Usage:
    """Usage whose output is what was seen of it, with the reasoning beside."""
    output, reasoning = usage.output_tokens, usage.reasoning_tokens
    if output is None or reasoning is None:
        return usage
    return replace(usage, output_tokens=max(0, output - reasoning))


def _resource_spans(group: _Group) -> bytes:
    return field(1, group.resource) + field(2, b"".join((field(1, group.scope), *group.spans)))
