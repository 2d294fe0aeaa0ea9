"""The overlay is read strictly: every row with the vendor's page and the day somebody looked."""

from datetime import date
from fractions import Fraction

import pytest
from genai_prices.data import providers

from spanledger.processors.pricing.bundled import bundled_overlay
from spanledger.processors.pricing.catalogue import CatalogueError
from spanledger.processors.pricing.conditions import matches
from spanledger.processors.pricing.overlay import read_overlay

SOURCE = 'page = "https://vendor.example/prices"\nchecked_on = 2026-11-22\nwhy = "because"\n'
OVERLAY = bundled_overlay()
KEYS = [f"{provider.id}/{model.id}" for provider in providers for model in provider.models]


def read(text: str) -> None:
    read_overlay("format = 1\n" + text, "overlay.toml")


def test_a_row_is_read_with_all_that_it_says() -> None:
    (row,) = read_overlay(
        f"""
format = 1
[[price]]
models = ["p/m"]
variant = "batch"
valid_from = 2026-01-01
weekdays = ["Sat", "Sun"]
hours = ["01:00-04:00"]
prompt_above = 200000
input = "2.5"
cache_read = 0.25
{SOURCE}"""
    ).corrections
    assert row.prices == {"input_mtok": 2_500_000, "cache_read_mtok": 250_000}
    assert (row.weekdays, row.hours, row.prompt_above) == (frozenset({5, 6}), ((3600, 14_400),), 200_000)
    assert (row.page, row.checked_on, row.why) == ("https://vendor.example/prices", date(2026, 11, 22), "because")
    saturday, monday = date(2026, 11, 21), date(2026, 11, 23)
    assert row.holds(saturday, 5, 3600, 200_000)
    assert not row.holds(monday, 0, 3600, 200_000)
    assert not row.holds(saturday, 5, 14_400, 200_000)
    assert not row.holds(saturday, 5, 3600, None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[price]", "overlay.toml is no TOML: "),
        ("[[prices]]\n", 'overlay.toml has rows of an unknown kind "prices"; there are provider, gateway, free'),
        ('[[price]]\nmodels = ["p/m"]\ninput = 1\n', "overlay.toml, row 1 of [[price]]: 'page' is missing"),
        (f'[[price]]\nmodels = ["p/m"]\ninputs = 1\n{SOURCE}', 'row 1 of [[price]]: unknown key "inputs"'),
        (f'[[price]]\nmodels = ["p/m"]\ninput = "-1"\n{SOURCE}', "row 1 of [[price]]: input is negative"),
        (f'[[price]]\nmodels = "p/m"\ninput = 1\n{SOURCE}', "row 1 of [[price]]: 'p/m' is no list of texts"),
        (f'[[price]]\nmodels = ["p/m"]\n{SOURCE}', "row 1 of [[price]]: it changes nothing"),
        (f'[[price]]\nmodels = ["p/m"]\ninput = 1\nhours = ["1-2"]\n{SOURCE}', "row 1 of [[price]]: Invalid isoformat"),
        (f'[[free]]\nmodels = ["p/m"]\n{SOURCE.replace("https", "http")}', '"http://vendor.example/prices" is no page'),
        (f'[[free]]\nmodels = ["p/m"]\n{SOURCE.replace("2026-11-22", "3")}', 'checked_on is "3", not a day'),
        (
            f'[[condition]]\nprovider = "p"\nmodels = ["*"]\ncolumn = "team"\nvalues = ["x"]\n{SOURCE}',
            'row 1 of [[condition]]: "team" is none of residency, region, deployment_type',
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_row(text: str, sentence: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        read(text)
    assert sentence in str(refused.value)


def test_an_overlay_of_another_format_is_refused() -> None:
    with pytest.raises(CatalogueError, match="is of another format than 1"):
        read_overlay("format = 2\n")


def test_every_row_names_models_that_are_in_the_data() -> None:
    own = [model.key for model in OVERLAY.models]
    patterns = [pattern for row in (*OVERLAY.corrections, *OVERLAY.promises) for pattern in row.models]
    assert [pattern for pattern in patterns if not any(matches(pattern, key) for key in [*KEYS, *own])] == []


def test_every_condition_holds_for_some_model_and_adds_or_says_something() -> None:
    for condition in OVERLAY.conditions:
        assert any(matches(pattern, key) for pattern in condition.models for key in KEYS), condition
        assert condition.factor != Fraction(1) or condition.unsold or condition.variant, condition


def test_every_row_has_a_reason_of_one_line() -> None:
    for row in (*OVERLAY.corrections, *OVERLAY.promises, *OVERLAY.models, *OVERLAY.conditions):
        assert row.why
        assert "\n" not in row.why
