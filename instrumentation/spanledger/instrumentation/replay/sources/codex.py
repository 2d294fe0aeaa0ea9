"""Codex: rollouts in JSONL, compressed once they are a week old, and saved output of `codex exec --json`.

Since 0.160 a `token_usage_record` tells of every call, with the vendor's id; `token_count` repeats it later, after the
step's tools. Before, only compactions have records, and the calls are what the running totals of `token_count` gain.
Both are read: a count that says what a record said is that record's. Forks and sub-agents begin with their parent's
history under new times, which is passed over.

Known from rollouts of 0.30 to 0.169 and recordings of 0.169.0.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from spanledger.instrumentation.replay.json_lines import (
    NS,
    Object,
    count,
    inner,
    items,
    number,
    objects_in,
    text,
    time_ns,
)
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Agent, Call, Prompt, Quota, Record, Session, Tool
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.sources.codex_counts import (
    Counts,
    Totals,
    counts_of,
    parents_counts,
    usage_of,
)

RECORDS_OPEN: Final = 32
"""Records whose counts may still come."""
TOOLS_OPEN: Final = 256
BETWEEN_MARKS: Final = 16 << 20
"""Bytes of a long rollout between two places where reading may be resumed."""

_TIERS: Final = {"priority": "priority", "fast": "priority", "default": "default", "standard": "default",
                 "flex": "flex"}  # fmt: skip
_PROVIDERS: Final = frozenset({
    "openai", "azure", "amazon-bedrock", "openrouter", "ollama", "groq", "mistral", "xai", "deepseek",
})  # fmt: skip
"""Names that say who sells the model; others are what a user called his own way to it."""
_OPENAIS_OWN: Final = re.compile(r"(gpt|o\d|codex|chatgpt)\b")
_USES: Final = frozenset({"function_call", "custom_tool_call", "local_shell_call", "web_search_call"})
_RESULTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})
_ASKING: Final = frozenset({"task_started", "user_message"})


class _Rollout:
    """What is known while a file is read; what must be known when more is written to it goes into `Log.state`."""

    def __init__(self, log: Log) -> None:
        self.log = log
        state = log.state
        self.totals = Totals(state)
        self.about = dict(inner(state, "about"))
        self.model = text(state, "model")
        self.tier = text(state, "tier")
        self.plan = text(state, "plan")
        self.asked_ns = count_ns(state, "asked_ns")
        self.said_ns = count_ns(state, "said_ns")
        self.first_ns = count_ns(state, "first_ns")
        self.last_ns = count_ns(state, "last_ns")
        self.replayed = count(state, "replayed")  # snapshots of the parent so far; None: its history is over
        self.replay_s = count(state, "replay_s")
        self.records: list[list[int]] = [list(one) for one in cast(list[list[int]], state.get("records", []))]
        self.tools: dict[str, tuple[str, int]] = {
            use: (str(name), int(at))
            for use, (name, at) in cast(dict[str, tuple[str, int]], state.get("tools", {})).items()
        }
        self.quotas: dict[str, list[float]] = cast(dict[str, list[float]], dict(inner(state, "quotas")))
        self.session = self.named()
        self.held: list[Call] = []
        self.parents: list[tuple[Counts | None, Counts | None]] | None = None

    def lines(self) -> Iterator[Record]:
        """All records of the file."""
        marked = self.log.offset
        for offset, line in self.log.objects():
            if offset - marked > BETWEEN_MARKS:
                yield from self.release()
                self.log.state = self.state()
                self.log.mark()
                marked = offset
            kind = line.get("type")
            payload = inner(line, "payload")
            at = time_ns(line, "timestamp")
            if kind == "session_meta":
                self.meet(payload, at)
            elif kind == "turn_context":
                self.model = text(payload, "model") or self.model
                self.asked_ns = at or self.asked_ns
            elif kind == "event_msg":
                yield from self.event(payload, at)
            elif kind == "token_usage_record" and at:
                yield from self.record(payload, at)
            elif kind == "response_item" and at:
                yield from self.item(payload, at)
            elif kind == "inter_agent_communication_metadata" and payload.get("trigger_turn") is True:
                self.replayed = None
            elif kind == "turn.completed":
                yield from self.turn(line, at, offset)
            elif kind == "thread.started" and not self.about:
                self.about = {"id": text(line, "thread_id")}
                self.session = self.named()
        yield from self.release()
        if (agent := text(self.about, "agent")) and self.last_ns:
            yield Agent(self.session.id, self.session, self.first_ns or self.last_ns, self.last_ns, agent)
        self.log.state = self.state()

    def state(self) -> dict[str, object]:
        """What the next read of this file must know."""
        return self.totals.state() | {
            "about": self.about, "model": self.model, "tier": self.tier, "plan": self.plan, "asked_ns": self.asked_ns,
            "said_ns": self.said_ns, "first_ns": self.first_ns, "last_ns": self.last_ns, "replayed": self.replayed,
            "replay_s": self.replay_s, "records": self.records[-RECORDS_OPEN:], "tools": dict(self.tools),
            "quotas": self.quotas,
        }  # fmt: skip

    def meet(self, meta: Object, at: int | None) -> None:
        """The first line; a second one is a parent's, or a resumed process'."""
        if self.about:
            return
        spawned = text(meta, "source.subagent.thread_spawn.parent_thread_id")
        parent = text(meta, "forked_from_id") or spawned or text(meta, "parent_thread_id")
        folder = (text(meta, "cwd") or "").replace("\\", "/").rstrip("/")
        self.about = {
            "id": text(meta, "id"), "project": folder.rpartition("/")[2] or None,
            "repository": _repository(text(meta, "git.repository_url")), "branch": text(meta, "git.branch"),
            "version": text(meta, "cli_version"), "provider": text(meta, "model_provider"), "parent": parent,
            "agent": _agent(meta) if spawned or text(meta, "thread_source") not in (None, "user") else None,
        }  # fmt: skip
        if parent and "history_base" not in meta:
            self.replayed = 0
        self.first_ns = at or self.first_ns
        self.session = self.named()

    def named(self) -> Session:
        """The session of the lines that follow."""
        about = self.about
        return Session(
            text(about, "id") or self.log.path.name.partition(".")[0], project=text(about, "project"),
            repository=text(about, "repository"), branch=text(about, "branch"), version=text(about, "version"),
            plan=self.plan,
        )  # fmt: skip

    def event(self, payload: Object, at: int | None) -> Iterator[Record]:
        """What happened."""
        kind = text(payload, "type")
        if kind == "token_count" and at:
            yield from self.counted(payload, at)
        elif kind == "thread_settings_applied":
            settings = inner(payload, "thread_settings")
            self.model = text(settings, "model") or self.model
            if "service_tier" in settings:
                self.tier = _TIERS.get(text(settings, "service_tier") or "")
        elif kind == "task_started":
            begun = time_ns(payload, "started_at")
            if self.replayed is not None and begun and self.first_ns and begun >= self.first_ns // NS * NS:
                self.replayed = None
        if kind in _ASKING:
            self.asked_ns = at or self.asked_ns
        if at and self.replayed is None:
            said, key = None, None
            if kind == "user_message":
                said, key = text(payload, "message"), f"{self.session.id}/{at}"
            elif kind == "item_completed" and payload_type(payload) == "UserMessage":
                said = "".join(text(part, "text") or "" for part in items(payload, "item.content"))
                key = text(payload, "item.id")
            if said and key:
                yield Prompt(key, self.session, at, len(said))

    def record(self, payload: Object, at: int) -> Iterator[Record]:
        """A call with the vendor's id."""
        counts, response_id = counts_of(payload.get("usage")), text(payload, "response_id")
        thread = text(payload, "thread_id")
        if counts is None or (thread and self.about.get("id") and thread != self.about["id"]):
            return  # a parent's
        yield from self.release()
        self.records = [*self.records[-RECORDS_OPEN:], list(counts)]
        self.replayed = None
        key = response_id or f"{at}/{'/'.join(map(str, counts))}"
        self.held.append(self.call(key, counts, at, response_id))

    def counted(self, payload: Object, at: int) -> Iterator[Record]:
        """A snapshot of the totals: a call that no record told of, a repetition, or only the state of the plan."""
        plan = text(payload, "rate_limits.plan_type")
        if plan and plan != self.plan:
            self.plan = plan
            self.session = self.named()
            self.held = [replace(call, session=self.session) for call in self.held]
        yield from self.release()
        yield from self.limits(payload, at)
        info = inner(payload, "info")
        total, last = counts_of(info.get("total_token_usage")), counts_of(info.get("last_token_usage"))
        if self.is_replayed(total, last, at):
            self.totals.skip(total, last, at)
            return
        added = self.totals.added(total, last, at)
        told = next((one for one in (last, added) if one and list(one) in self.records), None)
        if added is None:
            return
        if told is not None:
            self.records.remove(list(told))
            return
        self.model = text(info, "model") or text(info, "model_name") or self.model
        # The same moment and the same counts are the same call in every copy of the file.
        key = f"{at}/{'/'.join(map(str, total or last or ()))}/{self.totals.resets}"
        yield self.call(key, added, at, None)

    def is_replayed(self, total: Counts | None, last: Counts | None, at: int) -> bool:
        """Whether a snapshot in a fork is one of its parent's history."""
        if self.replayed is None or (total is None and last is None):
            return False
        if self.replay_s is None:
            self.replay_s = at // NS
        if at // NS != self.replay_s and not self.is_parents(total, last):
            self.replayed = None
            return False
        self.replayed += 1
        return True

    def is_parents(self, total: Counts | None, last: Counts | None) -> bool:
        """Whether the parent's file has the same snapshot at the same place."""
        if self.parents is None:
            self.parents = parents_counts(self.log, str(self.about.get("parent")))
        place = self.replayed or 0
        return place < len(self.parents) and self.parents[place] == (total, last)

    def call(self, key: str, counts: Counts, at: int, response_id: str | None) -> Call:
        """A call that ended by `at`."""
        ended = self.said_ns if not response_id and self.asked_ns < self.said_ns <= at else at
        started = min(self.asked_ns or ended, ended)
        self.last_ns = max(self.last_ns, ended)
        provider = text(self.about, "provider")
        agent = text(self.about, "agent")
        return Call(
            key, self.session, started, ended, usage_of(counts),
            model=self.model, provider=_seller(provider, self.model),
            response_id=response_id, request_id=None if response_id else key, vendor_ids=response_id is not None,
            agent=agent, parent=self.session.id if agent else None, service_tier=self.tier,
        )  # fmt: skip

    def turn(self, line: Object, at: int | None, offset: int) -> Iterator[Record]:
        """A turn in the output of `codex exec --json`: it adds up calls, and stands for them where none is known."""
        counts = counts_of(line.get("usage"))
        if counts is None or not any(counts):
            return
        at = at or self.log.path.stat().st_mtime_ns
        self.model = text(line, "model") or self.model
        yield replace(self.call(f"turn/{self.session.id}/{offset}", counts, at, None), operation="invoke_agent")

    def item(self, payload: Object, at: int) -> Iterator[Record]:
        """A piece of the conversation: tools are used, and give results."""
        kind = text(payload, "type")
        use = text(payload, "call_id") or text(payload, "id")
        if kind in _RESULTS:
            self.asked_ns = at
            if use and (begun := self.tools.pop(use, None)) and self.replayed is None:
                agent = self.session.id if self.about.get("agent") else None
                yield Tool(use, self.session, begun[1], at, begun[0], use, agent)
            return
        if payload.get("role") in ("user", "developer"):
            self.asked_ns = at
            return
        self.said_ns = at
        if kind is not None and kind in _USES and use:
            name = text(payload, "name") or kind.removesuffix("_call")
            if kind == "web_search_call":
                if self.replayed is None:
                    yield Tool(use, self.session, at, at, name, use)
                return
            if len(self.tools) >= TOOLS_OPEN:
                self.tools.pop(next(iter(self.tools)))
            self.tools[use] = name, at

    def limits(self, payload: Object, at: int) -> Iterator[Record]:
        """How much of the plan's windows is used, when it has changed."""
        limits = inner(payload, "rate_limits")
        limit = text(limits, "limit_id")
        for window in ("primary", "secondary"):
            used = number(limits, f"{window}.used_percent")
            if used is None:
                continue
            resets = time_ns(limits, f"{window}.resets_at")
            if resets is None and (left := number(limits, f"{window}.resets_in_seconds")) is not None:
                resets = at + int(left) * NS
            name = window if limit in (None, "codex") else f"{limit}/{window}"
            seen = [used, float((resets or 0) // (60 * NS))]
            if self.quotas.get(name) != seen:
                self.quotas[name] = seen
                yield Quota(
                    self.session, at, name, used, count(limits, f"{window}.window_minutes"), resets, self.plan
                )  # fmt: skip

    def release(self) -> Iterator[Record]:
        """Calls that waited for what comes after them."""
        yield from self.held
        self.held = []


def read(log: Log) -> Iterator[Record]:
    """The calls, tools, prompts, windows of the plan and the sub-agent of one rollout."""
    if not _is_copy(log.path):
        yield from _Rollout(log).lines()


def count_ns(state: Object, name: str) -> int:
    """A time that was kept."""
    kept = state.get(name)
    return kept if isinstance(kept, int) else 0


def payload_type(payload: Object) -> str | None:
    """What kind of item an event tells of."""
    return text(payload, "item.type")


def _is_copy(path: Path) -> bool:
    """Whether the same rollout lies beside it: not compressed yet, or not yet archived."""
    if path.suffix == ".zst" and path.with_suffix("").is_file():
        return True
    parts = path.parts
    if "archived_sessions" not in parts:
        return False
    at = len(parts) - 1 - parts[::-1].index("archived_sessions")
    return Path(*parts[:at], "sessions", *parts[at + 1 :]).is_file()


def _agent(meta: Object) -> str:
    return text(meta, "agent_role") or text(meta, "agent_nickname") or text(meta, "source.subagent.other") or "subagent"


def _repository(url: str | None) -> str | None:
    """The name of a repository out of its address, which may hold a password."""
    name = (url or "").rstrip("/").removesuffix(".git").replace(":", "/").rpartition("/")[2]
    return name or None


_ITEMS: Final = frozenset(
    {"session_meta", "turn_context", "event_msg", "response_item", "token_usage_record", "compacted"}
)
_EVENTS: Final = frozenset({"thread.started", "turn.started", "turn.completed"})
"""Kinds of lines of a rollout, which have a payload, and of saved output."""


def recognises(path: Path, head: bytes) -> bool:
    """Whether one of the first lines is of a rollout or of saved output."""
    told = ((found.get("type"), "payload" in found) for found in objects_in(head))
    return any(kind in (_ITEMS if is_item else _EVENTS) for kind, is_item in told if isinstance(kind, str)) or (
        b'"session_meta"' in head[:200]
    )


SOURCE: Final = Source(
    name="codex",
    title="Codex",
    kind=AGENT,
    places=(
        Place(
            globs=(
                "sessions/**/*.jsonl", "sessions/**/*.jsonl.zst",
                "archived_sessions/**/*.jsonl", "archived_sessions/**/*.jsonl.zst",
            ),
            variables=("CODEX_HOME",),
            defaults={"*": ("~/.codex",)},
        ),
    ),
    read=read,
    recognises=recognises,
)  # fmt: skip


def _seller(provider: str | None, model: str | None) -> str | None:
    """Who sells a model; by a name of the user's own OpenAI's models are taken for OpenAI's, as telemetry says."""
    if provider in _PROVIDERS:
        return provider
    return "openai" if _OPENAIS_OWN.match(model or "") else None
