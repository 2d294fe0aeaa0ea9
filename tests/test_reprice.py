"""Pricing stored calls again: the difference is told first, a run may die anywhere, and nothing else is touched."""

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spanledger.storage import reprice
from spanledger.storage.ledger import Ledger
from spanledger.storage.reprice import NOTHING, Repricing, Selection, Terms, preview, stretches
from spanledger.storage.schema import COLUMNS, COSTS, MONEY_COLUMNS, Arrivals, Ranks
from tests.records import NOON, batch, free, many, record, shuffled

RANKS = Ranks({"first": 0, "second": 1})
NOW = Terms("now", "cat-2")
EVERYTHING = Selection()
PRICED = {*COSTS, *MONEY_COLUMNS} - {"reported_cost_usd"}


def at(dollars, catalogue="cat-1"):
    """A price step: every call costs so much for each output token; None leaves it without a cost."""

    def price(rows):
        known = dollars is not None
        tokens = rows.column("output_tokens").to_pylist()
        cost = [None if count is None else Decimal(dollars) * count for count in tokens] if known else None
        for name, kind in MONEY_COLUMNS.items():
            values = {
                "cost_usd": cost,
                "cost_output_usd": cost,
                "price_status": ["priced" if known else "unknown_model"] * rows.num_rows,
                "catalogue_id": [catalogue] * rows.num_rows,
            }.get(name)
            if name == "reported_cost_usd":
                continue
            column = pa.nulls(rows.num_rows, kind) if values is None else pa.array(values, kind)
            rows = rows.set_column(rows.schema.get_field_index(name), pa.field(name, kind), column)
        return rows

    return price


@pytest.fixture
def ledger(tmp_path):
    one = Ledger.open(tmp_path)
    yield one
    one.close()


def ask(ledger, sql):
    with ledger.reader() as reader:
        return reader.query(sql).to_pylist()


def run(ledger, price, selection=EVERYTHING, terms=NOW):
    """Price again, all stretches; returns the whole difference."""
    run_one = Repricing(ledger, selection, terms, price)
    done = sum((run_one.write(stretch) for stretch in stretches(ledger, selection)), NOTHING)
    run_one.finish()
    return done


def looked_at(ledger, price, selection=EVERYTHING):
    return sum((preview(ledger, selection, stretch, price) for stretch in stretches(ledger, selection)), NOTHING)


def odd(count):
    """Calls with something in every column, so that a column that is mixed up shows."""
    return batch(
        record(
            n, f"chatcmpl-{n:08d}", after_s=n * 1.5, team=f"team-{n % 3}", user_id=f"user {n}", provider="acme",
            request_model="one" if n % 4 else "two", time_to_first_chunk_s=n / 7, attributes=f'{{"a":{n}}}',
            reported_cost_usd=Decimal(n) / 1000, sample_weight=1.1, output_tokens=10 + n,
            flags="clock" if n % 5 else None,
        )
        for n in range(count)
    )  # fmt: skip


def test_the_difference_is_told_by_model_before_anything_is_written(ledger):
    ledger.merge(odd(8), price=at("0.5"), ranks=RANKS)
    before = ask(ledger, "select * from calls order by call_id")
    told = looked_at(ledger, at("0.75"))
    assert (told.calls, told.changed) == (8, 8)
    assert told.after_usd - told.before_usd == told.before_usd / 2
    assert {(one.provider, one.model): one.calls for one in told.shifts} == {("acme", "one"): 6, ("acme", "two"): 2}
    assert ask(ledger, "select * from calls order by call_id") == before
    assert ask(ledger, "select * from reprices") == []


def test_everything_but_the_cost_stays_as_it_was(ledger):
    ledger.merge(odd(50), price=at("0.5"), ranks=RANKS)
    kept = ", ".join(name for name in COLUMNS if name not in PRICED)
    before = ask(ledger, f"select {kept} from calls order by call_id")
    done = run(ledger, at("0.75", "cat-2"))
    assert done.changed == 50
    assert ask(ledger, f"select {kept} from calls order by call_id") == before
    assert ask(ledger, "select distinct catalogue_id, price_status from calls") == [
        {"catalogue_id": "cat-2", "price_status": "priced"}
    ]
    assert ask(ledger, "select sum(cost_usd) as cost from calls") == [{"cost": done.after_usd}]
    assert ask(ledger, "select count(*) as calls from calls where cost_usd = 0.75 * output_tokens") == [{"calls": 50}]


def test_a_second_run_changes_nothing_and_leaves_no_trace(ledger):
    ledger.merge(odd(9), price=at("0.5"), ranks=RANKS)
    run(ledger, at("0.75"))
    rows = ask(ledger, "select * from call_facts order by call_id")
    assert run(ledger, at("0.75")).changed == 0
    assert ask(ledger, "select * from call_facts order by call_id") == rows
    assert ask(ledger, "select count(*) as runs from reprices") == [{"runs": 1}]


