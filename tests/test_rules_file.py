"""Changing prices.toml: comments stay, nothing wrong is ever left behind."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.cli.failures import Failed
from spanledger.cli.rules_file import add_rule, remove_rule
from spanledger.processors.pricing.rules_toml import read_rules

COMMENTED = """\
# Our prices. Ask Ann before you change them.

# the deployment of search
[[alias]]
model = "azure/search"   # as in Azure
means = "azure/gpt-4o"

# negotiated in spring
[[discount]]
name = "contract"
model = "openai/*"
percent = 22

[[alias]]
model = "azure/chat"
means = "azure/gpt-4o-mini"
# the end
"""


@pytest.fixture
def path(tmp_path):
    one = tmp_path / "data" / "prices.toml"
    one.parent.mkdir()
    return one


def test_a_rule_is_added_to_a_file_that_is_not_there_yet(tmp_path):
    path = tmp_path / "new" / "prices.toml"
    add_rule(path, "discount", {"percent": Decimal("7.5"), "valid_from": date(2026, 1, 1)})
    assert path.read_text() == "[[discount]]\npercent = 7.5\nvalid_from = 2026-01-01\n"


def test_a_rule_is_added_at_the_end_and_all_that_was_there_stays(path):
    path.write_text(COMMENTED)
    add_rule(path, "override", {"model": "openai/gpt-5", "input": Decimal("1.00"), "output": Decimal(9)})
    text = path.read_text()
    assert text.startswith(COMMENTED)
    assert text.endswith('\n[[override]]\nmodel = "openai/gpt-5"\ninput = 1.00\noutput = 9\n')


def test_a_rule_is_removed_and_the_comments_of_the_others_stay(path):
    path.write_text(COMMENTED)
    remove_rule(path, "alias", 0)
    assert path.read_text() == (
        "# Our prices. Ask Ann before you change them.\n\n# the deployment of search\n"
        '# negotiated in spring\n[[discount]]\nname = "contract"\nmodel = "openai/*"\npercent = 22\n\n'
        '[[alias]]\nmodel = "azure/chat"\nmeans = "azure/gpt-4o-mini"\n# the end\n'
    )
    remove_rule(path, "alias", 0)
    remove_rule(path, "discount", 0)
    assert list(read_rules(path.read_text())) == []
    assert "Ask Ann" in path.read_text()


def test_a_rule_that_would_be_wrong_leaves_the_file_as_it_was(path):
    path.write_text(COMMENTED)
    with pytest.raises(Failed, match=r"Nothing was changed, as the file would be wrong: .*, line 21, .*negative price"):
        add_rule(path, "override", {"model": "x", "input": Decimal(-1)})
    with pytest.raises(Failed, match=r"it holds at the same time as the discount of the same scope on line 9"):
        add_rule(path, "discount", {"model": "openai/*", "percent": Decimal(5)})
    assert path.read_text() == COMMENTED
    assert [one.name for one in path.parent.iterdir()] == ["prices.toml"]


def test_a_file_that_is_wrong_already_is_not_touched(path):
    path.write_text("this is no TOML")
    with pytest.raises(Failed, match="is no TOML"):
        add_rule(path, "discount", {"percent": Decimal(5)})
    with pytest.raises(Failed, match=r"is no valid TOML .*: correct it first"):
        remove_rule(path, "discount", 0)
    assert path.read_text() == "this is no TOML"


def test_a_rule_that_is_written_in_another_way_is_left_to_the_user(path):
    text = 'discount = [{ percent = 5, model = "a" }, { percent = 6, model = "b" }]\n'
    path.write_text(text)
    with pytest.raises(Failed, match=r"could not be cut out of .*: remove its lines with an editor"):
        remove_rule(path, "discount", 0)
    assert path.read_text() == text


def test_a_bracket_within_a_rule_does_not_end_it(path):
    path.write_text(
        '[[override]]\nmodel = "a"\ninput = 1\ntiers = [\n  { prompt_above = 10, input = 2 },\n]\n'
        '[[override]]\nmodel = """\n[[alias]]\n"""\ninput = 3\n[[discount]]\npercent = 1\n'
    )
    remove_rule(path, "override", 1)
    (override,) = read_rules(path.read_text()).overrides
    assert override.name == "a"
    remove_rule(path, "override", 0)
    assert path.read_text() == "[[discount]]\npercent = 1\n"


def test_a_link_stays_a_link_and_the_mode_of_the_file_stays(path, tmp_path):
    real = tmp_path / "real.toml"
    real.write_text("")
    real.chmod(0o600)
    path.symlink_to(real)
    add_rule(path, "discount", {"percent": Decimal(5)})
    assert path.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert read_rules(real.read_text()).discounts


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip), min_size=1, max_size=4))
def test_whatever_a_name_holds_it_is_read_as_it_was_written_and_can_be_removed(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("rules") / "prices.toml"
    for number, name in enumerate(names):
        add_rule(path, "discount", {"percent": Decimal(number), "name": name, "tenant": f"t{number}"})
    assert [rule.name for rule in read_rules(path.read_bytes().decode()).discounts] == names
    remove_rule(path, "discount", 0)
    assert [rule.name for rule in read_rules(path.read_bytes().decode()).discounts] == names[1:]
