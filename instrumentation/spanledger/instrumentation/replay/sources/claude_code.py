"""Claude Code: transcripts in JSONL, one line for each block of an answer.

A line repeats the counts of its answer, and up to 2.1.5x its output is a placeholder on all but the last, so of the
lines of an answer the one with the greatest output counts, whole. Transcripts are copied: a fork begins with its
origin's lines, a side question with its parent's. The lines of such copies bear the same ids. Compactions have no
lines of their own; only the totals of `cost-state` contain them, and totals make no calls.

Known from transcripts of 1.0 to 2.2, and from recordings of 2.1.330.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from spanledger.instrumentation.replay.json_lines import count, inner, moment_ns, objects_in, text
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Agent, Prompt, Record, Session, Tool
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.sources.claude_code_answers import Answer, Line, calls, key_of

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

_SAID: Final = ("sessionId", "cwd", "gitBranch", "version")
_NO_PERSON: Final = re.compile(r"\s*<(local-command-|command-message|task-notification|system-reminder|bash-)")


class _Transcript:
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
        self.sessions: dict[tuple[object, ...], Session] = {}
        self.session: Session | None = None
        self.ids: tuple[object, ...] | None = None
        self.said = cast(list[str | None], state.get("said", []))
        if self.said:
            self.session_of(dict(zip(_SAID, self.said, strict=True)))

    def lines(self) -> Iterator[Record]:
        """All records of the file."""
        marked = self.log.offset
        for offset, written in self.log.lines():
            if offset - marked > BETWEEN_MARKS:
                yield from self.flush()
                self.log.mark()
                marked = offset
            line = self.log.parse(written)
            if line is None:
                continue
            if self.root is None:
                self.root = text(line, "uuid")
            kind = line.get("type") or text(line, "message.role")
            if kind == "assistant":
                yield from self.answer(line)
            elif kind == "user":
                yield from self.ask(line)
            elif kind == "api-request":
                self.asked_ns = _moment(line) or self.asked_ns
            elif kind == "progress":
                yield from self.progress(line)
        yield from self.flush()

    def flush(self) -> Iterator[Record]:
        """All that is known so far. A call of which more is written later is sent again, and replaces this one."""
        for answer in self.open.values():
            yield from calls(answer)
        if self.session is not None and self.agent and self.agent_id:
            yield Agent(self.agent_id, self.session, self.first_ns, self.last_ns, self.agent)
        self.begun |= {key: answer.started_ns for key, answer in self.open.items()}
        self.begun = dict(list(self.begun.items())[-ANSWERS_OPEN:])
        self.open.clear()
        self.log.state = {
            "asked_ns": self.asked_ns, "first_ns": self.first_ns, "last_ns": self.last_ns, "begun": self.begun,
            "tools": dict(self.tools), "prompts": self.prompts, "root": self.root, "said": self.said,
        }  # fmt: skip

    def answer(self, line: Line) -> Iterator[Record]:
        """A line of an answer: one of its blocks, and the counts of the whole."""
        message = line.get("message")
        at = _moment(line)
        if not isinstance(message, dict) or message.get("model") == "<synthetic>":
            return
        if at is None:
            self.log.skip("answer without a time")
            return
        session = self.session_of(line)
        if self.prompts:
            for key, asked_ns, characters in self.prompts:
                yield Prompt(key, session, asked_ns, characters)
            self.prompts.clear()
        characters = self.look_at(message.get("content"), session, at)
        usage = message.get("usage")
        if not isinstance(usage, dict):
            return
        self.seen(at)
        output = count(usage, "output_tokens") or 0
        ids = (message.get("id"), line.get("requestId"), line.get("agentId"))
        if ids == self.ids and ids[0] and ids[1] and (answer := self.open.get(self.before or "")) is not None:
            answer.take(line, output, at, session, characters)
            return
        self.ids = ids
        answer_id, request_id = text(message, "id"), text(line, "requestId")
        agent_id = text(line, "agentId") or self.agent_id
        sidechain = line.get("isSidechain") is True
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
            oldest = self.open.pop(next(iter(self.open)))
            yield from calls(oldest)
        started = self.begun.get(key) or (self.asked_ns if 0 <= at - self.asked_ns <= WAIT_NS else at)
        agent = self.agent or ("subagent" if sidechain else None)
        if agent_id and agent_id.startswith(ASIDE):
            agent = agent_id = None
        self.open[key] = Answer(key, named, session, line, output, started, at, agent, agent_id, characters)

    def look_at(self, content: object, session: Session, at: int) -> int:
        """Remember the tools that are used in an answer; returns how many characters of it are text."""
        characters = 0
        for block in content if isinstance(content, list) else ():
            if not isinstance(block, dict):
                continue
            if block.get("type") == "tool_use":
                use, name = text(block, "id"), text(block, "name")
                if use and name and use not in self.tools:
                    if len(self.tools) >= TOOLS_OPEN:
                        self.tools.pop(next(iter(self.tools)))
                    self.tools[use] = name, at, session.id
            elif isinstance(said := block.get("text"), str):
                characters += len(said)
        return characters

    def ask(self, line: Line) -> Iterator[Record]:
        """A line of the user's side: results of tools, or a prompt."""
        at, message = _moment(line), line.get("message")
        if at is None or not isinstance(message, dict):
            return
        content = message.get("content")
        self.asked_ns = at
        self.seen(at)
        characters = 0
        if isinstance(content, str):
            characters = _written(content)
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict):
                if block.get("type") == "tool_result":
                    self.before = None
                    yield from self.result(block, at)
                elif isinstance(said := block.get("text"), str):
                    characters += _written(said)
        if characters and not any(line.get(key) for key in ("isMeta", "isSidechain", "isCompactSummary", "origin")):
            # Whose session it is shows the answer: in a fork the answers to copied prompts name the origin's.
            self.session_of(line)
            self.before = None
            self.prompts.append((text(line, "uuid") or str(at), at, characters))

    def result(self, block: Line, at: int) -> Iterator[Record]:
        """What a tool gave: it has run from when it was called."""
        use = text(block, "tool_use_id")
        begun = self.tools.pop(use, None) if use else None
        if use is None or begun is None:
            return
        name, started, session_id = begun
        session = self.session
        if session is None or session.id != session_id:
            known = (one for one in reversed(self.sessions.values()) if one.id == session_id)
            session = next(known, None) or Session(session_id, trace=self.root)
        yield Tool(
            use, session, started, at, name, use, self.agent_id if self.agent else None,
            "tool_error" if block.get("is_error") is True else None,
        )  # fmt: skip

    def progress(self, line: Line) -> Iterator[Record]:
        """A sub-agent's line in its parent's transcript, as versions before 2.1 wrote beside the agent's own."""
        data = inner(line, "data")
        told = data.get("message")
        if data.get("type") == "agent_progress" and isinstance(told, dict) and told.get("type") == "assistant":
            shared = {key: line.get(key) for key in ("sessionId", "cwd", "version", "gitBranch", "timestamp")}
            yield from self.answer(shared | told | {"isSidechain": True, "agentId": data.get("agentId")})

    def session_of(self, line: Line) -> Session:
        """The session that a line was first written in, which the lines of a fork name, too."""
        said: tuple[object, ...] = (
            line.get("requestSessionId") or line.get("sessionId"), line.get("cwd"), line.get("gitBranch"),
            line.get("version"),
        )  # fmt: skip
        try:
            session = self.sessions.get(said)
        except TypeError:  # one of them is no text
            said = tuple(one if isinstance(one, str) else None for one in said)
            session = self.sessions.get(said)
        if session is None:
            told = dict(zip(("id", "cwd", "branch", "version"), said, strict=True))
            folder = (text(told, "cwd") or "").replace("\\", "/").rstrip("/")
            session = self.sessions[said] = Session(
                text(told, "id") or self.log.path.stem, project=folder.rpartition("/")[2] or None,
                branch=text(told, "branch"), version=text(told, "version"), trace=self.root,
            )  # fmt: skip
        if session is not self.session:
            self.session, self.said = session, [one if isinstance(one, str) else None for one in said]
        return session

    def seen(self, at: int) -> None:
        """How long a sub-agent was at work."""
        if at > self.last_ns:
            self.last_ns = at
        if at < self.first_ns or not self.first_ns:
            self.first_ns = at


