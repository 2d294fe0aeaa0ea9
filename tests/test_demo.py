"""The demo's month: well-formed spans, the same for the same seed, and a story worth showing."""

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage, calc_price
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from benchmarks.server import Server
from spanledger.cli.wiring import wire
from spanledger.instrumentation.demo.company import APPS, IN_HOUSE, MARK, SERVICE_PREFIX, TEAMS
from spanledger.instrumentation.demo.month import Day, Story, plan, play
from spanledger.instrumentation.demo.plan import CALLS
from spanledger.receiver.contract import Request, Stored
from spanledger.storage.ledger import Ledger
from tests.asking import ask

UNTIL = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)  # a Friday afternoon
WEEK = Story(until=UNTIL, days=7, calls_per_day=300, seed=7)


def value(any_value: AnyValue) -> object:
    """A plain Python value of an OTLP one."""
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    return getattr(any_value, kind)


class Decoded:
    """The week as a receiver gets it: every span with its attributes and its resource's."""

    def __init__(self, days: list[Day]) -> None:
        self.rows: list[tuple[Span, dict[str, object], dict[str, object]]] = []
        for day in days:
            wire = encode_spans(day.spans).SerializeToString()
            request = ExportTraceServiceRequest.FromString(wire)
            for resource_spans in request.resource_spans:
                resource = {pair.key: value(pair.value) for pair in resource_spans.resource.attributes}
                for scope_spans in resource_spans.scope_spans:
                    for span in scope_spans.spans:
                        self.rows.append((span, {pair.key: value(pair.value) for pair in span.attributes}, resource))

    def operations(self, *names: str) -> list[tuple[Span, dict[str, object], dict[str, object]]]:
        return [row for row in self.rows if row[1].get("gen_ai.operation.name") in names]


@pytest.fixture(scope="module")
def days() -> list[Day]:
    return list(play(WEEK))


@pytest.fixture(scope="module")
def week(days: list[Day]) -> Decoded:
    return Decoded(days)


def test_every_span_is_marked_and_belongs_to_a_demo_service(week: Decoded) -> None:
    for _, _, resource in week.rows:
        assert resource[MARK] is True
        assert str(resource["service.name"]).startswith(SERVICE_PREFIX)
    assert {resource["service.name"] for _, _, resource in week.rows} == {app.service_name for app in APPS}


def test_ids_are_whole_and_unique_and_parents_stand_in_the_same_trace(week: Decoded) -> None:
    trace_of = {span.span_id: span.trace_id for span, _, _ in week.rows}
    assert len(trace_of) == len(week.rows)
    for span, _, _ in week.rows:
        assert len(span.trace_id) == 16
        assert len(span.span_id) == 8
        if span.parent_span_id:
            assert trace_of[span.parent_span_id] == span.trace_id


def test_spans_lie_inside_their_parents_and_before_now(week: Decoded) -> None:
    span_of = {span.span_id: span for span, _, _ in week.rows}
    for span, _, _ in week.rows:
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano <= UNTIL.timestamp() * 1e9
        if span.parent_span_id:
            parent = span_of[span.parent_span_id]
            assert parent.start_time_unix_nano <= span.start_time_unix_nano
            assert span.end_time_unix_nano <= parent.end_time_unix_nano


def test_token_counts_are_inclusive(week: Decoded) -> None:
    for _, said, _ in week.operations(*CALLS, "invoke_agent"):
        if "error.type" in said:
            assert not [key for key in said if key.startswith("gen_ai.usage.")]
            continue
        read = int(said.get("gen_ai.usage.cache_read.input_tokens", 0))
        written = int(said.get("gen_ai.usage.cache_write.input_tokens", 0))
        assert 0 < read + written <= said["gen_ai.usage.input_tokens"] or read + written == 0
        assert said.get("gen_ai.usage.reasoning.output_tokens", 0) <= said.get("gen_ai.usage.output_tokens", 0)


def test_an_agents_roll_up_says_the_sum_of_its_calls(week: Decoded) -> None:
    inner: Counter[bytes] = Counter()
    for span, said, _ in week.operations("chat"):
        inner[span.parent_span_id] += int(said.get("gen_ai.usage.input_tokens", 0))
    agents = week.operations("invoke_agent")
    assert agents
    for span, said, _ in agents:
        assert said["gen_ai.usage.input_tokens"] == inner[span.span_id]


def test_calls_are_counted_as_a_receiver_would(days: list[Day], week: Decoded) -> None:
    assert sum(day.calls for day in days) == len(week.operations(*CALLS))
    assert sum(len(day.spans) for day in days) == len(week.rows)


