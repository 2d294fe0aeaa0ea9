"""What the stand-ins of the vendors have in common: a call to answer, and an answer."""

import json
import random
import string
import uuid
from dataclasses import dataclass, field
from typing import Any

PROMPT_CANARY = "canary-in-the-prompt-4711"
"""Stands in every prompt, tool description and system message that the programs under test send."""

COMPLETION_CANARY = "canary-in-the-completion-4712"
"""Stands in everything that the stand-ins generate."""

WORDS = ("Counting", " calls", " is", " easy", "; counting", " them", " once", " is", " not", ": ", COMPLETION_CANARY)
"""The completion, in the pieces in which a stream sends it."""

TOOL_ARGUMENTS = {"city": "Lisbon"}
"""What the models call a tool with."""

ID_PREFIXES = {
    "chat.completions": "chatcmpl-",
    "responses": "resp_",
    "messages": "msg_01",
    "invoke": "msg_bdrk_01",
    "invoke-with-response-stream": "msg_bdrk_01",
}
"""How the ids of answers begin, by interface; those of Gemini begin anyhow."""

LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Usage:
    """Tokens of a call: `input_total` holds cache reads and writes, `output` holds reasoning."""

    input_total: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Call:
    """One request, numbered, with the ids and the usage that its answer will carry."""

    number: int
    vendor: str
    api: str
    model: str
    served_model: str
    request: dict[str, Any]
    script: str
    streamed: bool
    usage: Usage = field(default_factory=Usage)
    response_id: str = field(init=False)
    request_id: str = field(init=False)

    def __post_init__(self) -> None:
        prefix = ID_PREFIXES.get(self.api, "")
        seed = random.Random(f"{self.vendor} {self.number} {self.request.get('model')}")
        object.__setattr__(self, "response_id", prefix + "".join(seed.choices(LETTERS, k=24)))
        request_id = "req_" + "".join(seed.choices(LETTERS, k=24))
        if self.vendor == "aws.bedrock":
            request_id = str(uuid.UUID(int=seed.getrandbits(128), version=4))
        object.__setattr__(self, "request_id", request_id)


@dataclass(frozen=True)
class Answer:
    """What goes back: one body, or the events of a stream."""

    body: dict[str, Any] = field(default_factory=dict)
    events: tuple[bytes, ...] = ()
    response_id: str | None = None
    usage_sent: str = "all"
    usage_sent_at_first: str = "none"


def event(data: dict[str, Any], name: str | None = None) -> bytes:
    """One server-sent event, with its name where the vendor names them."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()
