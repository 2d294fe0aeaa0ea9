"""Exports as JSON: lines, lists and pages are read alike."""

import json
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.exported import exported
from spanledger.instrumentation.replay.log import Log

ROWS = [{"a": 1}, {"a": 2}]
LINES = "".join(f"{json.dumps(row)}\n" for row in ROWS)

FORMS = {
    "lines": LINES,
    "lines without the last ending": LINES.rstrip(),
    "lines that begin with a torn one": '{"a": 0, "b\n' + LINES,
    "list": json.dumps(ROWS),
    "list of several lines": json.dumps(ROWS, indent=2),
    "page": json.dumps({"data": ROWS}),
    "page of several lines": json.dumps({"data": ROWS}, indent=2),
    "pages as lines": "".join(json.dumps({"data": [row]}) + "\n" for row in ROWS),
    "list of pages": json.dumps([{"data": [row]} for row in ROWS]),
    "byte order mark": "\ufeff" + json.dumps({"data": ROWS}, indent=2),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_objects(tmp_path: Path, form: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(FORMS[form], encoding="utf-8")
    assert list(exported(Log(path), "data")) == ROWS


def test_a_page_of_one_object_is_that_object(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"data": {"a": 1}}), encoding="utf-8")
    assert list(exported(Log(path), "data")) == [{"a": 1}]


def test_a_line_longer_than_what_is_looked_at_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    rows = [{"a": "x" * 10_000}, {"a": "y"}]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert list(exported(Log(path))) == rows


def test_what_is_no_object_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text("[1, {}]", encoding="utf-8")
    log = Log(path)
    assert list(exported(log)) == [{}]
    assert log.skipped == {"not a JSON object": 1}


def test_a_damaged_document_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text('[{"a": 1}, ', encoding="utf-8")
    log = Log(path)
    assert list(exported(log)) == []
    assert log.skipped == {"not valid JSON": 1}