def test_working_days_have_the_traffic_asked_for_and_weekends_less(days: list[Day]) -> None:
    calls = {day.date: day.calls for day in days}
    assert list(calls) == [date(2026, 11, 14) + timedelta(days=number) for number in range(7)]
    for day in (date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18), date(2026, 11, 19)):
        assert WEEK.calls_per_day * 0.8 <= calls[day] <= WEEK.calls_per_day * 1.25
    for day in (date(2026, 11, 14), date(2026, 11, 15)):
        assert calls[day] < WEEK.calls_per_day * 0.5


def test_the_story_has_all_its_parts(week: Decoded) -> None:
    calls = week.operations(*CALLS)
    said = [attributes for _, attributes, _ in calls]
    assert {row["gen_ai.provider.name"] for row in said} == {"openai", "anthropic", "gcp.gemini", IN_HOUSE.provider}
    assert len({row["gen_ai.request.model"] for row in said}) >= 10
    assert {row["gen_ai.operation.name"] for row in said} == CALLS
    users = {str(row["user.id"]) for row in said}
    assert len(users & {name for team in TEAMS.values() for name in team}) >= 30
    assert {row["app.team"] for row in said} == set(TEAMS)
    for key in (
        "gen_ai.conversation.id", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.response.time_to_first_chunk", "vcs.repository.name",
        "gen_ai.input.messages", "gen_ai.agent.name", "gen_ai.workflow.name",
    ):  # fmt: skip
        assert any(key in row for row in said), key
    refused = [span for span, row, _ in calls if row.get("error.type") == "RateLimitError"]
    assert 0 < len(refused) < len(calls) * 0.05
    assert {span.status.code for span in refused} == {Status.STATUS_CODE_ERROR}
    assert week.operations("execute_tool")
    assert week.operations("invoke_workflow")
    assert week.operations("retrieval")


def test_content_is_in_a_few_spans_only(week: Decoded) -> None:
    calls = week.operations(*CALLS)
    with_content = [row for _, row, _ in calls if "gen_ai.input.messages" in row]
    assert 0 < len(with_content) < len(calls) * 0.03


def test_forty_people_work_there() -> None:
    names = [name for team in TEAMS.values() for name in team]
    assert len(names) == len(set(names)) == 40


def test_the_same_seed_tells_the_same_story(days: list[Day]) -> None:
    again = list(play(WEEK))
    assert [encode_spans(day.spans).SerializeToString() for day in again] == [
        encode_spans(day.spans).SerializeToString() for day in days
    ]


def test_another_seed_tells_another(days: list[Day]) -> None:
    other = next(play(Story(until=UNTIL, days=7, calls_per_day=300, seed=8)))
    assert other.spans[0].context != days[0].spans[0].context


def test_told_again_later_the_day_goes_on_with_the_same_ids(days: list[Day]) -> None:
    (later,) = play(Story(until=UNTIL + timedelta(hours=4), days=1, calls_per_day=300, seed=7))
    first = {span.context.span_id: span.to_json() for span in days[-1].spans}
    longer = {span.context.span_id: span.to_json() for span in later.spans}
    assert len(longer) > len(first)
    assert first.items() <= longer.items()


def test_a_day_is_planned_alone() -> None:
    day = date(2026, 11, 18)
    assert plan(WEEK, day) == plan(Story(until=UNTIL, days=30, calls_per_day=300, seed=7), day)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`spanledger demo …`, as a user without a terminal runs it."""
    command = [sys.executable, "-m", "spanledger.cli.main", "demo", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


SMALL = ("--days", "3", "--calls-per-day", "80", "--seed", "5")
DEMO_CALLS = (
    f"SELECT count(*) AS calls, sum(cost_usd) AS cost_usd FROM calls WHERE service_name LIKE '{SERVICE_PREFIX}%'"
)


def vendors_total(days: list[Day]) -> Decimal:
    """What the price list's own package says the calls cost."""
    total = Decimal(0)
    for day in days:
        for span in day.spans:
            said = dict(span.attributes or {})
            counted = said.get("gen_ai.operation.name") in CALLS and "gen_ai.usage.input_tokens" in said
            if not counted or said["gen_ai.provider.name"] == IN_HOUSE.provider:
                continue
            usage = Usage(
                input_tokens=int(said["gen_ai.usage.input_tokens"]),
                output_tokens=int(said.get("gen_ai.usage.output_tokens", 0)),
                cache_read_tokens=int(said.get("gen_ai.usage.cache_read.input_tokens", 0)),
                cache_write_tokens=int(said.get("gen_ai.usage.cache_write.input_tokens", 0)),
            )
            provider = str(said["gen_ai.provider.name"]).replace("gcp.gemini", "google")
            when = datetime.fromtimestamp(span.start_time / 1e9, UTC)
            price = calc_price(
                usage, str(said["gen_ai.response.model"]), provider_id=provider, genai_request_timestamp=when
            )
            total += price.total_price
    return total


