"""Tokenly's `POST /api/ingest`: usage records in JSON, or a file of them (JSON lines) as a multipart upload.

They are read as a replay reads such a file, so that a file that is posted and replayed counts once. Of a file at least
half of the lines must be records; its sender deletes it when it is told that it was taken.
"""

from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Final
from uuid import uuid4

import orjson

from spanledger.instrumentation.replay.doors.posting import ERRORS_MAX, Refusal, Taken, exports_of, json_object
from spanledger.instrumentation.replay.json_lines import text, time_ns
from spanledger.instrumentation.replay.log import BOM, NOT_JSON
from spanledger.instrumentation.replay.otlp_spans import EARLIEST_NS, LATEST_NS
from spanledger.instrumentation.replay.reading import BAD_CLOCK
from spanledger.instrumentation.replay.records import Call
from spanledger.instrumentation.replay.repeats import Repeats
from spanledger.instrumentation.replay.sources.tokenly import NO_RECORD, SOURCE, is_taken, record_call

NO_OBJECT: Final = "not a JSON object"
STORE: Final = "duckdb"


def take_records(body: dict[str, object]) -> Taken:
    """`{"client_hostname", "records"}`: the records that are such, at least one. Raises Refusal."""
    machine = _machine(body, "client_hostname")
    records = body.get("records")
    if not isinstance(records, list) or not records:
        raise Refusal("records must be a list of one record or more.")
    check = _Check(enumerate(records, 1))
    if not check.valid:
        raise Refusal(f"Nothing of records is a usage record: record {check.first_error}.")
    return Taken(exports_of(SOURCE, machine, _calls(records)), check.answer)


def take_file(parts: Mapping[str, bytes]) -> Taken:
    """The parts `metadata` and `file`, JSON lines. Raises Refusal, also where less than half of them are records."""
    for part in ("metadata", "file"):
        if part not in parts:
            raise Refusal(f"The multipart body has no part named {part}: send metadata and file.")
    machine = _machine(json_object(parts["metadata"], "The part metadata"), "client_hostname of metadata")
    check = _Check(_lines(parts["file"]))
    if not check.seen:
        raise Refusal("The file is empty.")
    if not is_taken(check.seen, check.valid):
        raise Refusal(
            f"Of the {check.seen} lines of the file {check.valid} are usage records, less than half: "
            f"line {check.first_error}."
        )
    return Taken(exports_of(SOURCE, machine, _calls(line for _, line in _lines(parts["file"]))), check.answer)


def _machine(said: dict[str, object], where: str) -> str:
    machine = text(said, "client_hostname")
    if machine is None:
        raise Refusal(f"{where} must say which machine this comes from.")
    return machine


def _lines(content: bytes) -> Iterator[tuple[int, object]]:
    """What stands in each line that is not empty, with its number; None for what is no JSON."""
    for number, line in enumerate(BytesIO(content.removeprefix(BOM)), 1):
        if line.strip():
            try:
                yield number, orjson.loads(line)
            except orjson.JSONDecodeError:
                yield number, None


def _calls(records: Iterable[object]) -> Iterator[Call]:
    repeats = Repeats({})
    for record in records:
        call = record_call(record, repeats) if isinstance(record, dict) else None
        if call is not None:
            yield call


class _Check:
    """How many of some numbered records are such, and what is wrong with the others.

    Seen to before their calls are made, which are then never all in memory.
    """

    def __init__(self, records: Iterable[tuple[int, object]]) -> None:
        self.seen = self.valid = 0
        self._errors: list[tuple[int, str]] = []
        for number, record in records:
            self.seen += 1
            fault = _fault(record)
            if fault is None:
                self.valid += 1
            elif len(self._errors) < ERRORS_MAX:
                self._errors.append((number, fault))

    @property
    def first_error(self) -> str:
        """Which record is the first that is none, and why."""
        number, fault = self._errors[0]
        return f"{number} is {fault}"

    def answer(self, rejected: int, took_s: float) -> object:
        """What is answered when the calls are stored."""
        return {
            "ingestion_id": str(uuid4()),
            "status": "accepted",
            "records_processed": self.seen,
            "records_valid": self.valid - rejected,
            "records_invalid": self.seen - self.valid + rejected,
            "storage_backend": STORE,
            "processing_time_ms": round(took_s * 1000),
            "errors": [{"record": number, "error": fault} for number, fault in self._errors],
        }


def _fault(record: object) -> str | None:
    """Why it is no usage record."""
    if record is None:
        return NOT_JSON
    if not isinstance(record, dict):
        return NO_OBJECT
    missing = [name for name in ("service", "model") if text(record, name) is None]
    if missing:
        return f"{NO_RECORD}: {missing[0]} is missing"
    at_ns = time_ns(record, "timestamp")
    if at_ns is None:
        return f"{NO_RECORD}: timestamp is no time"
    return None if EARLIEST_NS <= at_ns < LATEST_NS else BAD_CLOCK
