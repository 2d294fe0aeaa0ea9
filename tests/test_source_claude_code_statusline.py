"""Samples of a plan's windows, as the status line kept them, and what the ledger says of them."""

from pathlib import Path

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Quota, Session
from spanledger.instrumentation.replay.sources.claude_code_statusline import SOURCE
from spanledger.storage.ledger import Ledger
from tests.replaying import feed, read, requests

FIXTURE = Path(__file__).parent / "logs" / "claude-code-statusline" / "statusline.jsonl"


def test_each_line_is_a_sample_and_what_is_none_is_counted() -> None:
    log = Log(FIXTURE)
    records = read(SOURCE, FIXTURE, log)
    assert records == [
        Quota(Session("s-1"), 1_795_000_000_250_000_000, "five_hour", 23.5, 300, 1_795_010_000 * 10**9),
        Quota(Session("s-1"), 1_795_000_000_250_000_000, "seven_day", 41.0, 10_080, 1_795_500_000 * 10**9),
        Quota(Session("unknown"), 1_795_000_600 * 10**9, "five_hour", 24.5),
    ]
    assert log.skipped == {"no sample of a plan's window": 1}


def test_the_ledger_shows_them_as_quota_samples_of_claude_code(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    told = requests([(SOURCE, read(SOURCE, FIXTURE))])
    feed(ledger, told, told)
    with ledger.reader() as reader:
        rows = reader.query("select * from quota_samples").to_pylist()
    ledger.close()
    found = sorted((row["quota_window"], row["used_percent"]) for row in rows)
    assert found == [("five_hour", 23.5), ("five_hour", 24.5), ("seven_day", 41.0)]
    assert {row["service_name"] for row in rows} == {"claude-code"}
    (first,) = (row for row in rows if row["used_percent"] == 23.5)
    assert (first["window_minutes"], first["resets_at"].timestamp(), first["session_id"]) == (
        300, 1_795_010_000, "s-1",
    )  # fmt: skip


def test_a_file_given_by_the_user_is_recognised() -> None:
    assert SOURCE.recognises(FIXTURE, FIXTURE.read_bytes())
    assert not SOURCE.recognises(FIXTURE.with_name("other.jsonl"), FIXTURE.read_bytes())
