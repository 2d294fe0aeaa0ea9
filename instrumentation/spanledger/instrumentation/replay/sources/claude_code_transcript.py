"""What a transcript of Claude Code tells of: calls, tools, prompts, and the sub-agent that it is of.

A line repeats the counts of its answer, and up to 2.1.5x its output is a placeholder on all but the last, so of the
lines of an answer the one with the greatest output counts, whole. Transcripts are copied: a fork begins with its
origin's lines, a side question with its parent's. The lines of such copies bear the same ids. Compactions have no
lines of their own; only the totals of `cost-state` contain them, and totals make no calls. A fork's totals begin with
its origin's, so they say nothing of the fork alone.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias, cast

from spanledger.instrumentation.replay.json_lines import inner, moment_ns, text
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Agent, Prompt, Record, Session, Tool
from spanledger.instrumentation.replay.sources.claude_code_answers import Answer, calls, key_of
from spanledger.instrumentation.replay.sources.claude_code_lines import Block, Line, line_of, lines_of
from spanledger.instrumentation.replay.sources.claude_code_totals import Totals

ANSWERS_OPEN: Final = 8
"""Answers of which further lines may come: tools that run side by side write their results in between."""
TOOLS_OPEN: Final = 256
"""Tools whose results may still come."""
WAIT_NS: Final = 30 * 60 * 10**9
"""An answer does not begin longer after it was asked for; then the line before it was no question."""
BETWEEN_MARKS: Final = 16 << 20
"""Bytes of a long transcript between two places where reading may be resumed."""

ASIDE: Final = "aside_question"
"""Begins the ids of agents that answer a side question: their files repeat the parent's answers."""

_NO_PERSON: Final = re.compile(r"\s*<(local-command-|command-message|task-notification|system-reminder|bash-)")

_Said: TypeAlias = tuple[str | None, str | None, str | None, str | None]
"""What a line says of its session: its id, folder, branch, and the version of the tool."""


