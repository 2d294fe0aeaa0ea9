"""`spanledger prices`: lists, explanations, checks and updates, as people meet them."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.price_lists import ask, filled, in_force, published, written
from tests.running import Done

CASES = Path(__file__).parent.parent.parent / "shared" / "fixtures" / "pricing_cases.jsonl"

NAME_ONE = "Name a call by its id, or imagine one with --provider and --model, or give a file with --cases.\n"


ROWS: list[dict[str, object]] = [
    {"response_id": "resp_1"},
    {"request_model": "my-deployment", "provider": "azure", "input_tokens": 5000, "status": "ok"},
    {"request_model": "gpt-99", "input_tokens": 100, "output_tokens": 3},
    {"request_model": "gpt-99", "status": "error", "input_tokens": None, "output_tokens": None},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with one priced call and three without a cost. No test may change it."""
    return filled(tmp_path_factory.mktemp("ledger") / "data", ROWS)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A ledger of a test's own, with one call of gpt-5: a million tokens in."""
    return filled(tmp_path / "data", [{}])


# list ----------------------------------------------------------------------------------------------------------------


def test_list_shows_tiers_variants_and_source_as_of_a_day(run: Callable[..., Done], folder: Path) -> None:
    done = run("prices", "list", "claude-sonnet-4-5", "--provider", "anthropic", "--on", "2026-11-22", "--data", folder)
    lines = done.out.splitlines()
    assert lines[0].split() == [
        "model", "variant", "when", "input", "cache", "read", "cache", "write", "output", "other",
    ]  # fmt: skip
    assert lines[1].startswith("anthropic/claude-sonnet-4-5  standard")
    assert any("prompt over 200,000" in line for line in lines)
    assert any("  batch  " in line for line in lines)
    assert lines[-2] == "From https://www.anthropic.com/pricing#api."
    assert lines[-1].startswith("genai-prices ")
    assert "as of 2026-11-22" in lines[-1]


def test_a_price_of_an_old_day_is_that_of_the_day(run: Callable[..., Done], folder: Path) -> None:
    def of(day: str) -> str:
        rows = run("prices", "list", "o3", "--provider", "openai", "--on", day, "--json", "--data", folder).json
        (row,) = [row for row in rows if row["model"] == "o3" and row["variant"] == "standard"]
        return str(row["usd"]["input"])

    assert (of("2025-06-09"), of("2025-06-10")) == ("10", "2")


def test_list_works_before_there_is_a_ledger(run: Callable[..., Done], tmp_path: Path) -> None:
    rows = run("prices", "list", "gpt-5", "--provider", "openai", "--json", "--data", tmp_path / "none").json
    assert {row["model"] for row in rows} >= {"gpt-5", "gpt-5-mini"}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["list", "--on", "yesterday"], 2, "'yesterday' is no day: write it like 2026-01-31.\n"),
        (["explain"], 2, NAME_ONE),
        (["explain", "1", "--model", "x"], 2, NAME_ONE),
        (["explain", "--model", "x"], 2, "A call that you imagine needs --provider and --model.\n"),
        (["explain", "--provider", "x", "--model", "y", "--at", "noon"], 2,
            "--at 'noon' is no time: write it like 2026-01-31 or 2026-01-31T12:00.\n"),
        (["explain", "--cases", "/nowhere.jsonl"], 1, "/nowhere.jsonl cannot be read: No such file or directory.\n"),
        (["explain", "18446744073709551616"], 1, "No calls have the id '18446744073709551616': `spanledger sql "
            '"select call_id, started_at, cost_usd from calls …"` finds the one.\n'),
        (["diff", "zzz"], 1, None),
        (["update", "--from", "installed"], 2, "Nobody can be asked here: say --yes to take the price list.\n"),
        (["check", "--since", "never"], 2, None),
        (["check", "--litellm", "/nowhere.json"], 1, "/nowhere.json cannot be read: No such file or directory.\n"),
        (["discount", "add", "much"], 2, "PERCENT: 'much' is no number.\n"),
        (["override", "add", "x", "--price", "input"], 2, "--price 'input' is no price: write it like input=2.40.\n"),
        (["override", "add", "x"], 2, None),
        (["alias", "add", "a", "b/c", "--valid-from", "soon"], 2, "'soon' is no day: write it like 2026-10-01.\n"),
        (["alias", "remove", "x"], 1, None),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(
    arguments: list[str], code: int, sentence: str | None, folder: Path, run: Callable[..., Done]
) -> None:
    done = run("prices", *arguments, "--data", folder)
    assert (done.code, done.out) == (code, "")
    assert sentence is None or done.err == sentence
    assert "Traceback" not in done.err


# explain -------------------------------------------------------------------------------------------------------------


def test_a_call_that_is_imagined_is_explained_line_by_line(run: Callable[..., Done], folder: Path) -> None:
    done = run(
        "prices", "explain", "--provider", "openai", "--model", "gpt-5", "--input", "12000", "--cache-read", "8000",
        "--output", "500", "--at", "2026-03-01T09:00", "--data", folder,
    )  # fmt: skip
    assert done.out.splitlines()[0] == "openai/gpt-5: priced"
    assert [line.strip() for line in done.out.splitlines() if "×" in line or line.strip().startswith("=")] == [
        "4,000 input × $1.25 per million = $0.005",
        "8,000 cache read × $0.125 per million = $0.001",
        "500 output × $10 per million = $0.005",
        "= $0.011",
    ]