def read(log: Log) -> Iterator[Record]:
    """The calls, tools, prompts and the sub-agent of one transcript."""
    if not log.path.name.startswith("journal."):
        yield from _Transcript(log).lines()


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


def _moment(line: Line) -> int | None:
    written = line.get("timestamp")
    return moment_ns(written) if isinstance(written, str) else None


def _written(said: str) -> int:
    """Characters that a person wrote, not the tool in his name."""
    return 0 if _NO_PERSON.match(said) else len(said)


def recognises(path: Path, head: bytes) -> bool:
    """Whether one of the first lines is of a transcript, or an answer as Anthropic counts it."""
    for found in objects_in(head):
        is_named = "type" in found and ("sessionId" in found or "parentUuid" in found)
        if is_named or "input_tokens" in inner(found, "message.usage"):
            return "payload" not in found
    return b'"parentUuid"' in head and b'"sessionId"' in head


SOURCE: Final = Source(
    name="claude-code",
    title="Claude Code",
    kind=AGENT,
    places=(
        Place(
            # The variable names the folder of the settings, or, as some readers want it, the projects in it.
            globs=("projects/**/*.jsonl", "-*/**/*.jsonl", "[A-Z]--*/**/*.jsonl"),
            variables=("CLAUDE_CONFIG_DIR",),
            defaults={"*": ("~/.claude", "$XDG_CONFIG_HOME/claude", "~/.config/claude")},
        ),
        Place(
            globs=("local-agent-mode-sessions/**/.claude/projects/**/*.jsonl",),
            defaults={
                "linux": ("~/.config/Claude",),
                "darwin": ("~/Library/Application Support/Claude",),
                "win32": ("$APPDATA/Claude",),
            },
        ),
    ),
    read=read,
    recognises=recognises,
)
