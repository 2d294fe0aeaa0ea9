"""`spanledger reprice`: the difference first, then the change, by what is known now or was known then."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.price_lists import ask, filled, in_force, written
from tests.running import Done

NOBODY = "Nobody can be asked here: say --yes to change the calls, or --dry-run to see what would change.\n"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A ledger of a test's own, with one call of gpt-5: a million tokens in."""
    return filled(tmp_path / "data", [{}])


def test_reprice_shows_and_writes_what_a_rule_changes(run: Callable[..., Done], own: Path) -> None:
    (own / "prices.toml").write_text("[[discount]]\npercent = 20\n")
    shown = run("reprice", "--dry-run", "--data", own)
    assert "1 of 1 call would cost something else." in shown.out
    assert ask(own, "select cost_usd from calls") == [{"cost_usd": Decimal("1.25")}]
    done = run("reprice", "--yes", "--data", own)
    assert done.out.endswith("Changed 1 call.\n")
    assert ask(own, "select cost_usd from calls") == [{"cost_usd": Decimal("1.00")}]
    assert ask(own, "select kind from price_rules") == [{"kind": "discount"}]
    assert run("reprice", "--yes", "--data", own).out == "Nothing changes: 1 call looked at.\n"


def test_reprice_by_what_was_known_then_and_now_and_by_name(run: Callable[..., Done], tmp_path: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    early, late = {"record_hash": 1, "call_id": 1}, {"record_hash": 2, "call_id": 2, "ingested_at": later}
    own = filled(tmp_path / "data", [early, late])
    first = in_force(own)
    run("prices", "update", "--from", written(tmp_path / "list.json", {"gpt-5": 3}), "--yes", "--data", own)
    costs = "select cost_usd::double as cost from calls order by call_id"
    run("reprice", "--as", "known-then", "--yes", "--data", own)
    assert [row["cost"] for row in ask(own, costs)] == [1.25, 3], "each by the list in force when it arrived"
    run("reprice", "--yes", "--data", own)
    assert [row["cost"] for row in ask(own, costs)] == [3, 3]
    run("reprice", "--catalogue", first[:6], "--yes", "--data", own)
    assert [row["cost"] for row in ask(own, costs)] == [1.25, 1.25]
    assert [row["known"] for row in ask(own, "select known from reprices order by began_at")] == ["then", "now", "now"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, NOBODY),
        (["--json"], 2, NOBODY),
        (["--yes", "--since", "never"], 2, None),
        (["--yes", "--since", "2026-02", "--until", "2026-01"], 2,
            "There would be nothing to price: --until is before --since.\n"),
        (["--yes", "--catalogue", "x", "--as", "known-then"], 2,
            "--catalogue names one price list, --as known-then takes each call's own: give one of them.\n"),
        (["--yes", "--catalogue", "nope"], 1,
            None),
    ],
)  # fmt: skip
def test_a_reprice_that_makes_no_sense_is_one_sentence(
    arguments: list[str], code: int, sentence: str | None, own: Path, run: Callable[..., Done]
) -> None:
    done = run("reprice", *arguments, "--data", own)
    assert (done.code, done.out) == (code, "")
    assert sentence is None or done.err == sentence


def test_reprice_without_a_ledger_is_one_sentence(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run("reprice", "--dry-run", "--data", tmp_path)
    assert done.code == 1
    assert done.err.startswith(f"There is no ledger in {tmp_path} yet")


def test_rules_that_are_wrong_stop_a_reprice_before_anything_is_written(run: Callable[..., Done], own: Path) -> None:
    (own / "prices.toml").write_text("[[discount]]\npercent = 20\nprozent = 3\n")
    done = run("reprice", "--yes", "--data", own)
    assert (done.code, done.out) == (1, "")
    assert 'line 3, discount: unknown key "prozent"' in done.err
    assert ask(own, "select cost_usd from calls") == [{"cost_usd": Decimal("1.25")}]
