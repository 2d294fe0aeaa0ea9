"""The views: each has a name, a computation and groups; what makes no sense is refused in a sentence."""

import pytest

from spanledger.dashboards.report import ReportError
from spanledger.dashboards.report_names import NAMES, SPENDING, VIEWS
from spanledger.dashboards.views import KINDS, asked_of, compute
from spanledger.storage.questions import GROUPS
from tests.ledger_rows import NOON
from tests.span_rows import InMemory


def test_every_name_of_a_view_is_one_that_is_computed() -> None:
    assert set(VIEWS) == set(KINDS)
    assert set(NAMES) == set(VIEWS) | set(SPENDING)
    assert all((VIEWS[name] is None) == (kind.groups is None) for name, kind in KINDS.items())


def test_what_reports_are_grouped_by_exists() -> None:
    for by in SPENDING.values():
        assert set(by.split(",")) <= set(GROUPS)
    for name, by in VIEWS.items():
        assert by is None or by in (KINDS[name].groups or ())


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_is_computed_of_an_empty_ledger_and_says_that_it_is(name: str) -> None:
    made = compute(InMemory(), name, asked_of(name, now=NOON))
    assert made["view"] == name
    assert name == "hours" or not made["rows"]
    assert name == "blocks" or made["notes"]
    assert {tuple(row) for row in made["rows"]} <= {tuple(column["name"] for column in made["columns"])}


ROW: dict[str, object] = {
    "session_id": "s",
    "record_hash": 7,
    "trace_id": "a" * 32,
    "span_id": "b" * 16,
    "ended_at": NOON.replace(hour=13),
    "tool_name": "Bash",
}


@pytest.mark.parametrize("name", [name for name, by in VIEWS.items() if by is not None])
def test_every_view_is_grouped_by_every_column_that_it_says_it_is(name: str) -> None:
    reader = InMemory([] if name == "tools" else [ROW], [ROW] if name == "tools" else [])
    for group in KINDS[name].groups or ():
        try:
            wanted = asked_of(name, by=group, now=NOON)
        except ReportError:
            continue  # what is counted is no group
        if name == "active" and group == "hour":
            continue
        rows = compute(reader, name, wanted)["rows"]
        assert len(rows) == 1, group
        assert group in rows[0] or group == "session_id"  # which a report of sessions calls session


def test_columns_and_rows_have_the_same_names() -> None:
    for name in VIEWS:
        made = compute(InMemory([ROW], [ROW]), name, asked_of(name, now=NOON))
        names = {column["name"] for column in made["columns"]}
        assert all(set(row) == names for row in made["rows"]), name


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"name": "daily"}, "There is no report 'daily': there are sessions, blocks, active, tools, quotas, hours."),
        ({"name": "quotas", "by": "user"}, "The report quotas is not grouped by anything."),
        ({"name": "blocks", "by": "day"}, "A report cannot be grouped by 'day'"),
        ({"name": "tools", "by": "response_id"}, "A report cannot be grouped by 'response_id'"),
        ({"name": "active", "since": "soon"}, "'soon' is no time"),
        ({"name": "active", "week_begins": "someday"}, "There is no weekday 'someday': write one of monday, tuesday"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(parameters: dict[str, str], sentence: str) -> None:
    with pytest.raises(ReportError) as refusal:
        asked_of(**parameters)  # type: ignore[arg-type]
    assert str(refusal.value).startswith(sentence)
