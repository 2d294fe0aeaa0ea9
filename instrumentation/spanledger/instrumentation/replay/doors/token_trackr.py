"""Token Trackr's `POST /usage` and `POST /usage/batch`: events of its SDKs, one for each call.

An event tells when its call ended and how long it took. It has no id: one that is sent again, also in another batch, is
known by all that it says; equal ones within a batch are told apart. Who can give an `event_id`, or the header
Idempotency-Key, should.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final
from uuid import UUID

from spanledger.instrumentation.replay.doors.posting import (
    NotTheirs,
    Posting,
    Refusal,
    Taken,
    document,
    exports_of,
    written,
)
from spanledger.instrumentation.replay.durations import of_milliseconds
from spanledger.instrumentation.replay.json_lines import COUNT_MAX, Object, count, inner, number, text, time_ns
from spanledger.instrumentation.replay.otlp_spans import Export, is_sane
from spanledger.instrumentation.replay.records import Call, Session, Usage
from spanledger.instrumentation.replay.source import AGENT, Source

BATCH_MAX: Final = 1000
"""Events of one batch, as Token Trackr has it."""
NAME_MAX: Final = 255
"""Characters of the names that it requires, as it has it."""

PROVIDERS: Final = {"bedrock": "aws.bedrock", "azure_openai": "azure.ai.openai", "gemini": "gcp.gemini"}
"""Its names for providers → the conventions'; others are taken as they are."""
CLOUDS: Final = frozenset({"aws", "azure", "gcp"})

COST: Final = "NaN"
"""What is said for the cost, which is worked out when the call is stored. Its SDK wants a number or the text of one,
and after null it takes the answer for a failure, and sends the same again for ever."""

SOURCE: Final = Source("token-trackr", "Token Trackr", AGENT, (), lambda log: iter(()))
"""What its calls are told apart by; it has no logs."""


@dataclass(frozen=True, slots=True)
class _Event:
    machine: str
    call: Call
    answer: dict[str, object]


def take_event(posting: Posting) -> Taken:
    """`POST /usage`: one event. Raises Refusal."""
    (event,) = _Batch(posting).events([("", document(posting.body, "The body"))])
    return Taken(_exports([event]), lambda rejected, took_s: event.answer, 201)


def take_batch(posting: Posting) -> Taken:
    """`POST /usage/batch`: a list of events, of which all are taken or none. Raises Refusal."""
    found = document(posting.body, "The body")
    if not isinstance(found, list):
        raise Refusal("The body must be a JSON list of events.")
    if len(found) > BATCH_MAX:
        raise Refusal(f"The batch has {len(found)} events, and may have {BATCH_MAX}: send several.")
    events = _Batch(posting).events((f"Event {place}: ", event) for place, event in enumerate(found, 1))
    return Taken(_exports(events), lambda rejected, took_s: [event.answer for event in events], 201)


def _exports(events: list[_Event]) -> Iterator[Export]:
    of_machine: dict[str, list[Call]] = {}
    for event in events:
        of_machine.setdefault(event.machine, []).append(event.call)
    for machine, calls in of_machine.items():
        yield from exports_of(SOURCE, machine, calls)


class _Batch:
    """The events of one request, so that equal ones are told apart and those of one session have one."""

    def __init__(self, posting: Posting) -> None:
        self._posting = posting
        self._equal: Counter[str] = Counter()
        self._sessions: dict[Session, Session] = {}

    def events(self, found: Iterable[tuple[str, object]]) -> list[_Event]:
        """The calls of events, each with what begins a sentence about it. Raises Refusal."""
        return [self._event(where, event, place) for place, (where, event) in enumerate(found)]

    def _event(self, where: str, event: object, place: int) -> _Event:
        if not isinstance(event, dict):
            raise Refusal(f"{where}An event must be a JSON object.")
        tenant, provider, model = (_name(event, field, where) for field in ("tenant_id", "provider", "model"))
        if self._posting.keyed and tenant != self._posting.tenant:
            raise NotTheirs(
                f"{where}tenant_id is {tenant[:100]!r}, but the key is of the tenant {self._posting.tenant[:100]!r}: "
                "send the events of each tenant with a key of its own."
            )
        asked, answered = (_tokens(event, field, where) for field in ("prompt_tokens", "completion_tokens"))
        ended = time_ns(event, "timestamp")
        if ended is None:
            raise Refusal(f"{where}timestamp must be a time, such as 2026-01-31T12:34:56Z.")
        session = self._session(event, None if self._posting.keyed else tenant)
        machine = text(event, "host.hostname") or ""
        event_id = text(event, "event_id")
        # Spelt out, so that the same event has the same key also after an update.
        said = (
            provider, model, asked, answered, ended, text(event, "latency_ms"), machine, session.instance,
            session.k8s_namespace, session.k8s_pod, session.id, session.user, session.application,
            session.environment, session.project, session.team,
        )  # fmt: skip
        key = self._key(tenant, event_id, place, "/".join("" if one is None else str(one) for one in said))
        call = Call(
            key, session, ended - (of_milliseconds(number(event, "latency_ms")) or 0), ended,
            Usage(input_tokens=asked, output_tokens=answered), model=model,
            provider=PROVIDERS.get(provider, provider), request_id=event_id, vendor_ids=False,
        )  # fmt: skip
        if not is_sane(call):
            raise Refusal(
                f"{where}timestamp {(text(event, 'timestamp') or '')[:40]} is not between the years 2000 and 2100."
            )
        return _Event(machine, call, {
            "id": str(UUID(bytes=blake2b(key.encode(), digest_size=16).digest())), "tenant_id": tenant,
            "provider": provider, "model": model, "total_tokens": asked + answered, "calculated_cost": COST,
            "timestamp": written(ended),
        })  # fmt: skip

    def _session(self, event: Object, team: str | None) -> Session:
        host, about = inner(event, "host"), inner(event, "metadata")
        cloud = text(host, "cloud_provider")
        session = Session(
            text(about, "session_id") or "", user=text(about, "user_id"), application=text(about, "application"),
            environment=text(about, "environment"), project=text(about, "project"), team=team or text(about, "team"),
            cloud=cloud if cloud in CLOUDS else None, instance=text(host, "instance_id"),
            k8s_namespace=text(host, "k8s.namespace"), k8s_pod=text(host, "k8s.pod"),
        )  # fmt: skip
        return self._sessions.setdefault(session, session)

    def _key(self, tenant: str, event_id: str | None, place: int, said: str) -> str:
        if event_id:
            return f"{tenant}/event/{event_id}"
        if request := self._posting.headers.get("idempotency-key"):
            return f"{tenant}/request/{request}/{place}"
        key = f"{tenant}/{said}"
        self._equal[key] += 1
        return f"{key}#{self._equal[key]}"


def _name(event: Object, field: str, where: str) -> str:
    value = event.get(field)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= NAME_MAX:
        raise Refusal(f"{where}{field} must be a text of 1 to {NAME_MAX} characters.")
    return value.strip()


def _tokens(event: Object, field: str, where: str) -> int:
    found = count(event, field)
    if found is None:
        raise Refusal(f"{where}{field} must be a whole number from 0 to {COUNT_MAX:,}.")
    return found
