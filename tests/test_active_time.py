"""Active time: every moment once, sub-agents apart, breaks left out; the same as a count of minutes in plain Python."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.dashboards.documents import View
from spanledger.dashboards.report import ReportError
from spanledger.dashboards.views import asked_of, compute
from tests.ledger_rows import NOON
from tests.span_rows import InMemory

MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return NOON + minutes * MINUTE


def call(first: float, last: float, **more: object) -> dict[str, object]:
    return {"started_at": at(first), "ended_at": at(last), "session_id": "s"} | more


def tool(first: float, last: float, **more: object) -> dict[str, object]:
    return call(first, last, operation="execute_tool", **more)


def prompt(minute: float, **more: object) -> dict[str, object]:
    return call(minute, minute, operation="prompt", **more)


def view(calls: list[dict[str, object]], spans: list[dict[str, object]] | None = None, **wanted: Any) -> View:
    return compute(InMemory(calls, spans or []), "active", asked_of("active", **wanted))


def minutes(row: dict[str, Any] | None) -> dict[str, float]:
    """The times of a row, in minutes, without those that are none."""
    assert row is not None
    return {name[:-2]: row[name] / 60 for name in row if name.endswith("_s") and row[name]}


def test_calls_and_tools_add_up_and_their_overlap_counts_once() -> None:
    total = view([call(0, 4)], [tool(3, 10)])["total"]
    assert minutes(total) == {"active": 10, "model": 4, "tool": 7, "compute": 11}


def test_two_sessions_side_by_side_are_one_stretch_of_time_and_twice_the_work() -> None:
    made = view([call(0, 6), call(2, 8, session_id="t")], by="session")
    assert [(row["session"], minutes(row)["active"]) for row in made["rows"]] == [("s", 6), ("t", 6)]
    assert minutes(made["total"]) == {"active": 8, "model": 12, "compute": 12}
    assert made["total"] is not None
    assert made["total"]["sessions"] == 2


def test_what_another_agent_does_in_a_session_is_apart() -> None:
    helper = {"agent_name": "Explore", "trace_id": "a" * 32, "parent_span_id": "b" * 16}
    total = view(
        [call(0, 1), call(1, 3, **helper)],
        [tool(3, 5, trace_id="a" * 32, parent_span_id="b" * 16), tool(5, 9, trace_id="a" * 32)],
    )["total"]
    assert minutes(total) == {"active": 9, "model": 1, "tool": 4, "agents": 4, "compute": 9}


def test_an_agent_that_does_all_of_a_session_is_its_main_line() -> None:
    assert minutes(view([call(0, 2, agent_name="reviewer")])["total"])["model"] == 2


@pytest.mark.parametrize("linked", [True, False])
def test_a_tool_that_waits_for_a_sub_agent_is_not_counted_besides(linked: bool) -> None:
    ids = {"trace_id": "a" * 32}
    waits = tool(1, 6 if linked else 5, span_id="c" * 16, **ids)
    agent = call(1 if linked else 1.5, 5, operation="invoke_agent", agent_name="Explore", span_id="d" * 16, **ids)
    helper = call(2, 5, agent_name="Explore", parent_span_id="d" * 16, **ids)
    total = view([call(0, 1, **ids), helper], [waits, agent | ({"parent_span_id": "c" * 16} if linked else {})])[
        "total"
    ]
    assert minutes(total) == {"active": 4, "model": 1, "agents": 3, "compute": 4}


def test_a_tool_that_runs_beside_a_sub_agent_is_counted() -> None:
    agent = call(4, 5, operation="invoke_agent", agent_name="Explore", span_id="d" * 16)
    helper = call(4, 5, agent_name="Explore", parent_span_id="d" * 16)
    assert minutes(view([call(0, 1), helper], [tool(1, 5), agent])["total"])["tool"] == 4


def test_the_time_from_the_end_of_an_answer_to_the_next_prompt_is_the_users() -> None:
    total = view([call(0, 2), call(5, 6)], [prompt(0), prompt(5)])["total"]
    assert minutes(total) == {"active": 6, "model": 3, "user": 3, "compute": 3}


def test_a_long_silence_is_a_break() -> None:
    assert "user" not in minutes(view([call(0, 2)], [prompt(7.1)])["total"])
    assert minutes(view([call(0, 2)], [prompt(7)])["total"])["user"] == 5


def test_a_prompt_that_two_emitters_tell_of_is_waited_for_once() -> None:
    assert minutes(view([call(0, 2)], [prompt(4), prompt(4)])["total"])["user"] == 2


def test_waiting_for_a_permission_is_the_users_time() -> None:
    assert minutes(view([call(0, 1)], [call(1, 3, operation="blocked_on_user")])["total"])["user"] == 2


def test_a_run_that_two_emitters_tell_of_lasts_as_long_as_the_shorter_says() -> None:
    spans = [tool(1, 5, tool_call_id="t1"), tool(2, 4, tool_call_id="t1", span_id=None)]
    assert minutes(view([call(0, 1)], spans)["total"])["tool"] == 2


def test_an_event_without_a_name_counts_only_where_nothing_else_tells_of_tools() -> None:
    nameless = tool(1, 3, span_id=None)
    assert minutes(view([call(0, 1)], [nameless])["total"])["tool"] == 2
    assert minutes(view([call(0, 1)], [nameless, tool(2, 3)])["total"])["tool"] == 1


def test_work_over_midnight_belongs_to_two_days() -> None:
    made = view([call(11.5 * 60, 12.5 * 60)])
    assert [(row["day"], minutes(row)["model"]) for row in made["rows"]] == [("2026-01-15", 30), ("2026-01-16", 30)]
    vienna = view([call(11.5 * 60, 12.5 * 60)], timezone="Europe/Vienna")
    assert [(row["day"], minutes(row)["model"]) for row in vienna["rows"]] == [("2026-01-16", 60)]


def test_only_the_part_within_the_time_asked_for_counts() -> None:
    made = view([call(0, 60)], since="2026-01-15T12:20", until="2026-01-15T12:50")
    assert minutes(made["total"]) == {"active": 30, "model": 30, "compute": 30}


def test_weeks_begin_when_they_are_said_to() -> None:
    sunday = call(3 * 24 * 60, 3 * 24 * 60 + 1)  # 2026-01-18
    assert [row["week"] for row in view([sunday], by="week")["rows"]] == ["2026-01-12"]
    assert [row["week"] for row in view([sunday], by="week", week_begins="sunday")["rows"]] == ["2026-01-18"]


@pytest.mark.parametrize("by", ["day", "project"])
def test_what_was_over_before_the_time_asked_for_is_not_in_it(by: str) -> None:
    made = view([call(0, 1)], [prompt(2)], by=by, since="2026-01-16", until="2026-01-16")
    assert (made["rows"], made["total"], made["notes"]) == ([], None, ["Nothing was at work in this time."])


def test_nothing_at_work_is_said_in_a_sentence() -> None:
    made = view([])
    assert (made["rows"], made["total"], made["notes"]) == ([], None, ["Nothing was at work in this time."])


@pytest.mark.parametrize("by", ["hour", "day,week", "day,hour"])
def test_hours_and_two_calendars_are_refused(by: str) -> None:
    with pytest.raises(ReportError, match="Active time is grouped by one of day, week and month, and by other columns"):
        view([call(0, 1)], by=by)


@dataclass
class Expected:
    """Active time, counted minute by minute."""

    active: set[int] = field(default_factory=set)
    sums: dict[str, int] = field(default_factory=lambda: defaultdict(int))


SESSIONS = st.sampled_from(["a", "b"])
PARENTS = st.sampled_from([None, "1" * 16, "2" * 16])
CALL = st.fixed_dictionaries({
    "session": SESSIONS, "agent": st.sampled_from([None, "x", "y"]), "length": st.integers(0, 20), "parent": PARENTS,
})  # fmt: skip
TOOL = st.fixed_dictionaries({
    "session": SESSIONS, "first": st.integers(0, 90), "length": st.integers(0, 20), "parent": PARENTS,
    "run": st.sampled_from(["r1", "r2", "r3", "r4"]),
})  # fmt: skip
PROMPT = st.fixed_dictionaries({"session": SESSIONS, "first": st.integers(0, 95)})
ZONES = st.sampled_from(["UTC", "Europe/Vienna", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham"])
BASES = st.sampled_from([
    datetime(2026, 3, 28, 22, 15, tzinfo=UTC), datetime(2026, 10, 24, 21, 30, tzinfo=UTC), NOON,
    datetime(2026, 6, 1, 18, 0, tzinfo=UTC),
])  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.lists(CALL, max_size=8), st.lists(st.integers(0, 90), min_size=8, max_size=8, unique=True),
    st.lists(TOOL, max_size=6), st.lists(PROMPT, max_size=4), ZONES, BASES,
)  # fmt: skip
def test_it_is_what_a_count_of_minutes_gives(
    calls: list[dict[str, Any]], firsts: list[int], tools: list[dict[str, Any]], prompts: list[dict[str, Any]],
    zone: str, base: datetime,
) -> None:  # fmt: skip
    for number, one in enumerate(calls):
        one["first"] = firsts[number]
    kinds = [("model", one) for one in calls], [("tool", one) for one in tools], [("prompt", one) for one in prompts]
    stretches = [found for session in ("a", "b") for found in by_hand(session, *kinds)]
    days: dict[str, Expected] = defaultdict(Expected)
    for kind, first, last in stretches:
        for minute in range(first, last):
            day = days[(base + minute * MINUTE).astimezone(ZoneInfo(zone)).date().isoformat()]
            day.active.add(minute)
            day.sums[kind] += 1
    made = compute(
        InMemory([row(base, one) for one in calls], [*(tool_row(base, one) for one in tools),
                 *(row(base, one | {"length": 0}, operation="prompt") for one in prompts)]),
        "active", asked_of("active", timezone=zone),
    )  # fmt: skip
    found = {str(one["day"]): one for one in made["rows"]}
    assert found.keys() == days.keys()
    for day, expected in days.items():
        assert minutes(found[day]) == pytest.approx(times(expected))
    whole = Expected({minute for day in days.values() for minute in day.active})
    for day in days.values():
        for kind, count in day.sums.items():
            whole.sums[kind] += count
    if days:
        assert minutes(made["total"]) == pytest.approx(times(whole))


def times(expected: Expected) -> dict[str, int]:
    compute_minutes = sum(count for kind, count in expected.sums.items() if kind != "user")
    named = {"active": len(expected.active), "compute": compute_minutes} | expected.sums
    return {name: count for name, count in named.items() if count}


def by_hand(session: str, *kinds: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, int, int]]:
    """What was at work in a session: kind, first and last minute; as the documents say it, with loops."""
    calls, tools, prompts = ([one for _, one in found if one["session"] == session] for found in kinds)
    leader = min(calls, key=lambda one: one["first"])["agent"] if calls else None
    apart = [one for one in calls if one["agent"] != leader]
    led = [one for one in calls if one["agent"] == leader]
    agents_at = {one["parent"] for one in apart} - {one["parent"] for one in led} - {None}
    runs: dict[str, dict[str, Any]] = {}
    for one in sorted(tools, key=lambda one: (one["length"], one["first"])):
        if one["length"]:
            runs.setdefault(one["run"], one)
    main = [("model", one) for one in led]
    main += [("tool", one) for one in runs.values() if one["parent"] not in agents_at]
    found = [(kind, one["first"], one["first"] + one["length"]) for kind, one in main]
    found += [("agents", one["first"], one["first"] + one["length"])
              for one in [*apart, *(one for one in runs.values() if one["parent"] in agents_at)]]  # fmt: skip
    asked = sorted(one["first"] for one in prompts)
    for number, minute in enumerate(asked):
        before = [one["first"] + one["length"] for _, one in main
                  if (one["first"], one["first"] + one["length"]) < (minute, minute)] + asked[:number]  # fmt: skip
        if before and 0 < minute - max(before) <= 5:
            found.append(("user", max(before), minute))
    return found


def row(base: datetime, one: dict[str, Any], **more: object) -> dict[str, object]:
    first = base + one["first"] * MINUTE
    known = {"session_id": one["session"], "trace_id": one["session"] * 32, "agent_name": one.get("agent")}
    span = {"started_at": first, "ended_at": first + one["length"] * MINUTE, "parent_span_id": one.get("parent")}
    return known | span | more


def tool_row(base: datetime, one: dict[str, Any]) -> dict[str, object]:
    return row(base, one, operation="execute_tool", tool_call_id=one["run"])
