"""One message of opencode, whichever era wrote it and wherever it lies, as records.

Its ids are its own, although they look like Anthropic's, and a fork copies messages under new ids: a call is told by
its model, its time and its counts, which are the same in every copy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import Object, count, inner, items, money, text, time_ns
from spanledger.instrumentation.replay.records import Call, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.sources.subscriptions import plan_of, seller_of
from spanledger.instrumentation.replay.usage_sums import has_tokens, whole_prompt

_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Home:
    """The session that a message is found in. `parent`: of a sub-agent's session, the one that sent it."""

    id: str
    directory: str | None = None
    version: str | None = None
    parent: str | None = None
    created_ns: int | None = None
    updated_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One call of several that a message stands for, as its part of the type `step-finish` tells it."""

    told: Object
    at_ns: int | None = None


def calls_of(message: Object, id_: str, home: Home, steps: Sequence[Step] = ()) -> list[Call]:
    """The calls that an assistant's message tells; none where it has no tokens or no time, as while it is written.

    Until autumn 2025 a message went on after its tools had run, and took several calls: it has the tokens of the last
    one and the cost of all. `steps`: those of such a message, in order. When a step before the last ended only the
    database knows.
    """
    last = _call(message, id_, home)
    if last is None or len(steps) < 2:
        return [] if last is None else [last]
    calls = []
    began_ns = last.started_ns
    for place, step in enumerate(steps[:-1]):
        usage = _usage(inner(step.told, "tokens"))
        ended_ns = min(max(step.at_ns or began_ns, began_ns), last.ended_ns)
        if has_tokens(usage):
            calls.append(replace(
                last, key=f"{last.key}/{place}", started_ns=began_ns, ended_ns=ended_ns, usage=usage, error=None,
                request_id=f"{_name(last, usage)}-{place}", finish_reason=text(step.told, "reason"),
                cost_usd=money(step.told, "cost") or None,
            ))  # fmt: skip
        began_ns = ended_ns
    return [*calls, replace(last, started_ns=began_ns, cost_usd=money(steps[-1].told, "cost") or None)]


def _call(message: Object, id_: str, home: Home) -> Call | None:
    usage = _usage(inner(message, "tokens"))
    created_ns = time_ns(message, "time.created")
    if not has_tokens(usage) or created_ns is None:
        return None
    completed_ns = time_ns(message, "time.completed") or created_ns
    provider = text(message, "providerID") or text(message, "model.providerID")
    call = Call(
        key=f"{home.id}/{text(message, 'id') or id_}",
        session=session_of(home, text(message, "path.cwd"), plan_of(provider)),
        started_ns=created_ns,
        ended_ns=max(created_ns, completed_ns),
        usage=usage,
        model=text(message, "modelID") or text(message, "model.id"),
        provider=seller_of(provider),
        vendor_ids=False,
        parent=home.id if home.parent else None,
        agent=agent_of(message) if home.parent else None,
        # Nothing is what it says of a subscription, and of a model whose price it does not know.
        cost_usd=money(message, "cost") or None,
        finish_reason=text(message, "finish"),
        error=text(message, "error.name") or text(message, "error.type"),
    )
    return replace(call, request_id=_name(call, usage))


def _name(call: Call, usage: Usage) -> str:
    """What a call and its copies in forks have in common."""
    counts = (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens)
    return "-".join(str(part) for part in (call.started_ns // _MS, call.provider, call.model, *counts))


def agent_of(message: Object) -> str:
    """The name of the agent that a message is from."""
    return text(message, "agent") or text(message, "mode") or "subagent"


def session_of(home: Home, cwd: str | None = None, plan: str | None = None) -> Session:
    """The session of records; one object for all that say the same."""
    return _session(home.id, project_name(cwd or home.directory), home.version, plan)


def is_older(at_ns: int | None, home: Home) -> bool:
    """Whether something happened before its session began: it was copied into it."""
    return at_ns is not None and home.created_ns is not None and at_ns < home.created_ns


def tool_of(part: Object, home: Home) -> Iterator[Record]:
    """The run of a tool that a message's part tells, in either era; nothing while it runs, nothing for a copy."""
    id_, name = text(part, "callID") or text(part, "id"), text(part, "tool") or text(part, "name")
    started_ns = time_ns(part, "state.time.start") or time_ns(part, "time.ran") or time_ns(part, "time.created")
    ended_ns = time_ns(part, "state.time.end") or time_ns(part, "time.completed")
    if id_ is None or name is None or started_ns is None or ended_ns is None or is_older(started_ns, home):
        return
    error = "error" if text(part, "state.status") == "error" else None
    parent = home.id if home.parent else None
    yield Tool(f"{home.id}/{id_}", session_of(home), started_ns, ended_ns, name, id_, parent, error)


def tools_of(message: Object, home: Home) -> Iterator[Record]:
    """The tools in a message that holds its parts."""
    for part in items(message, "content"):
        if text(part, "type") == "tool":
            yield from tool_of(part, home)


def _usage(tokens: Object) -> Usage:
    """Usage from disjoint counts: the cache is beside the input, reasoning beside the output if the total has room."""
    read, write = count(tokens, "cache.read"), count(tokens, "cache.write")
    output, reasoning, total = count(tokens, "output"), count(tokens, "reasoning"), count(tokens, "total")
    prompt = whole_prompt(count(tokens, "input"), read, write)
    inside = total is not None and total == (prompt or 0) + (output or 0)
    return Usage(
        input_tokens=prompt,
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=output if inside else whole_prompt(output, reasoning),
        reasoning_tokens=reasoning,
    )


@lru_cache(maxsize=4096)
def _session(id_: str, project: str | None, version: str | None, plan: str | None) -> Session:
    return Session(id_, project=project, version=version, plan=plan)
