"""Answers in Claude Code's transcripts: what identifies one, and the calls that it stands for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from spanledger.instrumentation.replay.json_lines import Object, count, inner, items, money, text
from spanledger.instrumentation.replay.records import Call, Session, Usage

Line = dict[str, object]

PLACEHOLDER_MAX: Final = 8
PLACEHOLDER_CHARACTERS: Final = 200
"""An answer of so few tokens and more characters says a placeholder: builds of early 2026 never wrote the real one."""

_MINTED: Final = re.compile(r"(msg|req|gen|chatcmpl|resp)[-_][A-Za-z0-9_-]{12,}$")
"""Ids of a vendor, not of a gateway that gives every answer the same."""
_ASKED: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass(slots=True)
class Answer:
    """The lines of one answer so far: the best of them, and what all of them say together.

    `named`: its ids are names that others may know.
    """

    key: str
    named: bool
    session: Session
    best: Line
    output: int
    started_ns: int
    ended_ns: int
    agent: str | None
    agent_id: str | None
    characters: int = 0

    def take(self, line: Line, output: int, at_ns: int, session: Session, characters: int) -> None:
        """Another line of the answer: it counts if its output is as great as any before."""
        self.ended_ns = max(self.ended_ns, at_ns)
        self.characters += characters
        if output >= self.output:
            self.best, self.output, self.session = line, output, session


def key_of(
    answer_id: str | None,
    request_id: str | None,
    usage: Line,
    session: Session,
    agent_id: str | None,
    at_ns: int,
    before: str | None,
) -> tuple[str, bool]:
    """What identifies an answer, and whether its ids are names that others may know.

    `before` is the key of the answer whose line came last.
    """
    beside = f"/{agent_id}" if agent_id else ""
    if answer_id and (request_id or _MINTED.match(answer_id)):
        return f"{answer_id}/{request_id or ''}{beside}", True
    if request_id:
        return request_id + beside, True
    if answer_id and answer_id.startswith("msg_"):
        return f"{answer_id}/{session.id}{beside}", False
    # A gateway may call every answer the same: lines that follow each other with equal counts are one.
    counts = "/".join(str(usage.get(name)) for name in _ASKED)
    same = f"{answer_id}/{counts}/"
    return before if before and before.startswith(same) else f"{same}{at_ns}", False


def calls(answer: Answer) -> Iterator[Call]:
    """The call of an answer, and those of advisors that were asked while it was written."""
    line = answer.best
    message = inner(line, "message")
    usage = inner(message, "usage")
    model, answer_id = text(message, "model"), text(message, "id")
    geo = text(usage, "inference_geo")
    yield Call(
        answer.key, answer.session, answer.started_ns, answer.ended_ns, usage_of(usage),
        model=model, asked_model=text(line, "requestedModel"), provider=provider_of(model, answer_id),
        response_id=answer_id if answer.named and answer_id and _MINTED.match(answer_id) else None,
        request_id=text(line, "requestId") if answer.named else answer.key, vendor_ids=answer.named,
        agent=answer.agent, parent=answer.agent_id, cost_usd=money(line, "costUSD"),
        service_tier=text(usage, "service_tier"), speed=text(usage, "speed"),
        residency=None if geo == "not_available" else geo, finish_reason=text(message, "stop_reason"),
        partial=answer.output <= PLACEHOLDER_MAX and answer.characters > PLACEHOLDER_CHARACTERS,
    )  # fmt: skip
    if not usage.get("iterations"):
        return
    for index, asked in enumerate(items(usage, "iterations")):
        if asked.get("type") == "advisor_message":
            advisor = text(asked, "model") or model
            # Named by the answer alone, so that a copy in a fork or in a side question is one with it.
            name = answer_id if answer.named and answer_id and _MINTED.match(answer_id) else answer.key
            key = f"{name}/advisor/{index}"
            yield Call(
                key, answer.session, answer.started_ns, answer.ended_ns, usage_of(asked),
                model=advisor, provider=provider_of(advisor, answer_id), request_id=key, vendor_ids=False,
                agent="advisor", parent=answer.agent_id,
            )  # fmt: skip


def usage_of(usage: Object) -> Usage:
    """Inclusive counts; a part of the input that is missing is nothing."""
    fresh, read = count(usage, "input_tokens") or 0, count(usage, "cache_read_input_tokens") or 0
    written = count(usage, "cache_creation_input_tokens") or 0
    split = usage.get("cache_creation")
    short, long = count(split, "ephemeral_5m_input_tokens"), count(split, "ephemeral_1h_input_tokens")
    parts = (short or 0) + (long or 0)
    written = written or parts
    if parts != written:  # the total is right where they disagree
        short = long = None
    return Usage(
        fresh + read + written, read, written, short, long, count(usage, "output_tokens"),
        count(usage.get("output_tokens_details"), "thinking_tokens"),
        count(usage.get("server_tool_use"), "web_search_requests"),
    )  # fmt: skip


def provider_of(model: str | None, answer_id: str | None) -> str | None:
    """Who sold it, as the id and the model's name tell; None leaves it to the model's name."""
    model, answer_id = model or "", answer_id or ""
    if answer_id.startswith("msg_bdrk_") or "anthropic." in model:
        return "aws.bedrock"
    if answer_id.startswith("msg_vrtx_") or "@" in model:
        return "gcp.vertex_ai"
    return "anthropic" if model.startswith("claude") else None
