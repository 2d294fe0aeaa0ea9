"""A report in another currency: each day's cost at the rate of that day, and nothing where there is no rate."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.price_lists import filled
from tests.running import Done

RATES = """
[[currency]]
code = "EUR"
per_usd = 0.5
valid_to = 2026-02-01

[[currency]]
code = "EUR"
per_usd = "0.8"
valid_from = 2026-02-01

[[currency]]
code = "GBP"
per_usd = 2
valid_from = 2026-02-01
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls for 1.25 dollars each: one at the end of January, two in February."""
    january, february = datetime(2026, 1, 31, 23, 59, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    rows = [{"started_at": january}, {"started_at": february}, {"started_at": february, "request_model": "gpt-99"}]
    path = filled(tmp_path_factory.mktemp("ledger") / "data", [*rows, {"started_at": february}])
    (path / "prices.toml").write_text(RATES)
    return path


def test_each_call_is_converted_at_the_rate_of_its_day(run: Callable[..., Done], folder: Path) -> None:
    made = json.loads(run("report", "--by", "model", "--currency", "EUR", "--json", "--data", folder).out)
    assert made["currency"] == "EUR"
    assert {group["model"]: group["cost"] for group in made["groups"]} == {"gpt-5": "2.6250000000000", "gpt-99": None}
    assert (made["total"]["cost"], made["total"]["cost_usd"]) == ("2.6250000000000", "3.750000000000")


def test_a_part_of_the_time_is_converted_alike(run: Callable[..., Done], folder: Path) -> None:
    made = json.loads(
        run("report", "--since", "2026-02", "--until", "2026-02", "--currency", "GBP", "--json", "--data", folder).out
    )
    assert made["total"]["cost"] == "5.000000000000"


def test_the_table_and_csv_name_the_currency(run: Callable[..., Done], folder: Path) -> None:
    table = run("report", "--currency", "EUR", "--data", folder).out
    assert "cost (EUR)" in table.splitlines()[0]
    assert "USD" not in table.splitlines()[0]
    lines = run("report", "--currency", "EUR", "--csv", "--data", folder).out.splitlines()
    assert lines[0].endswith(",cost,currency")
    assert lines[1].endswith(",0.6250000000000,EUR")


def test_dollars_are_dollars(run: Callable[..., Done], folder: Path) -> None:
    plain = run("report", "--json", "--data", folder).out
    assert run("report", "--currency", "USD", "--json", "--data", folder).out == plain


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ["--currency", "CHF"],
            1,
            "No rate for CHF (there are: EUR, GBP) in ",
        ),
        (
            ["--currency", "GBP"],
            1,
            "No rate for GBP on 2026-01-31 in ",
        ),
        (["tools", "--currency", "EUR"], 2, "--currency is for reports of what was spent: "),
    ],
)
def test_what_has_no_rate_is_one_sentence(
    arguments: list[str], code: int, sentence: str, run: Callable[..., Done], folder: Path
) -> None:
    done = run("report", *arguments, "--data", folder)
    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
