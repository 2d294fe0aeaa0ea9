"""`spanledger prices alias|override|discount`: rules in prices.toml, added, listed and removed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.price_lists import filled
from tests.running import Done


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A ledger of a test's own, with one call of gpt-5: a million tokens in."""
    return filled(tmp_path / "data", [{}])


def test_rules_are_added_listed_and_removed(run: Callable[..., Done], tmp_path: Path) -> None:
    data = ("--data", tmp_path)
    assert run("prices", "alias", "add", "azure/mine", "azure/gpt-4o", *data).code == 0
    scope = ("--tenant", "search", "--valid-from", "2026-10-01", "--valid-to", "2027-10-01", "--name", "contract")
    prices = ("--price", "input=2.40", "--price", "output=12")
    assert run("prices", "override", "add", "anthropic/claude-sonnet-4-5*", *prices, *scope, *data).code == 0
    assert run("prices", "override", "add", "openai/gpt-5", "--price", "input=1", "--variant", "batch", *data).code == 0
    assert run("prices", "discount", "add", "22", "--model", "openai/*", "--applies-to", "tokens", *data).code == 0
    assert (
        (tmp_path / "prices.toml").read_text().startswith('[[alias]]\nmodel = "azure/mine"\nmeans = "azure/gpt-4o"\n')
    )
    (listed, batch) = run("prices", "override", "list", "--json", *data).json
    assert listed.items() >= {
        "name": "contract", "tenant": "search", "model": "anthropic/claude-sonnet-4-5*", "valid_from": "2026-10-01",
        "valid_to": "2027-10-01",
    }.items()  # fmt: skip
    assert batch["variant"] == "batch"
    assert "contract" in run("prices", "override", "list", *data).out
    assert run("prices", "override", "remove", "contract", *data).code == 0
    assert run("prices", "override", "remove", batch["id"], *data).code == 0
    assert run("prices", "override", "list", "--json", *data).json == []
    assert "`spanledger prices override add` makes one" in run("prices", "override", "list", *data).err
    assert len(run("prices", "discount", "list", "--json", *data).json) == 1
    assert run("prices", "alias", "remove", "azure/mine", *data).code == 0


def test_a_name_of_several_rules_is_not_enough(run: Callable[..., Done], tmp_path: Path) -> None:
    for tenant in ("a", "b"):
        run("prices", "discount", "add", "5", "--name", "ours", "--tenant", tenant, "--data", tmp_path)
    done = run("prices", "discount", "remove", "ours", "--data", tmp_path)
    assert done.code == 1
    assert "holds several: give the id of the one" in done.err
    assert len(run("prices", "discount", "list", "--json", "--data", tmp_path).json) == 2


def test_a_rule_that_makes_no_sense_is_not_added(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run("prices", "override", "add", "x", "--price", "input=-1", "--data", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert 'override "x": input is -1, a negative price' in done.err
    assert not (tmp_path / "prices.toml").exists()


def test_a_rule_changes_what_a_call_would_cost(run: Callable[..., Done], own: Path) -> None:
    run("prices", "discount", "add", "10", "--provider", "openai", "--data", own)
    asked = (
        "prices",
        "explain",
        "--provider",
        "openai",
        "--model",
        "gpt-5",
        "--input",
        "1000000",
        "--json",
        "--data",
        own,
    )
    told = run(*asked).json
    assert told["cost_usd"] == "1.125"
    assert told["factors"][0]["factor"] == "0.9"