def in_ledger(folder: Path, question: str) -> list[dict[str, object]]:
    ledger = Ledger.open_readonly(folder)
    try:
        with ledger.reader() as reader:
            return reader.query(question).to_pylist()
    finally:
        ledger.close()


def test_without_a_server_the_demo_fills_the_ledger_and_leaves_nothing_when_removed(tmp_path: Path) -> None:
    data = tmp_path / "ledger"
    done = run("--data", data, "--json", *SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no progress bar: this is no terminal
    said = json.loads(done.stdout)
    held = said.pop("ledger")
    assert said["calls"] == held["calls"] > held["failed"] + held["unknown"]
    assert said["spans"] > said["calls"]  # agents, tools and requests are spans, too, and are not counted
    assert not (data / "server.json").exists()

    assert in_ledger(data, DEMO_CALLS) == [{"calls": held["calls"], "cost_usd": Decimal(held["cost_usd"])}]
    assert in_ledger(data, "SELECT 1 FROM calls WHERE attributes LIKE '%Demo prompt%'") == []

    removed = run("--data", data, "--remove")
    assert removed.stdout == f"Removed {held['calls']:,} demo calls from {data}.\n"
    assert in_ledger(data, DEMO_CALLS) == [{"calls": 0, "cost_usd": None}]


def test_where_there_is_no_ledger_there_is_nothing_to_remove(tmp_path: Path) -> None:
    assert run("--data", tmp_path, "--remove", "--json").stdout == '{"removed": 0}\n'
    assert list(tmp_path.iterdir()) == []


def test_the_ledgers_total_is_what_the_price_lists_own_package_says(days: list[Day], tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    prepare, store = wire(ledger)
    for day in days:
        assert list(store(prepare([Request(encode_spans(day.spans).SerializeToString(), "default")]))) == [Stored()]
    with ledger.reader() as reader:
        (row,) = reader.query(DEMO_CALLS).to_pylist()
    ledger.close()
    assert row == {"calls": sum(day.calls for day in days), "cost_usd": vendors_total(days)}


def test_a_running_server_is_found_and_the_demo_sent_twice_counts_once(server: Server) -> None:
    first = run("--data", server.data, *SMALL)
    assert first.returncode == 0, first.stderr
    sent, held, without, _, following, *questions = first.stdout.splitlines()
    assert re.fullmatch(r"Sent [\d,]+ spans with [\d,]+ calls of \d+ \w+ to \d+ \w+ \d{4} to .+", sent)
    assert re.fullmatch(r"The ledger holds [\d,]+ demo calls for \$[\d,.]+\.", held)
    assert re.fullmatch(r"Without a cost are \d+ that failed and \d+ of a model that no price list knows\.", without)
    assert following == "Next:"
    assert [line.split(" --")[0].strip() for line in questions] == [
        "spanledger report", "spanledger sql", "spanledger demo"
    ]  # fmt: skip
    before = ask(server.data, DEMO_CALLS)
    again = run("--endpoint", f"http://127.0.0.1:{server.ports.http}", "--json", *SMALL)
    assert again.returncode == 0, again.stderr
    # Between the two runs some more of today may have happened.
    assert ask(server.data, DEMO_CALLS)[0]["calls"] - before[0]["calls"] <= 5


def test_a_demo_is_not_removed_beneath_a_running_server(server: Server) -> None:
    refused = run("--data", server.data, "--remove")
    assert refused.returncode == 1
    assert re.fullmatch(r".* is in use by another process \(pid \d+\); stop it or .*\n", refused.stderr)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--endpoint", "http://127.0.0.1:4318", "--remove"), 2,
         "--endpoint names a server, wherever its ledger lies: use it without --data and --remove."),
        (("--endpoint", "127.0.0.1:4318"), 2,
         "'127.0.0.1:4318' is no OTLP/HTTP endpoint: write it as http://127.0.0.1:4318."),
        (("--endpoint", "http://127.0.0.1:1"), 1,
         "Nothing answers at http://127.0.0.1:1: start a server there, or correct --endpoint."),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_sentence(arguments: tuple[str, ...], code: int, sentence: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"{sentence}\n")
