"""Lines of Claude Code's transcripts: decoded many at a time by their types, or alone where they have others."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from spanledger.instrumentation.replay.log import NOT_JSON, Log
from spanledger.instrumentation.replay.sources.claude_code_lines import Block, line_of, lines_of
from tests.log_fixtures import LOGS

FOLDER = LOGS / "claude-code"
LINE: dict[str, Any] = {
    "type": "assistant", "uuid": "u", "timestamp": "2026-11-03T09:00:00.000Z", "sessionId": "s", "cwd": "/home",
    "requestSessionId": "o", "requestId": "req_1", "agentId": "a", "gitBranch": "main", "version": "2.1.330",
    "requestedModel": "m", "costUSD": 0.1, "isSidechain": False, "isMeta": None, "isCompactSummary": True,
    "origin": {"kind": "x"}, "data": {"type": "agent_progress"}, "modelUsage": {"m": {"inputTokens": 1}},
    "message": {
        "id": "msg_1", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [
            {"type": "text", "text": "what somebody wrote"},
            {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}},
            {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": [{"type": "text"}]},
        ],
        "usage": {
            "input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4,
            "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 6},
            "output_tokens_details": {"thinking_tokens": 7}, "server_tool_use": {"web_search_requests": 8},
            "service_tier": "standard", "speed": "fast", "inference_geo": "us",
            "iterations": [{"type": "advisor_message", "model": "n", "output_tokens": 9}],
        },
    },
}  # fmt: skip
"""Every field that is read, as it usually is."""
ODD = [None, True, 5, -1, 1.5, 10**13, "", "x", [], {}, [None], [[1]], {"a": None}, ["x"], [{}]]


def lines(content: bytes, skipped: dict[str, int] | None = None) -> list[Any]:
    """What the lines of a block say, and no more than `skipped` is left out."""
    log = Log(Path("s.jsonl"))
    found = lines_of(content, log)
    assert log.skipped == (skipped or {})
    return [told(line) for line in found]


def told(value: Any) -> Any:
    """What a line says: what is missing, empty or false says nothing."""
    if isinstance(value, list):
        return [told(item) for item in value]
    if not isinstance(value, Struct):
        return value
    return {name: said for name in value.__struct_fields__ if (said := told(getattr(value, name)))}


def encoded(*lines: object) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where all values of a JSON value are."""
    inside: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [path, *(found for key, one in inside for found in paths(one, (*path, key)))]


def replaced(value: Any, path: tuple[str | int, ...], by: object) -> Any:
    if not path:
        return by
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


AS_READ = told(line_of(LINE))


def test_every_field_that_is_read_is_read_both_ways():
    (line,) = lines_of(encoded(LINE), Log(Path("s.jsonl")))
    assert told(line) == AS_READ
    assert line.message is not None
    assert line.message.content == [
        Block("text", text="what somebody wrote"),
        Block("tool_use", "toolu_1", "Bash"),
        Block("tool_result", tool_use_id="toolu_1", is_error=True),
    ]
    assert {name for name in line.__struct_fields__ if getattr(line, name) is None} == {"is_meta"}


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.jsonl")), ids=lambda path: path.name)
def test_both_ways_read_the_same_of_a_transcript(path: Path):
    content = path.read_bytes()
    assert lines(content) == [told(line_of(json.loads(line))) for line in content.splitlines()]


@pytest.mark.parametrize("path", paths(LINE)[1:], ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_another_type_spoils_no_other(path: tuple[str | int, ...]):
    for odd in ODD:
        changed = replaced(LINE, path, odd)
        assert lines(encoded(LINE, changed, LINE)) == [AS_READ, told(line_of(changed)), AS_READ], odd


def test_numbers_as_texts_and_texts_with_blanks_are_read():
    found = lines(encoded({"requestId": " req_1 ", "version": 2, "message": {"usage": {"output_tokens": "7"}}}))
    assert [(line["request_id"], line["version"], line["message"]["usage"]["output_tokens"]) for line in found] == [
        ("req_1", "2", 7)
    ]


@pytest.mark.parametrize("torn", [b'{"type":"user","message":{"con\n', b'{"type":\n', b"\n\n", b"\xff\xfe\n", b"[1]\n"])
def test_what_is_no_line_is_left_out_and_the_lines_beside_it_are_read(torn: bytes):
    counted = {b"\n\n": {}, b"[1]\n": {"not a JSON object": 1}}.get(torn, {NOT_JSON: 1})
    assert lines(encoded(LINE) + torn + encoded(LINE), counted) == [AS_READ] * 2


def test_endings_of_windows_and_none_at_the_end_are_lines():
    content = encoded(LINE, LINE).replace(b"\n", b"\r\n")
    assert lines(content) == lines(content[:-2]) == [AS_READ] * 2


def test_an_object_over_several_lines_is_none():
    content = json.dumps({"type": "user", "uuid": "u"}, indent=1).encode() + b"\n"
    assert lines(content, {NOT_JSON: 4}) == []


def test_content_that_is_no_utf_8_costs_no_line():
    content = encoded(LINE).replace(b'"command": "ls"', b'"command": "\xff\xfe"')
    assert lines(content) == [AS_READ]


def test_a_line_nested_without_end_costs_itself_alone():
    deep = b'{"toolUseResult":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    assert lines(encoded(LINE) + deep + encoded(LINE), {NOT_JSON: 1}) == [AS_READ] * 2
