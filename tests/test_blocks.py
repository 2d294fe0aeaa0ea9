"""Blocks of five hours: where they begin, what they hold, how fast they burn; the same as a loop over every call."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.dashboards.blocks import LENGTH, Block, blocks, burn
from spanledger.dashboards.documents import View
from spanledger.dashboards.quarters import quarters
from spanledger.dashboards.views import asked_of, compute
from tests.ledger_rows import NOON
from tests.span_rows import InMemory

HOUR = timedelta(hours=1)
EVER: dict[str, object] = {"since": datetime(2000, 1, 1, tzinfo=UTC), "until": datetime(2200, 1, 1, tzinfo=UTC)}


def call(hours: float, seconds: float = 30, **more: object) -> dict[str, object]:
    first = NOON + hours * HOUR
    known = {"service_name": "claude-code", "input_tokens": 900, "output_tokens": 100, "cost_usd": Decimal("0.5")}
    return known | {"started_at": first, "ended_at": first + timedelta(seconds=seconds)} | more


def view(*rows: dict[str, object], now: float = 100, **wanted: Any) -> View:
    return compute(InMemory(rows), "blocks", asked_of("blocks", now=NOON + now * HOUR, **wanted))


def test_a_block_begins_at_the_full_hour_of_its_first_call_and_lasts_five() -> None:
    (row,) = view(call(0.4), call(4.9))["rows"]
    assert (row["started_at"], row["ends_at"]) == ("2026-01-15T12:00:00+00:00", "2026-01-15T17:00:00+00:00")
    assert (row["calls"], row["input_tokens"], row["output_tokens"], row["cost_usd"]) == (
        2, 1800, 200, "1.000000000000",
    )  # fmt: skip


def test_the_first_call_after_the_end_begins_the_next_block() -> None:
    rows = view(call(0.4), call(5), call(11.5))["rows"]
    assert [row["started_at"] for row in rows] == [
        "2026-01-15T12:00:00+00:00", "2026-01-15T17:00:00+00:00", "2026-01-15T23:00:00+00:00",
    ]  # fmt: skip


def test_in_a_zone_of_half_hours_the_block_still_begins_at_the_full_hour_of_utc() -> None:
    (row,) = view(call(0.4), timezone="Asia/Kolkata")["rows"]
    assert row["started_at"] == "2026-01-15T17:30:00+05:30"


def test_each_service_has_blocks_of_its_own_and_so_has_each_group_asked_for() -> None:
    rows = [call(0), call(3, service_name="codex"), call(4, user_id="ada")]
    assert [(row["service"], row["started_at"][11:16]) for row in view(*rows)["rows"]] == [  # type: ignore[index]
        ("claude-code", "12:00"), ("codex", "15:00"),
    ]  # fmt: skip
    assert [(row["user"], row["calls"]) for row in view(*rows, by="user")["rows"]] == [(None, 2), ("ada", 1)]


def test_a_block_that_goes_on_says_how_fast_it_burns_and_where_that_leads() -> None:
    made = view(call(0), call(1 - 30 / 3600), now=2)
    (row,) = made["rows"]
    assert (row["active"], row["left_s"]) == (True, 3 * 3600)
    assert row["tokens_per_minute"] == pytest.approx(2000 / 60, abs=0.05)
    assert row["projected_tokens"] == 2000 + round(2000 / 60 * 180)
    assert Decimal(str(row["cost_per_hour_usd"])) == Decimal(1)
    assert Decimal(str(row["projected_cost_usd"])) == Decimal(4)
    assert made["notes"] == [
        "claude-code: 3 h 00 min left, until 17:00; 33 tokens a minute lead to 8,000 tokens, 1.00 USD an hour to 4.00"
        " USD."
    ]


def test_a_block_that_is_over_leads_nowhere() -> None:
    (row,) = view(call(0), now=5)["rows"]
    assert (row["active"], row["left_s"], row["projected_tokens"], row["projected_cost_usd"]) == (
        False, None, None, None,
    )  # fmt: skip


def test_a_single_quick_call_is_no_rate_of_millions() -> None:
    assert view(call(0, seconds=0.1))["rows"][0]["tokens_per_minute"] == 1000


def test_a_block_without_prices_has_no_cost_and_counts_what_is_unpriced() -> None:
    made = view(call(0, cost_usd=None), now=1)
    assert (made["rows"][0]["cost_usd"], made["rows"][0]["unpriced"]) == (None, 1)
    assert "USD" not in made["notes"][0]


def test_what_a_plan_has_paid_for_is_told_apart() -> None:
    made = view(call(0, cost_basis="api_equivalent"), call(1, cost_basis="estimated"))
    assert made["total"] is not None
    assert (made["total"]["cost_usd"], made["total"]["api_equivalent_usd"]) == ("1.000000000000", "0.500000000000")


def test_where_a_block_begins_does_not_depend_on_the_time_asked_for() -> None:
    rows = [call(0.4), call(4.5), call(5.2), call(9)]
    assert [row["started_at"] for row in view(*rows, since="2026-01-15T16:45")["rows"]] == [
        "2026-01-15T12:00:00+00:00", "2026-01-15T17:00:00+00:00",
    ]  # fmt: skip
    assert [row["started_at"] for row in view(*rows, since="2026-01-15T17:00")["rows"]] == ["2026-01-15T17:00:00+00:00"]


def test_a_rate_is_reckoned_from_the_first_call_to_the_end_of_the_last() -> None:
    (block,) = blocks(quarters(InMemory([call(0), call(2, seconds=3600)]), ("service",), EVER))
    assert block.minutes == 180
    assert burn(block, block.ends + HOUR).projected_tokens == block.tokens
    assert burn(replace(block, cost_usd=None), block.ends).cost_per_hour_usd is None


def by_hand(calls: list[tuple[datetime, int]]) -> list[tuple[datetime, int, int]]:
    """Beginning, calls and tokens of each block: a loop over every call in order."""
    found: list[list[Any]] = []
    for first, tokens in sorted(calls):
        if not found or first >= found[-1][0] + LENGTH:
            found.append([first.replace(minute=0, second=0, microsecond=0), 0, 0])
        found[-1][1] += 1
        found[-1][2] += tokens
    return [(begins, count, tokens) for begins, count, tokens in found]


TIMES = st.datetimes(datetime(2026, 3, 28), datetime(2026, 3, 31)).map(lambda at: at.replace(tzinfo=UTC))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TIMES, st.integers(0, 10**6)), max_size=25))
def test_they_are_what_a_loop_over_every_call_gives(calls: list[tuple[datetime, int]]) -> None:
    rows = [{"started_at": first, "input_tokens": tokens, "session_id": None} for first, tokens in calls]
    found: list[Block] = list(blocks(quarters(InMemory(rows), (), EVER)))
    assert [(block.begins, block.calls, block.tokens) for block in found] == by_hand(calls)