class Transcript:
    """What is known while a file is read; what must be known when more is written to it goes into `Log.state`."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.agent, self.agent_id = _agent_of(log)
        state = log.state
        self.root = text(state, "root") or _root_above(log)
        self.asked_ns = cast(int, state.get("asked_ns", 0))
        self.first_ns = cast(int, state.get("first_ns", 0))
        self.last_ns = cast(int, state.get("last_ns", 0))
        self.begun: dict[str, int] = dict(cast(dict[str, int], state.get("begun", {})))
        self.tools: dict[str, tuple[str, int, str]] = {
            use: (name, at, session)
            for use, (name, at, session) in cast(dict[str, tuple[str, int, str]], state.get("tools", {})).items()
        }
        self.before = next(reversed(self.begun), None)
        self.open: dict[str, Answer] = {}
        self.answered: set[str] = set()
        self.prompts = [(key, at, size) for key, at, size in cast(list[tuple[str, int, int]], state.get("prompts", []))]
        self.sessions: dict[_Said, Session] = {}
        self.session: Session | None = None
        self.asked_in = set(cast(list[str], state.get("asked_in", [])))
        self.totals = Totals(inner(state, "totals"))
        self.ids: tuple[str | None, str | None, str | None] | None = None
        self.said: _Said | None = None
        if known := state.get("said"):
            self.session_of(cast(_Said, tuple(cast(list[str | None], known))))
        self.found: list[Record] = []

    def records(self) -> Iterator[Record]:
        """All records of the file."""
        marked = self.log.offset
        for offset, block in self.log.blocks():
            if offset - marked > BETWEEN_MARKS:
                self.flush()
                yield from self.take()
                self.log.mark()
                marked = offset
            for line in lines_of(block, self.log):
                self.see(line)
            yield from self.take()
        self.flush()
        yield from self.take()

    def take(self) -> list[Record]:
        """The records that were found since the last time."""
        found, self.found = self.found, []
        return found

    def flush(self) -> None:
        """Tell all that is known so far. A call of which more is written later is told again, and replaces this one."""
        for answer in self.open.values():
            self.found += calls(answer)
        if self.session is not None and self.agent and self.agent_id:
            self.found.append(Agent(self.agent_id, self.session, self.first_ns, self.last_ns, self.agent))
        self.found += self.totals.grown()
        self.begun |= {key: answer.started_ns for key, answer in self.open.items()}
        self.begun = dict(list(self.begun.items())[-ANSWERS_OPEN:])
        self.open.clear()
        self.log.state = {
            "asked_ns": self.asked_ns, "first_ns": self.first_ns, "last_ns": self.last_ns, "begun": self.begun,
            "tools": dict(self.tools), "prompts": self.prompts, "root": self.root, "said": list(self.said or ()),
            "asked_in": sorted(self.asked_in), "totals": self.totals.state(),
        }  # fmt: skip

    def see(self, line: Line) -> None:
        """The next line of the file."""
        if self.root is None:
            self.root = line.uuid or None
        message = line.message
        kind = line.type or (message and (message.role or (message.usage and "assistant")))
        if kind == "assistant":
            self.answer(line)
        elif kind == "user":
            self.ask(line)
        elif kind == "api-request":
            self.asked_ns = moment_ns(line.timestamp or "") or self.asked_ns
        elif kind == "progress":
            self.progress(line)
        elif kind == "cost-state":
            self.total(line)

    def answer(self, line: Line) -> None:
        """A line of an answer: one of its blocks, and the counts of the whole."""
        message = line.message
        if message is None or message.model == "<synthetic>":
            return
        at = moment_ns(line.timestamp or "")
        if at is None:
            self.log.skip("answer without a time")
            return
        session = self.session_of(line_said(line))
        if self.prompts:
            self.found += [Prompt(key, session, asked_ns, characters) for key, asked_ns, characters in self.prompts]
            self.prompts.clear()
        content, usage = message.content, message.usage
        characters = self.look_at(content, session, at) if isinstance(content, list) else 0
        if usage is None:
            return
        self.seen(at)
        output = usage.output_tokens or 0
        ids = message.id, line.request_id, line.agent_id
        if ids == self.ids and ids[0] and ids[1] and (answer := self.open.get(self.before or "")) is not None:
            answer.take(line, output, at, session, characters)
            return
        self.ids = ids
        answer_id, request_id = message.id or None, line.request_id or None
        agent_id = line.agent_id or self.agent_id
        sidechain = line.is_sidechain is True
        if not agent_id and answer_id:
            if sidechain and answer_id in self.answered:
                self.ids = None
                return  # a side question replays what it is about
            if not sidechain:
                self.answered.add(answer_id)
        key, named = key_of(answer_id, request_id, usage, session, agent_id, at, self.before)
        self.before = key
        answer = self.open.get(key)
        if answer is not None:
            answer.take(line, output, at, session, characters)
            return
        if len(self.open) >= ANSWERS_OPEN:
            self.found += calls(self.open.pop(next(iter(self.open))))
        started = self.begun.get(key) or (self.asked_ns if 0 <= at - self.asked_ns <= WAIT_NS else at)
        agent = self.agent or ("subagent" if sidechain else None)
        if agent_id and agent_id.startswith(ASIDE):
            agent = agent_id = None
        self.open[key] = Answer(key, named, session, line, output, started, at, agent, agent_id, characters)

    def look_at(self, content: list[Block], session: Session, at: int) -> int:
        """Remember the tools that are used in an answer; returns how many characters of it are text."""
        characters = 0
        for block in content:
            if block.type == "tool_use":
                use, name = block.id or None, block.name or None
                if use and name and use not in self.tools:
                    if len(self.tools) >= TOOLS_OPEN:
                        self.tools.pop(next(iter(self.tools)))
                    self.tools[use] = name, at, session.id
            elif block.text is not None:
                characters += len(block.text)
        return characters

    def ask(self, line: Line) -> None:
        """A line of the user's side: results of tools, or a prompt."""
        at, message = moment_ns(line.timestamp or ""), line.message
        if at is None or message is None:
            return
        self.asked_ns = at
        self.seen(at)
        characters = 0
        content = message.content
        if isinstance(content, str):
            characters = _written(content)
        elif content is not None:
            for block in content:
                if block.type == "tool_result":
                    self.before = None
                    self.result(block, at)
                elif block.text is not None:
                    characters += _written(block.text)
        if characters and not (line.is_meta or line.is_sidechain or line.is_compact_summary or line.origin):
            # Whose session it is shows the answer: in a fork the answers to copied prompts name the origin's.
            self.session_of(line_said(line))
            self.before = None
            self.prompts.append((line.uuid or str(at), at, characters))

    def result(self, block: Block, at: int) -> None:
        """What a tool gave: it has run from when it was called."""
        use = block.tool_use_id or None
        begun = self.tools.pop(use, None) if use else None
        if use is None or begun is None:
            return
        name, started, session_id = begun
        session = self.session
        if session is None or session.id != session_id:
            known = (one for one in reversed(self.sessions.values()) if one.id == session_id)
            session = next(known, None) or Session(session_id, trace=self.root)
        parent = self.agent_id if self.agent else None
        error = "tool_error" if block.is_error else None
        self.found.append(Tool(use, session, started, at, name, use, parent, error))

    def progress(self, line: Line) -> None:
        """A sub-agent's line in its parent's transcript, as versions before 2.1 wrote beside the agent's own."""
        data = line.data
        if not isinstance(data, dict) or data.get("type") != "agent_progress":
            return
        told = data.get("message")
        if isinstance(told, dict) and told.get("type") == "assistant":
            shared = {
                "sessionId": line.session_id, "cwd": line.cwd, "version": line.version, "gitBranch": line.git_branch,
                "timestamp": line.timestamp,
            }  # fmt: skip
            self.answer(line_of(shared | told | {"isSidechain": True, "agentId": data.get("agentId")}))

    def total(self, line: Line) -> None:
        """A line of what the session used until then."""
        session_id = line.session_id or self.log.path.stem
        if self.agent_id is not None or not self.asked_in <= {session_id}:
            return
        if not self.last_ns:
            self.log.skip("totals without a time")
            return
        self.totals.take(line, session_id, self.first_ns, self.last_ns)

    def session_of(self, told: _Said) -> Session:
        """The session that a line was first written in, which the lines of a fork name, too."""
        if told == self.said and self.session is not None:
            return self.session
        session = self.sessions.get(told)
        if session is None:
            session_id, cwd, branch, version = (one or None for one in told)
            folder = (cwd or "").replace("\\", "/").rstrip("/")
            session = self.sessions[told] = Session(
                session_id or self.log.path.stem, project=folder.rpartition("/")[2] or None, branch=branch,
                version=version, trace=self.root,
            )  # fmt: skip
            self.asked_in.add(session.id)
        self.session, self.said = session, told
        return session

    def seen(self, at: int) -> None:
        """How long a sub-agent was at work."""
        if at > self.last_ns:
            self.last_ns = at
        if at < self.first_ns or not self.first_ns:
            self.first_ns = at


