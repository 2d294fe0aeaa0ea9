"""What a source reads in logs: calls, tool runs, agents and prompts, as names, numbers and times.

There is no field for anything that somebody wrote: what is not listed here cannot leave the machine. Nobody changes a
record. All but the sessions could be changed nevertheless: one that is frozen takes four times as long to make.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


@dataclass(slots=True)
class Usage:
    """Tokens of one call. `input_tokens` is all of the prompt, cached or not; `output_tokens` contains reasoning.

    None: the log does not say. `cache_write_tokens` are all writes to a cache, `cache_write_5m_tokens` and
    `cache_write_1h_tokens` those whose lifetime is known.
    """

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    web_searches: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What the calls of one session have in common; one object for all of them, since it is encoded once.

    `id`: as the tool calls it, the same as in its telemetry; "" where none is known. `project`: a name for people, not
    a path. `plan`: the subscription that pays, where the log says that one does ("max", "chatgpt", …). `version`: of
    the tool. `trace`: what the trace is named by, where copies of the session under other ids must come into the same
    one; else the id. `cloud`, `instance`, `k8s_namespace`, `k8s_pod`: where a program ran that tells of its own calls.
    """

    id: str
    project: str | None = None
    repository: str | None = None
    branch: str | None = None
    version: str | None = None
    user: str | None = None
    plan: str | None = None
    application: str | None = None
    team: str | None = None
    environment: str | None = None
    trace: str | None = None
    cloud: str | None = None
    instance: str | None = None
    k8s_namespace: str | None = None
    k8s_pod: str | None = None


@dataclass(slots=True)
class Call:
    """One call of a model.

    `key` decides its span's id: the same call read twice, from here or from a copy, has the same key, whatever else
    was learnt of it. `vendor_ids`: `response_id` and `request_id` are the vendor's, which others may know, too; not
    ids that the tool made up. `partial`: the log does not know all of the usage. `adds_up`: the log keeps sums alone,
    and this is one of several calls: its prompt is no one call's, by whose size a price could be chosen. Times:
    nanoseconds since 1970, UTC.
    """

    key: str
    session: Session
    started_ns: int
    ended_ns: int
    usage: Usage
    model: str | None = None
    asked_model: str | None = None
    provider: str | None = None
    operation: str = "chat"
    response_id: str | None = None
    request_id: str | None = None
    vendor_ids: bool = True
    parent: str | None = None
    agent: str | None = None
    cost_usd: Decimal | None = None
    service_tier: str | None = None
    speed: str | None = None
    residency: str | None = None
    region: str | None = None
    finish_reason: str | None = None
    error: str | None = None
    first_chunk_s: float | None = None
    partial: bool = False
    adds_up: bool = False


@dataclass(slots=True)
class Tool:
    """One run of a tool: `key` as for calls; `name` as the model calls it; `error`: a class of error, no message."""

    key: str
    session: Session
    started_ns: int
    ended_ns: int
    name: str
    call_id: str | None = None
    parent: str | None = None
    error: str | None = None


@dataclass(slots=True)
class Agent:
    """One sub-agent at work, the parent of its calls (`Call.parent` is its `key`)."""

    key: str
    session: Session
    started_ns: int
    ended_ns: int
    name: str
    parent: str | None = None


@dataclass(slots=True)
class Prompt:
    """Somebody asked something at a time; `characters` is how much, where the log shows it."""

    key: str
    session: Session
    at_ns: int
    characters: int | None = None


@dataclass(slots=True)
class Quota:
    """How much of a plan's window was used at a time: `used_percent` of `window_minutes`, until `resets_ns`."""

    session: Session
    at_ns: int
    name: str
    used_percent: float
    window_minutes: int | None = None
    resets_ns: int | None = None
    plan: str | None = None


@dataclass(slots=True)
class Bucket:
    """What a log adds up over a stretch of time: becomes metrics, to reconcile with, never a call.

    `key` names the sum: another one with the same key and start is what it has grown to. `session`: whose it is, where
    it is that of one.
    """

    key: str
    started_ns: int
    ended_ns: int
    usage: Usage
    model: str | None = None
    provider: str | None = None
    cost_usd: Decimal | None = None
    requests: int | None = None
    project: str | None = None
    user: str | None = None
    session: str | None = None


Record: TypeAlias = Call | Tool | Agent | Prompt | Quota | Bucket
