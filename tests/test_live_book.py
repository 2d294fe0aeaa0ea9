"""The price book of a server: what is in force, what a newer program brings, and prices.toml as it changes."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from spanledger.cli import live_book
from spanledger.cli.failures import Failed
from spanledger.cli.live_book import LiveBook
from spanledger.cli.price_book import installed_catalogue
from spanledger.cli.prices_update import read_list
from spanledger.cli.wiring import wire
from spanledger.processors.pricing.catalogue_file import identified
from spanledger.receiver.contract import Request, Stored
from spanledger.storage.ledger import Ledger
from tests.ledger_rows import calls
from tests.otlp_requests import body, span
from tests.price_lists import USED, written

DISCOUNT = '[[discount]]\nname = "ours"\npercent = 50\n'


@pytest.fixture
def ledger(tmp_path):
    one = Ledger.open(tmp_path / "data")
    yield one
    one.close()


def ask(ledger, sql):
    with ledger.reader() as reader:
        return reader.query(sql).to_pylist()


def cost(book):
    (row,) = book.price(calls([USED])).select(["cost_usd"]).to_pylist()
    return row["cost_usd"]


def newer(folder):
    """The catalogue of a later release of the program."""
    whole = installed_catalogue(folder)
    return identified(replace(whole, source="genai-prices 99", rows=whole.rows[:-1]))


def test_a_new_ledger_gets_the_installed_list(ledger):
    book = LiveBook(ledger)
    assert ask(ledger, "select catalogue_id, chosen_by, in_force from catalogues") == [
        {"catalogue_id": book.catalogue_id, "chosen_by": "installed", "in_force": True}
    ]
    assert ask(ledger, "select input_usd from prices where in_force and price_id = 'openai/gpt-5'") == [
        {"input_usd": Decimal("1.25")}
    ]
    assert cost(book) == Decimal("1.25")


def test_a_start_with_the_same_list_changes_nothing(ledger):
    LiveBook(ledger)
    LiveBook(ledger)
    assert ask(ledger, "select count(*) as choices from catalogue_choices") == [{"choices": 1}]


def test_a_newer_program_brings_its_list_and_says_so_in_one_line(ledger, monkeypatch, caplog):
    LiveBook(ledger)
    later = newer(ledger.folder)
    monkeypatch.setattr(live_book, "installed_catalogue", lambda _: later)
    with caplog.at_level(logging.WARNING):
        assert LiveBook(ledger).catalogue_id == later.id
    (line,) = caplog.messages
    assert line == (
        f"Calls are priced by genai-prices 99 ({later.id}) from now on, which came with the program; stored costs stay."
    )
    assert ask(ledger, "select count(*) as versions from catalogues") == [{"versions": 2}]


def test_a_list_that_the_user_took_stays_whatever_the_program_brings(ledger, monkeypatch, tmp_path):
    taken = read_list(str(written(tmp_path / "list.json", {"gpt-5": 7})))
    LiveBook(ledger).take(taken, "user")
    monkeypatch.setattr(live_book, "installed_catalogue", lambda _: newer(ledger.folder))
    book = LiveBook(ledger)
    assert book.catalogue_id == taken.id
    assert cost(book) == 7


def test_taking_another_list_holds_from_the_next_batch_on(ledger, tmp_path):
    book = LiveBook(ledger)
    book.take(read_list(str(written(tmp_path / "list.json", {"gpt-5": 7}))), "user")
    assert cost(book) == 7
    book.take(installed_catalogue(ledger.folder), "installed")
    assert cost(book) == Decimal("1.25")


def test_rules_are_read_again_when_the_file_changes(ledger):
    book = LiveBook(ledger)
    rules = ledger.folder / "prices.toml"
    book.look()
    assert cost(book) == Decimal("1.25")
    rules.write_text(DISCOUNT)
    book.look()
    assert cost(book) == Decimal("0.625")
    rules.unlink()
    book.look()
    assert cost(book) == Decimal("1.25")
    assert ask(ledger, "select kind, name from price_rules") == [{"kind": "discount", "name": "ours"}]


def test_a_file_that_is_wrong_changes_nothing_and_is_told_once(ledger, caplog):
    rules = ledger.folder / "prices.toml"
    rules.write_text(DISCOUNT)
    book = LiveBook(ledger)
    rules.write_text("[[discount]]\npercent = 200\n")
    with caplog.at_level(logging.WARNING):
        book.look()
        book.look()
    (line,) = caplog.messages
    assert line.startswith(f"The rules stay as they were: {rules}, line 2, discount: 200 per cent off is no discount")
    assert cost(book) == Decimal("0.625")
    rules.write_text(DISCOUNT.replace("50", "20"))
    book.look()
    assert cost(book) == Decimal("1.00")


def test_a_server_does_not_start_with_rules_that_are_wrong(ledger):
    (ledger.folder / "prices.toml").write_text("[[overide]]\n")
    with pytest.raises(Failed, match=r'prices\.toml, line 1: unknown key "overide"'):
        LiveBook(ledger)


RETIRED = [
    ("anthropic", "claude-3-opus-20240229", datetime(2025, 3, 1, tzinfo=UTC), 1000, 1000, "0.09"),
    ("anthropic", "claude-opus-4-1-20250805", datetime(2026, 1, 15, tzinfo=UTC), 1000, 1000, "0.09"),
    ("openai", "gpt-3.5-turbo-0613", datetime(2023, 9, 1, tzinfo=UTC), 1000, 1000, "0.0035"),
    ("openai", "o3", datetime(2025, 6, 9, 23, 59, tzinfo=UTC), 1000, 1000, "0.05"),
    ("openai", "o3", datetime(2025, 6, 10, tzinfo=UTC), 1000, 1000, "0.01"),
]


def test_old_calls_that_are_replayed_cost_what_they_cost_then_retired_models_included(ledger):
    prepare, store = wire(ledger, LiveBook(ledger).price)
    for number, (provider, model, day, given, answered, dollars) in enumerate(RETIRED, 1):
        began = int(day.timestamp()) * 10**9
        said = {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": answered,
        }  # fmt: skip
        times = {"start_time_unix_nano": began, "end_time_unix_nano": began + 10**9}
        sent = span(said, span_id=number.to_bytes(8, "big"), **times)
        assert store(prepare([Request(body(sent), "default")])) == [Stored()]
        rows = ask(ledger, f"select cost_usd, price_status from calls where span_id = '{number:016x}'")
        assert rows == [{"cost_usd": Decimal(dollars), "price_status": "priced"}], model
