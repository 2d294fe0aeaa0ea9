"""Tokenly's door: records in JSON and files of them, once, and known as what a replay of the same file brings."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.sources.tokenly import SOURCE
from tests.doors_serving import CANARY, Doors, serving_doors
from tests.replaying import ABSENT, SHARED_LOGS, feed, read, requests

FIXTURE = Path(__file__).parent / "logs" / "usage-jsonl" / "usage.jsonl"
SHARED = SHARED_LOGS / "tokenly" / "readme" / "usage.jsonl"
RECORD = {
    "timestamp": "2026-02-09T09:38:00Z", "service": "anthropic", "model": "claude-sonnet-4", "input_tokens": 1205,
    "output_tokens": 847, "cost_usd": 0.0234, "session_id": "abc123",
}  # fmt: skip


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Doors]:
    with serving_doors(tmp_path) as start:
        yield start()


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_records_are_calls_with_what_they_say_they_cost(served: Doors) -> None:
    response = served.post("/api/ingest", {"client_hostname": "web-1", "records": [RECORD]})
    assert response.status_code == 200
    said = response.json()
    assert len(said.pop("ingestion_id")) == 36
    assert 0 <= said.pop("processing_time_ms") < 30_000
    assert said == {
        "status": "accepted", "records_processed": 1, "records_valid": 1, "records_invalid": 0,
        "storage_backend": "duckdb", "errors": [],
    }  # fmt: skip
    (row,) = served.rows()
    assert (row["provider"], row["response_model"], row["session_id"]) == ("anthropic", "claude-sonnet-4", "abc123")
    assert (row["input_tokens"], row["output_tokens"]) == (1205, 847)
    assert row["reported_cost_usd"] == Decimal("0.0234")
    assert (row["machine"], row["service_name"]) == ("web-1", "usage-jsonl")


def test_records_that_are_none_are_counted_and_named(served: Doors) -> None:
    records = [
        RECORD, None, 3, {}, RECORD | {"model": ""}, RECORD | {"timestamp": "soon"}, RECORD | {"timestamp": 86_400},
    ]  # fmt: skip
    said = served.post("/api/ingest", {"client_hostname": "web-1", "records": records}).json()
    assert (said["records_processed"], said["records_valid"], said["records_invalid"]) == (7, 1, 6)
    assert [(one["record"], one["error"]) for one in said["errors"]] == [
        (2, "not valid JSON"), (3, "not a JSON object"), (4, "not a usage record: service is missing"),
        (5, "not a usage record: model is missing"), (6, "not a usage record: timestamp is no time"),
        (7, "written by a clock that was never set"),
    ]  # fmt: skip
    assert len(served.rows()) == 1


def test_no_more_than_twenty_faults_are_named(served: Doors) -> None:
    said = served.post("/api/ingest", {"client_hostname": "web-1", "records": [RECORD, *[{}] * 100]}).json()
    assert (said["records_invalid"], len(said["errors"])) == (100, 20)


@pytest.mark.parametrize(("body", "message"), [
    ({"records": [RECORD]}, "client_hostname must say which machine this comes from."),
    ({"client_hostname": "", "records": [RECORD]}, "client_hostname must say which machine this comes from."),
    ({"client_hostname": ["w"], "records": [RECORD]}, "client_hostname must say which machine this comes from."),
    ({"client_hostname": "w"}, "records must be a list of one record or more."),
    ({"client_hostname": "w", "records": []}, "records must be a list of one record or more."),
    ({"client_hostname": "w", "records": RECORD}, "records must be a list of one record or more."),
    (
        {"client_hostname": "w", "records": [{}, {}]},
        "Nothing of records is a usage record: record 1 is not a usage record: service is missing.",
    ),
    ({"a": 1}, "The body must say client_hostname and records (Tokenly), or machine and events (Tokenfold)."),
])  # fmt: skip
def test_a_body_of_which_nothing_can_be_taken_is_refused(served: Doors, body: object, message: str) -> None:
    response = served.post("/api/ingest", body)
    assert (response.status_code, response.json()) == (400, {"error": message})
    assert served.rows() == []


# Files


def test_a_file_is_read_line_by_line(served: Doors) -> None:
    file = b"\xef\xbb\xbf" + lines(RECORD) + b'\r\n\n { "torn\n' + lines(RECORD | {"input_tokens": 2}).rstrip()
    said = served.upload(file).json()
    assert (said["records_processed"], said["records_valid"], said["records_invalid"]) == (3, 2, 1)
    assert said["errors"] == [{"record": 4, "error": "not valid JSON"}]
    assert [row["input_tokens"] for row in served.rows()] == [2, 1205]


@pytest.mark.parametrize("others", [3, 4])
def test_a_file_is_taken_when_at_least_half_of_its_lines_are_records(served: Doors, others: int) -> None:
    file = lines(*[RECORD | {"request_id": str(number)} for number in range(3)], *[{"level": "info"}] * others)
    response = served.upload(file)
    if others == 3:
        assert response.status_code == 200
        assert len(served.rows()) == 3
    else:
        # Not 200, after which its client deletes the file.
        assert (response.status_code, response.json()) == (400, {
            "error": "Of the 7 lines of the file 3 are usage records, less than half: "
            "line 4 is not a usage record: service is missing."
        })  # fmt: skip
        assert served.rows() == []


def test_an_empty_file_is_refused(served: Doors) -> None:
    assert served.upload(b"\n\n").json() == {"error": "The file is empty."}


@pytest.mark.parametrize(("metadata", "message"), [
    ("{", "The part metadata is not JSON: "), ("[]", "The part metadata must be a JSON object."),
    ("{}", "client_hostname of metadata must say which machine this comes from."),
])  # fmt: skip
def test_a_file_needs_to_say_where_it_is_from(served: Doors, metadata: str, message: str) -> None:
    response = served.upload(lines(RECORD), metadata)
    assert response.status_code == 400
    assert response.json()["error"].startswith(message)


@pytest.mark.parametrize("part", ["metadata", "file"])
def test_an_upload_has_two_parts(served: Doors, part: str) -> None:
    other = {"metadata": "file", "file": "metadata"}[part]
    response = served.client.post("/api/ingest", files={other: b"{}"})
    assert (response.status_code, response.json()) == (
        400, {"error": f"The multipart body has no part named {part}: send metadata and file."}
    )  # fmt: skip


def test_a_file_in_another_encoding_is_none(served: Doors) -> None:
    response = served.upload(lines(RECORD).decode().encode("utf-16"))
    assert response.status_code == 400
    assert "line 1 is not valid JSON." in response.json()["error"]


# Once


def test_what_is_posted_again_counts_once(served: Doors) -> None:
    for _ in range(2):
        served.upload(FIXTURE.read_bytes())
        served.post("/api/ingest", {"client_hostname": "web-1", "records": [RECORD, RECORD | {"input_tokens": 9}]})
    # The file has the first of the two, too.
    assert len(served.rows()) == 5 + 1


def test_equal_records_of_one_post_are_calls_of_their_own(served: Doors) -> None:
    for _ in range(2):
        served.upload(lines(RECORD, RECORD, RECORD))
    assert len(served.rows()) == 3


def test_a_file_that_is_posted_and_replayed_counts_once(served: Doors) -> None:
    assert served.upload(FIXTURE.read_bytes()).status_code == 200
    posted = [(row["call_id"], row["span_id"], row["cost_usd"]) for row in served.rows()]
    feed(served.ledger, requests([(SOURCE, read(SOURCE, FIXTURE))], "default"))
    assert [(row["call_id"], row["span_id"], row["cost_usd"]) for row in served.rows()] == posted
    assert len(posted) == 5


def test_nothing_beside_the_fields_of_a_record_is_stored(served: Doors) -> None:
    record = RECORD | {"metadata": {"prompt": CANARY}, "prompt": CANARY, CANARY: CANARY}
    metadata = json.dumps({"client_hostname": "web-1", "file_info": {"original_path": f"/home/{CANARY}"}})
    assert served.upload(lines(record), metadata).status_code == 200
    assert served.post("/api/ingest", {"client_hostname": "w", "records": [record], "note": CANARY}).status_code == 200
    assert CANARY not in served.everything()


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_the_records_of_its_readme_all_count(served: Doors) -> None:
    assert served.upload(SHARED.read_bytes()).json()["records_valid"] == 2
    (sums,) = served.rows("select sum(input_tokens) i, sum(output_tokens) o, sum(reported_cost_usd) c from calls")
    assert (int(sums["i"]), int(sums["o"]), sums["c"]) == (2097, 1292, Decimal("0.039"))