def test_a_stored_call_is_explained_by_the_list_that_priced_it(run: Callable[..., Done], folder: Path) -> None:
    (stored,) = ask(folder, "select call_id, cost_usd, catalogue_id from calls where cost_usd is not null")
    for name in (str(stored["call_id"]), "resp_1"):
        told = run("prices", "explain", name, "--json", "--data", folder).json
        assert told["call_id"] == str(stored["call_id"])
        assert Decimal(told["cost_usd"]) == Decimal(told["stored_cost_usd"]) == stored["cost_usd"]
        assert told["catalogue_id"] == stored["catalogue_id"]
        assert told["source"]["page"].startswith("https://")
    assert "It is stored" not in run("prices", "explain", "resp_1", "--data", folder).out


def test_a_stored_call_whose_rules_have_changed_says_so(run: Callable[..., Done], own: Path) -> None:
    (own / "prices.toml").write_text("[[discount]]\npercent = 50\n")
    (call,) = ask(own, "select call_id from calls")
    told = run("prices", "explain", str(call["call_id"]), "--data", own).out
    assert told.endswith(
        "It is stored at $1.25: the rules or the price list have changed since. `spanledger reprice` prices it again.\n"
    )


def test_an_unknown_model_is_explained_too(run: Callable[..., Done], folder: Path) -> None:
    done = run("prices", "explain", "--provider", "openai", "--model", "gpt-99", "--input", "1", "--data", folder)
    assert done.code == 0
    assert done.out.startswith("openai/gpt-99: unknown_model\n")
    assert "no model of this name is in the catalogue; an alias or a price of your own helps" in done.out


def test_cases_are_explained_an_object_a_line(run: Callable[..., Done], folder: Path, tmp_path: Path) -> None:
    case = {"id": "mine", "provider": "openai", "model": "gpt-5", "timestamp": "2026-03-01T00:00:00Z",
            "usage": {"input_total": 1000, "output": 100}, "context": {}}  # fmt: skip
    other = case | {
        "id": "batched",
        "context": {"batch": True, "tenant_rule": {"match": "openai/*", "discount_pct": "50"}},
    }
    unknown = case | {"id": "unknown", "model": "gpt-99"}
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(map(json.dumps, [case, other, unknown])) + "\n")
    done = run("prices", "explain", "--cases", path, "--json", "--data", folder)
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [(one["id"], one["cost_usd"], one["price_status"]) for one in told] == [
        ("mine", "0.00225", "priced"), ("batched", "0.0005625", "priced"), ("unknown", None, "unknown_model"),
    ]  # fmt: skip
    table = run("prices", "explain", "--cases", path, "--data", folder).out.splitlines()
    assert table[0].startswith("mine  $0.00225  ")
    assert table[2].startswith("unknown  unknown_model")
    path.write_text('{"id": "mine"}\n')
    done = run("prices", "explain", "--cases", path, "--json", "--data", folder)
    assert (done.code, done.err) == (1, f"{path}, line 1: provider is missing.\n")


