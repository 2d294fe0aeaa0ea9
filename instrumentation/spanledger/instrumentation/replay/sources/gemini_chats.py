"""Chats as Gemini CLI keeps them: a JSON document each until 2025, since then a log of events; forks of it do alike.

A log of events appends a message again when its tokens or its tools are known, re-lists whole conversations (`$set`)
and rewinds (`$rewindTo`); what was rewound was paid for all the same. Measured with Gemini CLI 0.61: a re-listed
conversation may lack the tokens, and a prompt may have the id of its answer.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import Object, count, dig, inner, items, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Agent, Call, Prompt, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.usage_sums import has_tokens

CHATS: Final = "chats"
"""The folder of a project's chats; a folder in it is named after a session and holds the chats of its sub-agents."""
SUBAGENT: Final = "subagent"
"""What a chat calls itself that is a sub-agent's. Its own name is only known to the chat that sent it."""
ANSWERS: Final = frozenset({"gemini", "qwen"})
"""Types of messages that a model wrote."""
UPDATES: Final = (b'{"$set"', b'{"$rewindTo"')
"""How lines begin that repeat or undo what other lines say."""
HASH_CHARACTERS: Final = 64
"""Folders that are named by a hash name no project."""
NO_TIME: Final = "call without a time"


def read_chat(log: Log, provider: str | None) -> Iterator[Record]:
    """The calls, tools, prompts and sub-agents of one chat. `provider` is whom its calls are made to."""
    chat = _Chat(log, provider)
    yield from chat.whole() if log.path.suffix == ".json" else chat.events()


def generate_content_usage(
    prompt: int | None,
    cached: int | None,
    candidates: int | None,
    thoughts: int | None,
    total: int | None,
    tools: int = 0,
) -> Usage:
    """Usage from the counts of Gemini's API: thoughts are beside the answer, `tools` beside the prompt.

    Not every back end counts like this; where the total has no room for them they are inside. The prompt contains what
    came from the cache.
    """
    inside = total is not None and total <= (prompt or 0) + (candidates or 0)
    return Usage(
        input_tokens=None if prompt is None else prompt + (0 if inside else tools),
        cache_read_tokens=cached,
        output_tokens=None if candidates is None else candidates + (0 if inside else thoughts or 0),
        reasoning_tokens=thoughts,
    )


