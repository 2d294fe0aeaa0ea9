"""Codebuff's chats: a message tells its usage, or holds the history that does."""

from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Prompt, Usage
from spanledger.instrumentation.replay.sources.codebuff import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read

CHAT = Path("projects") / "shop" / "chats" / "2026-01-02T03-04-05.000Z" / "chat-messages.json"
FIXTURE = Path(__file__).parent / "logs" / "codebuff" / CHAT
SHARED = SHARED_LOGS / "codebuff" / "ccusage-tests"


def calls(path: Path) -> list[Call]:
    return [record for record in read(SOURCE, path) if isinstance(record, Call)]


def test_usage_of_a_message_leaves_the_cache_out_of_its_input() -> None:
    call = calls(FIXTURE)[0]
    assert call.usage == Usage(input_tokens=130, cache_read_tokens=10, cache_write_tokens=20, output_tokens=50)
    assert (call.model, call.session.project) == ("claude-sonnet-4-20250514", "shop")
    assert call.started_ns == 1_767_323_046_000_000_000


def test_usage_of_a_history_is_openais() -> None:
    call = calls(FIXTURE)[1]
    assert (call.usage, call.model) == (
        Usage(input_tokens=100, cache_read_tokens=10, output_tokens=50), "openai/gpt-5",
    )  # fmt: skip
    # It has no time of its own: the chat's beginning.
    assert call.started_ns == 1_767_323_045_000_000_000


def test_what_people_asked_is_a_prompt() -> None:
    assert [record.characters for record in read(SOURCE, FIXTURE) if isinstance(record, Prompt)] == [11]


def test_a_document_of_others_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "chat-messages.json"
    path.write_text("{}", encoding="utf-8")
    log = Log(path)
    assert read(SOURCE, path, log) == []
    assert log.skipped == {"not the messages of a chat": 1}


@pytest.mark.skipif(not SHARED.is_dir(), reason=ABSENT)
@pytest.mark.parametrize(
    ("case", "usage"),
    [
        (
            "loads_assistant_usage_from_chat_messages",
            Usage(input_tokens=100 + 20 + 10, cache_read_tokens=10, cache_write_tokens=20, output_tokens=50),
        ),
        # ccusage adds the cached tokens to OpenAI's prompt_tokens, which contain them.
        (
            "falls_back_to_run_state_provider_usage",
            Usage(input_tokens=100, cache_read_tokens=10, output_tokens=50),
        ),
    ],
)
def test_the_cases_of_ccusage(case: str, usage: Usage) -> None:
    (path,) = (SHARED / case).rglob("chat-messages.json")
    assert [call.usage for call in calls(path)] == [usage]
