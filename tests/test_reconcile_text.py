"""A reconciliation for people: the table, the sentences below it, and CSV."""

import io

from rich.console import Console

from spanledger.dashboards.reconcile import Kind, Reconciliation
from spanledger.dashboards.reconcile_text import reconciliation_csv, show_reconciliation

INPUT = Kind(kind="uncached_input", in_metrics=12_345, in_calls=12_000, only_in_metrics=345, only_in_calls=0,
             explained_percent=97.2)  # fmt: skip
COST = Kind(kind="cost", in_metrics="0.250000000000", in_calls="0.500000000000", only_in_metrics="0.000000000000",
            only_in_calls="0.250000000000", explained_percent=100.0)  # fmt: skip
MADE = Reconciliation(
    by=["service", "session"],
    since=None,
    until=None,
    groups=[
        {"service": "claude-code", "session": "s-1", "metrics": "claude_code.token.usage", **INPUT},
        {"service": "=cmd()", "session": None, "metrics": "", **COST},
    ],
    total=[INPUT, COST],
    calls=1_500,
    calls_without_metrics=1_200,
)
NOTHING = Reconciliation(by=["model"], since=None, until=None, groups=[], total=[], calls=0, calls_without_metrics=0)


def shown(made: Reconciliation) -> list[str]:
    file = io.StringIO()
    show_reconciliation(made, Console(file=file, force_terminal=False))
    return file.getvalue().splitlines()


def test_the_table_shows_what_is_unexplained_and_leaves_the_rest_empty() -> None:
    assert shown(MADE)[:3] == [
        "service      session  kind            in metrics  in calls  only in metrics  only in calls",
        "claude-code  s-1      uncached input      12,345    12,000              345",
        "=cmd()       -        cost              0.25 USD  0.50 USD                        0.25 USD",
    ]


def test_the_sentences_say_how_much_is_explained_and_what_was_not_compared() -> None:
    assert shown(MADE)[3:] == [
        "uncached input: 12,345 in metrics, 97.2 % explained by calls; unexplained: 345 only in metrics.",
        "cost: 0.25 USD in metrics, 100 % explained by calls; unexplained: 0.25 USD only in calls.",
        "Not compared: 1,200 of 1,500 calls, of services that send no metrics of usage.",
    ]


def test_without_metrics_there_is_nothing_to_compare() -> None:
    assert shown(NOTHING) == ["No metrics tell of tokens or cost in this time: there is nothing to compare."]


def test_csv_has_a_line_for_each_group_and_is_safe_to_open() -> None:
    assert reconciliation_csv(MADE).split("\r\n") == [
        "service,session,metrics,kind,in_metrics,in_calls,only_in_metrics,only_in_calls",
        "claude-code,s-1,claude_code.token.usage,uncached_input,12345,12000,345,0",
        '\'=cmd(),,"",cost,0.250000000000,0.500000000000,0.000000000000,0.250000000000',
        "",
    ]
