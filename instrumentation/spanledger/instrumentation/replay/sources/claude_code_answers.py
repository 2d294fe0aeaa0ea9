"""Answers in Claude Code's transcripts: what identifies one, and the calls that it stands for."""

import re
from dataclasses import dataclass
from typing import Final

from spanledger.instrumentation.replay.json_lines import amount
from spanledger.instrumentation.replay.records import Call, Session, Usage
from spanledger.instrumentation.replay.sources.claude_code_lines import Counts, Line

PLACEHOLDER_MAX: Final = 8
PLACEHOLDER_CHARACTERS: Final = 200
"""An answer of so few tokens and more characters says a placeholder: builds of early 2026 never wrote the real one."""

_MINTED: Final = re.compile(r"(msg|req|gen|chatcmpl|resp)[-_][A-Za-z0-9_-]{12,}$")
"""Ids of a vendor, not of a gateway that gives every answer the same."""


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
    usage: Counts,
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
    counts = usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens
    same = f"{answer_id}/{'/'.join(map(str, counts))}/"
    return before if before and before.startswith(same) else f"{same}{at_ns}", False


def calls(answer: Answer) -> list[Call]:
    """The call of an answer, and those of advisors that were asked while it was written."""
    line, key = answer.best, answer.key
    message = line.message
    assert message is not None, "an answer is made of a message"
    usage = message.usage
    assert usage is not None, "with counts"
    model, answer_id = message.model or None, message.id or None
    minted = answer_id if answer.named and answer_id and _MINTED.match(answer_id) else None
    geo = usage.inference_geo or None
    found = [
        Call(
            key, answer.session, answer.started_ns, answer.ended_ns, usage_of(usage),
            model=model, asked_model=line.requested_model or None, provider=provider_of(model, answer_id),
            response_id=minted, request_id=(line.request_id or None) if answer.named else key, vendor_ids=answer.named,
            agent=answer.agent, parent=answer.agent_id, cost_usd=amount(line.cost_usd),
            service_tier=usage.service_tier or None, speed=usage.speed or None,
            residency=None if geo == "not_available" else geo, finish_reason=message.stop_reason or None,
            partial=answer.output <= PLACEHOLDER_MAX and answer.characters > PLACEHOLDER_CHARACTERS,
        )
    ]  # fmt: skip
    for index, asked in enumerate(usage.iterations or ()):
        if asked.type == "advisor_message":
            advisor = asked.model or model
            # Named by the answer alone, so that a copy in a fork or in a side question is one with it.
            name = f"{minted or key}/advisor/{index}"
            found.append(
                Call(
                    name, answer.session, answer.started_ns, answer.ended_ns, usage_of(asked),
                    model=advisor, provider=provider_of(advisor, answer_id), request_id=name, vendor_ids=False,
                    agent="advisor", parent=answer.agent_id,
                )
            )  # fmt: skip
    return found


def usage_of(usage: Counts) -> Usage:
    """Inclusive counts; a part of the input that is missing is nothing."""
    fresh, read = usage.input_tokens or 0, usage.cache_read_input_tokens or 0
    written = usage.cache_creation_input_tokens or 0
    split, details, tools = usage.cache_creation, usage.output_tokens_details, usage.server_tool_use
    short = long = None
    if split is not None:
        short, long = split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens
        parts = (short or 0) + (long or 0)
        written = written or parts
        if parts != written:  # the total is right where they disagree
            short = long = None
    return Usage(
        fresh + read + written, read, written, short, long, usage.output_tokens,
        details.thinking_tokens if details is not None else None,
        tools.web_search_requests if tools is not None else None,
    )  # fmt: skip


def provider_of(model: str | None, answer_id: str | None) -> str | None:
    """Who sold it, as the id and the model's name tell; None leaves it to the model's name."""
    model, answer_id = model or "", answer_id or ""
    if answer_id.startswith("msg_bdrk_") or "anthropic." in model:
        return "aws.bedrock"
    if answer_id.startswith("msg_vrtx_") or "@" in model:
        return "gcp.vertex_ai"
    return "anthropic" if model.startswith("claude") else None