def line_said(line: Line) -> _Said:
    """What a line says of its session."""
    return line.request_session_id or line.session_id, line.cwd, line.git_branch, line.version


def _agent_of(log: Log) -> tuple[str | None, str | None]:
    """The kind and the id of the sub-agent whose transcript it is."""
    name = log.path.name.partition(".")[0]
    if not name.startswith("agent-"):
        return None, None
    agent_id = name.removeprefix("agent-")
    if agent_id.startswith(ASIDE):
        return None, agent_id
    about = log.sibling(f"{name}.meta.json")
    kind = text(about.document(), "agentType") if about else None
    return kind or "subagent", agent_id


def _root_above(log: Log) -> str | None:
    """The first line of the transcript that a sub-agent belongs to: forks begin with it, too, and are one trace."""
    parts = log.path.parts
    if "subagents" in parts:
        above = Path(*parts[: len(parts) - parts[::-1].index("subagents") - 1])
        transcript = above.with_name(above.name + ".jsonl")
        return _first_line(Log(transcript) if transcript.is_file() else None)
    if log.path.name.startswith("agent-"):
        for _, line in Log(log.path).objects():
            return _first_line(log.sibling(f"{text(line, 'sessionId')}.jsonl"))
    return None


def _first_line(transcript: Log | None) -> str | None:
    if transcript is not None:
        for _, line in transcript.objects():
            if found := text(line, "uuid"):
                return found
    return None


def _written(told: str) -> int:
    """Characters that a person wrote, not the tool in his name."""
    return 0 if _NO_PERSON.match(told) else len(told)