def test_a_call_that_costs_the_same_keeps_the_row_that_says_how(ledger):
    ledger.merge(odd(3), price=at("0.5", "cat-1"), ranks=RANKS)
    assert run(ledger, at("0.5", "cat-2")).changed == 0
    assert ask(ledger, "select distinct catalogue_id from calls") == [{"catalogue_id": "cat-1"}]


def test_costs_appear_and_disappear_with_the_price(ledger):
    ledger.merge(odd(4), price=at(None), ranks=RANKS)
    found = run(ledger, at("1"))
    assert sum(one.unpriced_before for one in found.shifts) == 4
    assert found.before_usd == 0
    lost = run(ledger, at(None))
    assert sum(one.unpriced_after for one in lost.shifts) == 4
    assert ask(ledger, "select distinct cost_usd, price_status from calls") == [
        {"cost_usd": None, "price_status": "unknown_model"}
    ]


@pytest.mark.parametrize(
    ("selection", "spans"),
    [
        (Selection(), [1, 2, 3, 4]),
        (Selection(since_us=int(NOON.timestamp() * 1e6) + 60_000_000), [2, 3, 4]),
        (Selection(until_us=int(NOON.timestamp() * 1e6) + 60_000_000), [1]),
        (Selection(model="GPT-5"), [1, 3]),
        (Selection(model="*-5"), [1, 2, 3]),
        (Selection(model="gpt?5"), []),
        (Selection(model="o'brien's [a]*"), [4]),
        (Selection(tenant="b"), [3, 4]),
        (Selection(tenant="b", model="gpt-5"), [3]),
        (Selection(tenant="nobody"), []),
    ],
)
def test_only_what_was_selected_is_priced_again(ledger, selection, spans):
    calls = [
        record(1, request_model="gpt-5"),
        record(2, after_s=60, request_model="router", response_model="claude-5"),
        record(3, after_s=3600, tenant="b", request_model="gpt-5"),
        record(4, after_s=90_000, tenant="b", request_model="o'brien's [a] model"),
    ]
    ledger.merge(batch(calls), price=at("1"), ranks=RANKS)
    assert run(ledger, at("2"), selection).changed == len(spans)
    rows = ask(ledger, "select span_id from calls where cost_usd = 2 * output_tokens order by span_id")
    assert [int(row["span_id"], 16) for row in rows] == spans


def test_a_ledger_of_a_few_calls_is_priced_again_whatever_their_hashes(ledger):
    for number in range(1, 16):
        ledger.merge(batch([record(number, f"chatcmpl-{number:08d}", after_s=number)]), price=at("1"), ranks=RANKS)
        assert run(ledger, at(str(number + 1))).changed == number


def test_every_selected_call_lies_in_exactly_one_stretch(ledger, monkeypatch):
    monkeypatch.setattr(reprice, "ROWS_MAX", 7)
    together = batch(record(n, f"chatcmpl-{n:08d}", after_s=600) for n in range(100, 140))
    ledger.merge(odd(90), price=at("1"), ranks=RANKS)
    ledger.merge(together, price=at("1"), ranks=RANKS)
    found = stretches(ledger, Selection())
    assert all(one.calls <= 7 for one in found)
    covered = []
    for one in found:
        rows = ask(
            ledger,
            f"select call_id from calls where epoch_us(started_at) between {one.first_us} and {one.last_us}"
            f" and call_id between {one.first_id} and {one.last_id}",
        )
        covered += [row["call_id"] for row in rows]
    assert len(covered) == len(set(covered)) == 130
    assert run(ledger, at("2")).changed == 130


def test_the_audit_says_what_was_asked_and_what_it_came_to(ledger):
    ledger.merge(odd(4), price=at("1"), ranks=RANKS)
    since = int(NOON.timestamp() * 1e6)
    done = run(ledger, at("2"), Selection(since_us=since, model="one"), Terms("now", "cat-2"))
    (row,) = ask(ledger, "select * from reprices")
    assert row["finished_at"] >= row["began_at"]
    told = {name: row[name] for name in ("known", "catalogue_id", "since", "until", "model", "tenant", "calls")}
    assert told == {
        "known": "now", "catalogue_id": "cat-2", "since": NOON, "until": None, "model": "one", "tenant": None,
        "calls": 3,
    }  # fmt: skip
    assert (row["cost_before_usd"], row["cost_after_usd"]) == (done.before_usd, done.after_usd)


