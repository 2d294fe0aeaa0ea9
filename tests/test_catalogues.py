"""Every version of the price list is kept whole, and the ledger knows which one was in force when."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from spanledger.storage import catalogues
from spanledger.storage import ledger as ledger_module
from spanledger.storage.catalogues import Catalogue, Rule, choices, content_of, keep_rules, put_in_force
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Ranks
from tests.records import free, many

RATES = pa.table(
    {
        "price_id": ["acme/one", "acme/one@2026-05-01"],
        "provider": ["acme", "acme"],
        "model": ["one", "one"],
        "variant": ["standard", "standard"],
        "valid_from": [None, date(2026, 5, 1)],
        "offered": [True, True],
        "input_usd": pa.array([Decimal("2.5"), Decimal("0.0833333333333333")], pa.decimal128(38, 16)),
    }
)
FIRST = Catalogue("aaaa", "acme 1", b"\x00first\xff", RATES)
SECOND = Catalogue("bbbb", "acme 2", b"second", RATES.slice(0, 1))


@pytest.fixture
def ledger(tmp_path):
    one = Ledger.open(tmp_path)
    yield one
    one.close()


def ask(ledger, sql):
    with ledger.reader() as reader:
        return reader.query(sql).to_pylist()


def in_force(ledger):
    return ask(ledger, "select catalogue_id, chosen_by from catalogues where in_force")


def test_a_new_ledger_knows_none(ledger):
    assert in_force(ledger) == []
    with ledger.reader() as reader:
        assert choices(reader) == []
        assert content_of(reader, "aaaa") is None


def test_a_catalogue_is_kept_whole_and_the_last_that_was_chosen_is_in_force(ledger):
    put_in_force(ledger, FIRST, "installed")
    put_in_force(ledger, SECOND, "user")
    assert in_force(ledger) == [{"catalogue_id": "bbbb", "chosen_by": "user"}]
    put_in_force(ledger, FIRST, "user")
    assert in_force(ledger) == [{"catalogue_id": "aaaa", "chosen_by": "user"}]
    with ledger.reader() as reader:
        assert content_of(reader, "aaaa") == b"\x00first\xff"
        assert [(one.catalogue_id, one.chosen_by) for one in choices(reader)] == [
            ("aaaa", "installed"), ("bbbb", "user"), ("aaaa", "user"),
        ]  # fmt: skip


def test_what_is_chosen_twice_is_kept_once(ledger):
    for _ in range(2):
        put_in_force(ledger, FIRST, "user")
    assert ask(ledger, "select count(*) as versions from catalogues") == [{"versions": 1}]
    assert ask(ledger, "select count(*) as prices from prices") == [{"prices": 2}]


def test_its_rates_are_there_for_sql_with_the_day_from_which_they_hold(ledger):
    put_in_force(ledger, FIRST, "installed")
    put_in_force(ledger, SECOND, "installed")
    rows = ask(ledger, "select price_id, valid_from, input_usd from prices where catalogue_id = 'aaaa' order by all")
    assert rows == [
        {"price_id": "acme/one", "valid_from": None, "input_usd": Decimal("2.500000000000")},
        {"price_id": "acme/one@2026-05-01", "valid_from": date(2026, 5, 1), "input_usd": Decimal("0.083333333333")},
    ]
    assert ask(ledger, "select price_id from prices where in_force") == [{"price_id": "acme/one"}]


def test_rules_are_written_down_once(ledger):
    rules = [Rule("r1", "discount", "ours", '{"percent":10}'), Rule("r2", "alias", "gpt", "{}")]
    keep_rules(ledger, rules[:1])
    keep_rules(ledger, rules)
    assert ask(ledger, "select rule_id, kind, name, content from price_rules order by all") == [
        {"rule_id": "r1", "kind": "discount", "name": "ours", "content": '{"percent":10}'},
        {"rule_id": "r2", "kind": "alias", "name": "gpt", "content": "{}"},
    ]


def test_a_change_that_fails_leaves_nothing_behind_and_the_ledger_goes_on(ledger, monkeypatch):
    monkeypatch.setattr(ledger_module, "REOPEN_AFTER_S", 0.0)
    monkeypatch.setattr(catalogues, "_CHOOSE", "insert into nowhere values (?, ?)")
    with pytest.raises(Exception, match="nowhere"):
        put_in_force(ledger, FIRST, "user")
    assert ledger.merge(many(1), price=free, ranks=Ranks({})).calls == 1, "it opens the file afresh by itself"
    assert ask(ledger, "select count(*) as versions from catalogues") == [{"versions": 0}]


def test_a_mistake_of_ours_in_a_change_is_rolled_back(ledger):
    def mistaken(connection, _):
        connection.execute("delete from ledger_state")
        raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"):
        ledger.change(mistaken)
    assert ledger.merge(many(1), price=free, ranks=Ranks({})).calls == 1


def test_all_of_it_survives_a_restart(tmp_path):
    ledger = Ledger.open(tmp_path)
    put_in_force(ledger, FIRST, "installed")
    ledger.close()
    ledger = Ledger.open_readonly(tmp_path)
    assert in_force(ledger) == [{"catalogue_id": "aaaa", "chosen_by": "installed"}]
    ledger.close()
