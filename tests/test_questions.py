"""Each question is a file, each file a question; groups come from the schema and nowhere else."""

from collections.abc import Callable
from importlib.resources import files

import duckdb
import pytest

from spanledger.storage.questions import (
    ALIASES,
    GROUPS,
    QUESTIONS,
    SPAN_GROUPS,
    TIME_GROUPS,
    TOOL_GROUPS,
    active_time,
    question,
    sessions,
    spend,
    tool_runs,
    usage_by_quarter,
)
from spanledger.storage.schema import COLUMNS, SPANS


def test_no_file_is_orphaned_and_no_question_is_without_one() -> None:
    found = {entry.name for entry in (files("spanledger.storage") / "queries").iterdir()}
    assert found == {f"{name}.sql" for name in QUESTIONS}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_says_what_it_asks(name: str) -> None:
    text = question(name)
    assert text.startswith("-- ")
    with_window = text.replace("/* window */", "timestamptz '2026-01-01' and timestamptz '2026-01-02'")
    (statement,) = duckdb.extract_statements(with_window)
    assert statement.type == duckdb.StatementType.SELECT, "one statement that reads"


def test_there_is_no_question_of_another_name() -> None:
    with pytest.raises(KeyError):
        question("../schema")


def test_everything_can_be_grouped_by_every_column_and_the_short_names() -> None:
    assert set(COLUMNS) | set(TIME_GROUPS) | set(ALIASES) == set(GROUPS)
    assert set(ALIASES) & set(COLUMNS) == set()


def test_without_groups_the_question_stands_as_it_is_written() -> None:
    assert spend([]).count("/* groups */") == 0
    assert spend([]).replace(" ", "") == question("spend").replace("/* groups */", "").replace(" ", "")


def test_a_group_that_is_no_name_of_ours_never_reaches_sql() -> None:
    with pytest.raises(KeyError):
        spend(["provider; drop view calls"])


def test_what_spans_are_grouped_by_is_there_in_calls_and_in_spans() -> None:
    for name in set(SPAN_GROUPS) - set(TIME_GROUPS) - set(ALIASES):
        assert name in COLUMNS
        assert name in SPANS.names
    assert set(TOOL_GROUPS) - set(SPAN_GROUPS) == {"tool"}


@pytest.mark.parametrize("ask", [sessions, usage_by_quarter, tool_runs, spend])
def test_no_question_takes_a_group_that_is_none(ask: Callable[[list[str]], str]) -> None:
    with pytest.raises(KeyError):
        ask(["provider; drop view calls"])
    assert "/* groups */" not in ask([])


def test_active_time_is_partitioned_by_its_groups_and_by_nothing_without_any() -> None:
    assert "partition by grouped order by" in active_time(["user", "model"], by_time=True)
    assert "hash(user_id, coalesce(response_model, request_model)) as grouped" in active_time(
        ["user", "model"], by_time=True
    )
    assert "over (\n             order by" in active_time([], by_time=False)
    assert "/*" not in active_time(["user"], by_time=True)
    with pytest.raises(KeyError):
        active_time(["cost_usd"], by_time=False)
