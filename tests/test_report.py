"""The report: exact, complete, and honest about what is not known."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from spanledger.dashboards.documents import TOKENS, Report
from spanledger.dashboards.report import ReportError, asked, compute
from spanledger.dashboards.report_text import report_csv, show_report
from spanledger.storage.ledger import Ledger, Reader
from spanledger.storage.questions import GROUPS
from spanledger.storage.schema import COLUMNS
from tests.ledger_rows import NOON, calls, fill

PRICED = {"price_status": "priced", "provider": "openai", "response_model": "gpt-4o", "input_tokens": 100}
ROWS: list[dict[str, object]] = [
    PRICED | {"cost_usd": Decimal("0.000000000001"), "user_id": "ada", "output_tokens": 5, "service_name": "shop"},
    PRICED | {"cost_usd": Decimal("1.5"), "user_id": "bob", "started_at": NOON + timedelta(days=1), "status": "error"},
    PRICED | {"cost_usd": Decimal(2), "user_id": "ada", "started_at": NOON + timedelta(hours=11, minutes=30)},
    {"price_status": "unknown_model", "provider": "acme", "request_model": "m-1", "input_tokens": 7},
    {"price_status": "missing_usage", "provider": "openai", "request_model": "gpt-4o", "user_id": "ada"},
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    ledger = Ledger.open_readonly(fill(tmp_path_factory.mktemp("ledger"), ROWS))
    with ledger.reader() as reader:
        yield reader
    ledger.close()


def plain(report: Report) -> str:
    file = io.StringIO()
    show_report(report, Console(file=file, force_terminal=False))
    return file.getvalue()


def test_a_report_is_daily_with_an_exact_total(reader: Reader) -> None:
    report = compute(reader, asked())
    assert [(group["day"], group["calls"], group["cost_usd"]) for group in report["groups"]] == [
        ("2026-01-15", 4, "2.000000000001"),
        ("2026-01-16", 1, "1.500000000000"),
    ]
    assert report["total"] == {
        "calls": 5,
        "input_tokens": 307,
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "output_tokens": 5,
        "reasoning_tokens": None,
        "cost_usd": "3.500000000001",
        "cost_by_basis": {},
        "priced": 3,
        "unpriced": 2,
        "unpriced_why": {"missing_usage": 1, "unknown_model": 1},
        "errors": 1,
    }


def test_days_begin_where_the_zone_says(reader: Reader) -> None:
    vienna = compute(reader, asked(timezone="Europe/Vienna"))
    assert [(group["day"], group["calls"]) for group in vienna["groups"]] == [("2026-01-15", 3), ("2026-01-16", 2)]


def test_hours_say_how_far_they_are_from_utc(reader: Reader) -> None:
    india = compute(reader, asked("hour", timezone="Asia/Kolkata"))
    assert [group["hour"] for group in india["groups"]] == [
        "2026-01-15T17:00+05:30", "2026-01-16T05:00+05:30", "2026-01-16T17:00+05:30",
    ]  # fmt: skip


def test_the_hour_that_comes_twice_is_two_hours(tmp_path: Path) -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 in Vienna, and an hour later again
    ledger = Ledger.open_readonly(fill(tmp_path, [{"started_at": first}, {"started_at": first + timedelta(hours=1)}]))
    with ledger.reader() as reader:
        report = compute(reader, asked("hour", timezone="Europe/Vienna"))
    ledger.close()
    assert [group["hour"] for group in report["groups"]] == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


def test_weeks_begin_on_monday_and_months_are_months(reader: Reader) -> None:
    assert [group["week"] for group in compute(reader, asked("week"))["groups"]] == ["2026-01-12"]
    assert [group["month"] for group in compute(reader, asked("month"))["groups"]] == ["2026-01"]


def test_weeks_begin_on_another_day_where_that_is_asked_for(reader: Reader) -> None:
    assert [group["week"] for group in compute(reader, asked("week", week_begins="Sunday"))["groups"]] == ["2026-01-11"]
    friday = compute(reader, asked("week", week_begins="friday"))["groups"]
    assert [group["week"] for group in friday] == ["2026-01-09", "2026-01-16"]


def test_by_several_columns_the_dearest_comes_first_and_the_unknown_last(reader: Reader) -> None:
    report = compute(reader, asked("model, user"))
    assert [(group["model"], group["user"], group["cost_usd"]) for group in report["groups"]] == [
        ("gpt-4o", "ada", "2.000000000001"),
        ("gpt-4o", "bob", "1.500000000000"),
        ("m-1", None, None),
    ]


@pytest.mark.parametrize("name", sorted(set(GROUPS) - {*TOKENS, "cost_usd"}))
def test_a_report_can_be_grouped_by_everything_that_is_not_counted(name: str, reader: Reader) -> None:
    report = compute(reader, asked(name))
    assert report["total"]["calls"] == sum(int(str(group["calls"])) for group in report["groups"]) == 5


def test_the_time_between_is_what_is_counted(reader: Reader) -> None:
    assert compute(reader, asked(since="2026-01-16"))["total"]["calls"] == 1
    assert compute(reader, asked(until="2026-01-15"))["total"]["calls"] == 4
    assert compute(reader, asked(since="1d", now=NOON + timedelta(days=2)))["total"]["calls"] == 1
    assert compute(reader, asked(since="2026-01-15T23:00", until="2026-01-15T23:30"))["total"]["calls"] == 0
    assert compute(reader, asked(since="2026-01-15T23:30", until="2026-01-15T23:31"))["total"]["calls"] == 1


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"by": "nope"}, "A report cannot be grouped by 'nope': name columns of calls, or hour, day, week, month, "
         "model, user, session, service, provider, app, team."),
        ({"by": "day;drop"}, "A report cannot be grouped by 'day;drop'"),
        ({"by": ""}, "A report cannot be grouped by ''"),
        ({"by": "cost_usd"}, "A report cannot be grouped by 'cost_usd'"),
        ({"by": "day,day"}, "A report is grouped by up to 5 different columns."),
        ({"by": "day,user,team,model,provider,service"}, "A report is grouped by up to 5 different columns."),
        ({"since": "soon"}, "'soon' is no time"),
        ({"since": "2026-02", "until": "2026-01"}, "The report would be empty: it ends before it begins."),
        ({"timezone": "Nowhere"}, "There is no time zone 'Nowhere'"),
        ({"week_begins": "Mo"}, "There is no weekday 'Mo': write one of monday, tuesday, "),
    ],
)  # fmt: skip
def test_what_cannot_be_reported_is_said(parameters: dict[str, str], sentence: str) -> None:
    with pytest.raises(ReportError) as refusal:
        asked(**parameters)  # type: ignore[arg-type]
    assert str(refusal.value).startswith(sentence)


def test_a_table_shows_the_total_and_what_is_not_priced(reader: Reader) -> None:
    assert plain(compute(reader, asked("provider"))) == (
        "provider  calls  input  output  cost (USD)  unpriced                          errors\n"
        "openai        4    300       5        3.50  1 missing_usage                        1\n"
        "acme          1      7       -           -  1 unknown_model\n"
        "total         5    307       5        3.50  1 missing_usage, 1 unknown_model       1\n"
        "Priced: 60 % (3 of 5 calls).\n"
        "  not priced: acme/m-1, 1 call: the model is not in the price list\n"
        "  not priced: openai/gpt-4o, 1 call: the emitter did not say how many tokens were used\n"
        "The cost is without these calls. To see all of them: spanledger report --by provider,model,price_status\n"
    )


def test_a_cost_that_is_too_small_to_show_is_not_shown_as_none(reader: Reader) -> None:
    text = plain(compute(reader, asked("service", until="2026-01-15")))
    assert "shop         1    100       5   <0.000001" in text


def test_an_empty_report_says_so(reader: Reader) -> None:
    report = compute(reader, asked(since="2030-01-01"))
    assert report["priced_percent"] is None
    assert plain(report).splitlines()[-1] == "There are no calls in this time."


def test_csv_is_one_line_per_group_with_exact_amounts(reader: Reader) -> None:
    assert report_csv(compute(reader, asked("provider,user"))).splitlines() == [
        "provider,user,calls,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens,cost_usd,"
        "priced,unpriced,errors,cost_basis",
        "openai,ada,3,200,,,5,,2.000000000001,2,1,0,",
        "openai,bob,1,100,,,,,1.500000000000,1,0,1,",
        "acme,,1,7,,,,,,0,1,0,",
    ]


def test_nearly_all_is_not_all(tmp_path: Path) -> None:
    rows = [{"cost_usd": Decimal(1), "price_status": "priced"}] * 1999 + [{"price_status": "unknown_model"}]
    ledger = Ledger.open_readonly(fill(tmp_path, rows))
    with ledger.reader() as reader:
        assert compute(reader, asked())["priced_percent"] == 99.9
    ledger.close()


FAILED: dict[str, object] = {"status": "error", "price_status": "missing_usage", "request_model": "gpt-4o"}


def test_calls_that_failed_without_a_token_count_are_errors_and_have_nothing_to_price(tmp_path: Path) -> None:
    rows = [PRICED | {"cost_usd": Decimal(1)}, FAILED, FAILED, FAILED | {"input_tokens": 9}]
    ledger = Ledger.open_readonly(fill(tmp_path, rows))
    with ledger.reader() as reader:
        report = compute(reader, asked("status"))
    ledger.close()
    total = report["total"]
    assert (total["calls"], total["errors"], total["priced"], total["unpriced"]) == (4, 3, 1, 1)
    assert total["unpriced_why"] == {"missing_usage": 1}
    assert report["priced_percent"] == 50.0
    assert [(one["model"], one["calls"]) for one in report["unpriced_models"]] == [("gpt-4o", 1)]
    sentences = plain(report).splitlines()
    assert "Priced: 50 % (1 of 2 calls)." in sentences
    assert "Nothing to price: 2 calls that failed, without a token count." in sentences


def test_a_time_in_which_every_call_failed_has_no_coverage(tmp_path: Path) -> None:
    ledger = Ledger.open_readonly(fill(tmp_path, [FAILED]))
    with ledger.reader() as reader:
        report = compute(reader, asked())
    ledger.close()
    assert report["priced_percent"] is None
    assert plain(report).splitlines()[-1] == "Nothing to price: 1 call that failed, without a token count."


MONEY = st.none() | st.decimals("0", "999999", places=12)
COUNT = st.none() | st.integers(0, 10**12)
CALL = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(["openai", "anthropic", None]),
        "user_id": st.sampled_from(["ada", "bob", "", None]),
        "started_at": st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda at: at.replace(tzinfo=UTC)),
        "cost_usd": MONEY,
        "price_status": st.sampled_from(["priced", "unknown_model", None]),
        "status": st.sampled_from(["ok", "error", None]),
        "input_tokens": COUNT,
        "output_tokens": COUNT,
    }
)
BY = st.lists(st.sampled_from(["day", "week", "month", "hour", "provider", "user", "status"]), min_size=1, max_size=3,
              unique=True)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(CALL, max_size=20), BY, st.sampled_from(["UTC", "Europe/Vienna", "America/St_Johns", "Asia/Kolkata"]))
def test_the_groups_add_up_to_what_the_calls_say(rows: list[dict[str, object]], by: list[str], zone: str) -> None:
    report = compute(_Memory(rows), asked(",".join(by), timezone=zone))
    total = report["total"]
    costs = [row["cost_usd"] for row in rows if row["cost_usd"] is not None]
    tokens = [row["input_tokens"] for row in rows if row["input_tokens"] is not None]
    assert total["calls"] == len(rows) == sum(int(str(group["calls"])) for group in report["groups"])
    assert total["input_tokens"] == (sum(tokens) if tokens else None)  # type: ignore[arg-type]
    assert total["cost_usd"] == (f"{sum(costs):.12f}" if costs else None)  # type: ignore[arg-type]
    failed = sum(row["status"] == "error" and row["cost_usd"] is row["input_tokens"] is row["output_tokens"] is None
                 for row in rows)  # fmt: skip
    assert total["priced"] == len(costs)
    assert total["unpriced"] == len(rows) - len(costs) - failed == sum(total["unpriced_why"].values())
    assert total["errors"] == sum(row["status"] == "error" for row in rows)
    assert len({tuple(str(group[name]) for name in by) for group in report["groups"]}) == len(report["groups"])


class _Memory:
    """The calls in memory: opening a ledger for each example would take a minute."""

    def __init__(self, rows: list[dict[str, object]]) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.register("calls", calls(rows).select(list(COLUMNS)))

    def query(self, sql: str, parameters: object = ()) -> object:
        """As a ledger's reader does."""
        return self._connection.sql(sql, params=parameters or None).to_arrow_table()