class _Chat:
    """One chat while it is read. What the next read has to know is in the log's state."""

    def __init__(self, log: Log, provider: str | None) -> None:
        self.log = log
        self.provider = provider
        self.folder = log.path.parent
        self.session: Session | None = None
        self.agent = text(log.state, "agent")

    def whole(self) -> Iterator[Record]:
        self.log.state.clear()
        document = self.log.document()
        if not isinstance(document, dict) or not isinstance(document.get("messages"), list):
            if document is not None:
                self.log.skip("not a chat")
            return
        self.begin(document)
        yield from self.told(items(document, "messages"))

    def events(self) -> Iterator[Record]:
        yield from self.told(self.messages())

    def messages(self) -> Iterator[Object]:
        for _, line in self.log.lines():
            if line.startswith(UPDATES):
                continue
            found = self.log.parse(line)
            if found is None:
                continue
            if "type" not in found and "sessionId" in found:
                self.begin(found)
            elif "type" in found:
                yield found

    def begin(self, header: Object) -> None:
        """Learn from the first object of a chat whose it is."""
        state = self.log.state
        if (id_ := text(header, "sessionId")) is not None:
            state["id"] = id_
        if text(header, "kind") == SUBAGENT and id_ is not None:
            self.agent = id_
            state["agent"] = id_
        directories = dig(header, "directories")
        if isinstance(directories, list) and directories and isinstance(directories[0], str):
            state["project"] = project_name(directories[0])
        self.session = None

    def current(self) -> Session:
        """The session of the records: a sub-agent's is the one that sent it, as in the tool's telemetry."""
        if self.session is None:
            id_ = text(self.log.state, "id") or self.log.path.name.partition(".")[0]
            if self.agent is not None and self.folder.name != CHATS:
                id_ = self.folder.name
            self.session = Session(id_, project=text(self.log.state, "project") or self.project())
        return self.session

    def project(self) -> str | None:
        """The project of a chat that does not name it: the folder above the chats belongs to one."""
        folder = self.folder if self.folder.name == CHATS else self.folder.parent
        if folder.name != CHATS:
            return None
        root = folder.parent / ".project_root"
        try:
            return project_name(root.read_text("utf-8", "replace").strip())
        except OSError:
            name = folder.parent.name
            return None if len(name) == HASH_CHARACTERS else name

    def told(self, messages: Iterable[Object]) -> Iterator[Record]:
        """The records of messages. A call waits for the next one, since its message may be told again."""
        waiting: Call | None = None
        for message in messages:
            if waiting is None:
                self.log.mark()
            kind = text(message, "type")
            if kind == "user":
                yield from self.prompt(message)
            if kind not in ANSWERS:
                continue
            call = self.call(message)
            if waiting is not None and (call is None or call.key != waiting.key):
                yield waiting
                waiting = None
            if call is not None:
                waiting = call
            yield from self.tools(message)
        if waiting is not None:
            yield waiting

    def prompt(self, message: Object) -> Iterator[Record]:
        at_ns = time_ns(message, "timestamp")
        if at_ns is None:
            return
        self.passed(at_ns)
        content = dig(message, "content")
        parts = [content] if isinstance(content, str) else [text(part, "text") for part in items(message, "content")]
        characters = sum(len(part) for part in parts if part is not None)
        if characters and self.agent is None:
            session = self.current()
            yield Prompt(f"{session.id}/{text(message, 'id') or at_ns}", session, at_ns, characters)

    def call(self, message: Object) -> Call | None:
        tokens = inner(message, "tokens")
        usage = generate_content_usage(
            count(tokens, "input"), count(tokens, "cached"), count(tokens, "output"), count(tokens, "thoughts"),
            count(tokens, "total"), count(tokens, "tool") or 0,
        )  # fmt: skip
        if not has_tokens(usage):
            return None
        ended_ns = time_ns(message, "timestamp")
        if ended_ns is None:
            self.log.skip(NO_TIME)
            return None
        session = self.current()
        key = f"{session.id}/{text(message, 'id') or ended_ns}"
        return Call(
            key=key,
            session=session,
            started_ns=self.begun_ns(key, ended_ns),
            ended_ns=ended_ns,
            usage=usage,
            model=text(message, "model"),
            provider=self.provider,
            parent=self.agent,
            agent=None if self.agent is None else SUBAGENT,
        )

    def tools(self, message: Object) -> Iterator[Record]:
        session = self.current()
        told_ns = time_ns(message, "timestamp")
        for tool in items(message, "toolCalls"):
            ended_ns = time_ns(tool, "timestamp") or told_ns
            id_, name = text(tool, "id"), text(tool, "name")
            if ended_ns is None or id_ is None or name is None:
                continue
            started_ns = min(told_ns or ended_ns, ended_ns)
            error = "error" if text(tool, "status") in ("error", "cancelled") else None
            yield Tool(f"{session.id}/{id_}", session, started_ns, ended_ns, name, id_, self.agent, error)
            if (agent := text(tool, "agentId")) is not None:
                yield Agent(agent, session, started_ns, ended_ns, _agent_name(tool), self.agent)
            self.passed(ended_ns)

    def begun_ns(self, key: str, ended_ns: int) -> int:
        """When a call began: when the last thing before it happened. Told again, it began as it did the first time."""
        state = self.log.state
        before = state.get("call")
        if before != key:
            previous = state.get("previous_ns")
            state["call"] = key
            state["began_ns"] = min(previous, ended_ns) if isinstance(previous, int) else ended_ns
        self.passed(ended_ns)
        began = state["began_ns"]
        return began if isinstance(began, int) else ended_ns

    def passed(self, at_ns: int) -> None:
        """Remember when the last thing happened."""
        self.log.state["previous_ns"] = at_ns


def _agent_name(tool: Object) -> str:
    # What the tool says of it, not what the model asked for.
    return text(tool, "resultDisplay.agentName") or SUBAGENT
