"""Content never leaves: every field of the fixtures that holds some says a word that no request may contain.

A fixture without the word would prove nothing, so each must hold it.
"""

from pathlib import Path

import pytest

from spanledger.instrumentation.replay.discovery import given_logs
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.walking import Search
from tests.log_fixtures import LOGS, copied
from tests.replaying import read, requests

CANARY = b"CANARY-7f3a"

FIXTURES = sorted(folder.name for folder in LOGS.iterdir() if folder.is_dir())
WITHOUT_CONTENT = frozenset({
    "anthropic-usage", "claude-code-statusline", "codebuff", "crush", "cursor", "dsh", "goose", "kimi-cli",
    "openai-usage", "openrouter", "usage-jsonl",
})  # fmt: skip
"""Exports, and stores of which no column that is read holds any."""


@pytest.mark.parametrize("folder", FIXTURES)
def test_no_word_of_what_was_said_is_sent(tmp_path: Path, folder: str):
    logs = copied(LOGS / folder, tmp_path)
    found = list(given_logs([str(logs)], SOURCES, Search()))
    assert found, f"no source knows the logs of {folder}"
    sent = [request.body for one in found for request in requests([(one.source, read(one.source, one.path))])]
    assert sent
    for body in sent:
        assert CANARY not in body
        assert b"CANARY" not in body.upper()


@pytest.mark.parametrize("folder", sorted(set(FIXTURES) - WITHOUT_CONTENT))
def test_the_word_is_there_to_be_sent(folder: str):
    contents = [path.read_bytes() for path in (LOGS / folder).rglob("*") if path.is_file()]
    assert any(CANARY in content or content.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")) for content in contents)


def test_every_source_has_a_fixture():
    with_one = {one.source.name for one in given_logs([str(LOGS)], SOURCES, Search())}
    assert {source.name for source in SOURCES} - with_one == set()