def test_a_repriced_call_is_still_found_by_the_records_that_come_later(ledger):
    first = record(1, "chatcmpl-shared", provider="acme", request_model="one", output_tokens=None)
    second = record(2, "chatcmpl-shared", dialect="second", output_tokens=10, user_id="ann")
    ledger.merge(batch([first]), price=at(None), ranks=RANKS)
    run(ledger, at(None, "cat-2"))
    ledger.merge(batch([record(9, "chatcmpl-else")]), price=at("1"), ranks=RANKS)
    run(ledger, at("2"))
    assert ledger.merge(batch([second]), price=at("3"), ranks=RANKS).joined == 1
    assert ledger.merge(batch([first, second]), price=at("3"), ranks=RANKS).repeated == 2
    assert ask(ledger, "select cost_usd, user_id, revision from calls where response_id = 'chatcmpl-shared'") == [
        {"cost_usd": Decimal(30), "user_id": "ann", "revision": 1}
    ]
    assert run(ledger, at("4")).changed == 2
    third = record(3, "chatcmpl-shared", dialect="third", team="ml")
    assert ledger.merge(batch([third]), price=at("4"), ranks=RANKS).joined == 1
    assert ask(ledger, "select count(*) as calls, sum(cost_usd) as cost from calls") == [
        {"calls": 2, "cost": Decimal(80)}
    ]


def test_calls_that_arrive_meanwhile_are_stored(ledger):
    ledger.merge(odd(20), price=at("1"), ranks=RANKS)
    run_one = Repricing(ledger, Selection(), NOW, at("2"))
    (stretch,) = stretches(ledger, Selection())
    planned = ledger.plan(Arrivals.of_calls(many(3, first=500)), price=at("1"), ranks=RANKS)
    ledger.commit(planned)
    run_one.write(stretch)
    assert ask(ledger, "select count(*) as calls from calls") == [{"calls": 23}]


def test_a_step_that_fails_changes_nothing_and_the_ledger_goes_on(ledger):
    ledger.merge(odd(3), price=at("1"), ranks=RANKS)
    calls = 0

    def fails_the_second_time(rows):
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ValueError("no such price")
        return at("2")(rows)

    with pytest.raises(ValueError, match="no such price"):
        run(ledger, fails_the_second_time)
    assert ask(ledger, "select count(*) as calls from calls where cost_usd = output_tokens") == [{"calls": 3}]
    assert ledger.merge(many(1, first=900), price=free, ranks=RANKS).calls == 1


def test_the_order_of_arrival_does_not_matter(tmp_path):
    totals = set()
    for seed in (1, 2):
        ledger = Ledger.open(tmp_path / str(seed))
        ledger.merge(shuffled(odd(40), seed), price=at("1"), ranks=RANKS)
        run(ledger, at("2"))
        totals.add(tuple(row["cost_usd"] for row in ask(ledger, "select cost_usd from calls order by call_id")))
        ledger.close()
    assert len(totals) == 1


KILLED = """
import sys
from pathlib import Path
from spanledger.storage import reprice
from spanledger.storage.ledger import Ledger
from tests.test_reprice import at, run
reprice.ROWS_MAX = 50
ledger = Ledger.open(Path(sys.argv[1]))
change = ledger.change
def told(what):
    change(what)
    print("changed", flush=True)
ledger.change = told
run(ledger, at("2", "cat-2"))
print("done", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("after", [1, 3, 6])
def test_a_run_that_is_killed_leaves_the_ledger_whole_and_a_second_one_finishes(tmp_path: Path, after: int):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        ledger = Ledger.open(folder)
        ledger.merge(odd(500), price=at("1"), ranks=RANKS)
        ledger.close()
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(cut)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
        cwd=Path(__file__).parent.parent,
    ) as process:  # fmt: skip
        for _ in range(after):
            assert process.stdout.readline() == "changed\n"
        os.kill(process.pid, signal.SIGKILL)
    ledger = Ledger.open(cut)
    (found,) = ask(
        ledger,
        "select count(*) as calls, count(*) filter (catalogue_id = 'cat-2') as changed,"
        " bool_and(cost_usd = output_tokens * if(catalogue_id = 'cat-2', 2, 1)) as consistent from calls",
    )
    (audit,) = ask(ledger, "select calls, finished_at from reprices")
    assert found["calls"] == 500
    assert found["consistent"]
    assert audit == {"calls": found["changed"], "finished_at": None}
    assert found["changed"] >= after * 20
    done = run(ledger, at("2", "cat-2"))
    assert done.changed == 500 - found["changed"]
    uninterrupted = Ledger.open(whole)
    run(uninterrupted, at("2", "cat-2"))
    everything = "select * exclude (model_key) from call_facts order by call_id"
    assert ask(ledger, everything) == ask(uninterrupted, everything)
    uninterrupted.close()
    ledger.close()


def test_the_selection_of_a_big_ledger_is_cut_by_time_and_not_by_counting_rows():
    minutes = [(n, 1500) for n in range(100)]
    cut = list(reprice._stretches(minutes, 0, 10**12))
    assert {one.calls for one in cut[:-1]} == {19_500}
    assert np.all(np.diff([one.first_us for one in cut]) > 0)
