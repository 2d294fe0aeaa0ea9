"""Each question is a file, each file a question; groups come from the schema and nowhere else."""

from importlib.resources import files

import duckdb
import pytest

from spanledger.storage.questions import ALIASES, GROUPS, QUESTIONS, TIME_GROUPS, question, spend
from spanledger.storage.schema import COLUMNS


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