@pytest.mark.skipif(not CASES.exists(), reason="the reference cases are not beside the repository")
def test_every_scored_reference_case_is_exact(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run("prices", "explain", "--cases", CASES, "--json", "--data", tmp_path)
    told = {one["id"]: one["cost_usd"] for one in map(json.loads, done.out.splitlines())}
    wrong = {}
    for case in map(json.loads, CASES.read_text().splitlines()):
        expected, found = case["expected_usd"], told[case["id"]]
        same = expected is found if None in (expected, found) else Decimal(expected) == Decimal(found)
        if case["scored"] and not same:
            wrong[case["id"]] = (expected, found)
    assert wrong == {}


# check ---------------------------------------------------------------------------------------------------------------


def test_check_counts_what_is_unpriced_by_tokens(run: Callable[..., Done], folder: Path) -> None:
    found = run("prices", "check", "--json", "--data", folder).json
    assert found["coverage"] == {"calls": 3, "priced": 1, "tokens": 1_005_103, "priced_tokens": 1_000_000}
    assert [(one["model"], one["price_status"], one["calls"], one["tokens"]) for one in found["unpriced"]] == [
        ("my-deployment", "unknown_model", 1, 5000), ("gpt-99", "unknown_model", 1, 103),
    ]  # fmt: skip
    table = run("prices", "check", "--data", folder).out
    assert "Priced: 1 of 3 calls (33.3 %), 99.4 % of the tokens.\n" in table
    assert "my-deployment" in table
    assert run("prices", "check", "--since", "2026-06", "--data", folder).out.startswith("There are no calls in this")


def test_check_names_the_prices_whose_promise_has_ended(run: Callable[..., Done], folder: Path) -> None:
    found = run("prices", "check", "--json", "--data", folder).json["promises_ended"]
    assert {"price_id", "verified_until", "source_url"} == set(found[0])
    assert "openai/gpt-5.6-sol@2026-08-21" in {one["price_id"] for one in found}


def test_check_shows_where_a_second_list_disagrees(run: Callable[..., Done], folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "litellm.json"
    entries = {
        "sample_spec": {"input_cost_per_token": 0},
        "gpt-5": {"litellm_provider": "openai", "input_cost_per_token": 1.25e-6, "output_cost_per_token": 1e-5},
        "gpt-5-mini": {"litellm_provider": "openai", "input_cost_per_token": 9e-6, "output_cost_per_token": 2e-6},
    }
    path.write_text(json.dumps(entries))
    found = run("prices", "check", "--litellm", path, "--json", "--data", folder).json["litellm"]
    assert (found["compared"], found["agreeing"]) == (2, 1)
    assert found["disagreements"] == [
        {
            "model": "openai/gpt-5-mini",
            "litellm_name": "gpt-5-mini",
            "unit": "input",
            "ours_usd": "0.25",
            "theirs_usd": "9",
        }
    ]
    assert (
        "LiteLLM's list says the same of 1 of 2 models in both."
        in run("prices", "check", "--litellm", path, "--data", folder).out
    )
    path.write_text("[")
    done = run("prices", "check", "--litellm", path, "--data", folder)
    assert done.code == 1
    assert done.err.startswith(f"{str(path)[:1].upper()}{str(path)[1:]} is no JSON")


# update and diff -----------------------------------------------------------------------------------------------------


def test_update_takes_a_file_as_a_new_version_and_changes_no_stored_cost(
    run: Callable[..., Done], own: Path, tmp_path: Path
) -> None:
    first = in_force(own)
    path = written(tmp_path / "list.json", {"gpt-5": 2, "gpt-new": 3})
    done = run("prices", "update", "--from", path, "--yes", "--data", own)
    assert done.code == 0
    assert "New models (1): openai/gpt-new." in done.out
    assert re.search(r"^openai/gpt-5 +input +1\.25 +2$", done.out, re.MULTILINE)
    taken = in_force(own)
    assert ask(own, "select catalogue_id, chosen_by from catalogue_choices order by chosen_at") == [
        {"catalogue_id": first, "chosen_by": "installed"}, {"catalogue_id": taken, "chosen_by": "user"},
    ]  # fmt: skip
    assert ask(own, "select cost_usd, catalogue_id from calls") == [
        {"cost_usd": Decimal("1.25"), "catalogue_id": first}
    ]
    again = run("prices", "update", "--from", path, "--yes", "--data", own)
    assert again.out == f"genai-prices of {path} is in force already.\n"
    changes = run("prices", "diff", first[:6], taken[:6], "--json", "--data", own).json
    assert _of(changes, "openai/gpt-5")["after_usd"]["input"] == "2"
    assert [row["in_force"] for row in run("prices", "diff", "--json", "--data", own).json] == [False, True]
    back = run("prices", "update", "--from", "installed", "--yes", "--json", "--data", own).json
    assert (back["taken"], back["after"]["catalogue_id"]) == (True, first)


def _of(changes: dict[str, Any], price_id: str) -> dict[str, Any]:
    (one,) = [one for one in changes["changed"] if one["price_id"] == price_id]
    return dict(one)


def test_update_fetches_an_address(run: Callable[..., Done], own: Path) -> None:
    class Serving(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/list" else 404)
            self.end_headers()
            self.wfile.write(published({"gpt-5": 2}))

        def log_message(self, *_: object) -> None:
            """Nothing: the output belongs to the command."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Serving) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = run("prices", "update", "--from", f"{url}/list", "--yes", "--data", own)
        missing = run("prices", "update", "--from", f"{url}/none", "--yes", "--data", own)
        server.shutdown()
    assert done.out.splitlines()[-1].startswith(f"Calls are priced by genai-prices of {url}/list (")
    assert (missing.code, missing.err) == (
        1,
        f"{url}/none cannot be fetched (Not Found): get the file by other means, and give it to --from.\n",
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (published({"gpt-5": 2})[:40], "is cut off or no JSON"),
        (b"{}", "is no list of providers"),
        (published({"gpt-5": -2}), "model openai/gpt-5: input_mtok is"),
        (published({"gpt-5": [{"constraint": {"moon": "full"}, "prices": {}}]}), "a constraint has the keys moon"),
        (b"spanledger catalogue 99\nxxx", "is of format 99, newer than 1, which is read here: update Spanledger."),
        (b"spanledger catalogue 1\nxxx", "is cut off or damaged"),
    ],
)
def test_a_list_that_is_cut_off_or_of_another_form_changes_nothing(
    content: bytes, sentence: str, run: Callable[..., Done], folder: Path, tmp_path: Path
) -> None:
    before = in_force(folder)
    path = tmp_path / "list"
    path.write_bytes(content)
    done = run("prices", "update", "--from", path, "--yes", "--data", folder)
    assert (done.code, done.out) == (1, "")
    assert sentence in done.err
    assert str(path)[1:] in done.err
    assert done.err.count("\n") == 1
    assert in_force(folder) == before
