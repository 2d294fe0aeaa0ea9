"""Prices that change under a running server: its rules, its list, and what it has stored."""

import json
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import monotonic

import pytest

from benchmarks.server import Server
from spanledger.cli import mailbox
from spanledger.cli.failures import Failed
from tests.otlp_client import GrpcClient
from tests.otlp_requests import STARTED_NS, body, span
from tests.price_lists import filled, in_force, written
from tests.running import Done

WAIT_S = 20.0
SAID = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 0,
}  # fmt: skip
STORED = 6
MORE = count(10_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a ledger with some calls, each of a million tokens of gpt-5 at 1.25 dollars."""
    folder = filled(tmp_path_factory.mktemp("served") / "data", [{}] * STORED)
    with Server(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_it_was(server: Server) -> Iterator[None]:
    yield
    rules = server.data / "prices.toml"
    if rules.exists():
        rules.unlink()
        until(lambda: send(server, next(MORE)) == "1.250000000000")


def send(server: Server, number: int) -> str:
    """Send a call, and say what it cost."""
    identity = number.to_bytes(8, "big")
    sent = span(SAID, span_id=identity, start_time_unix_nano=STARTED_NS + number * 10**9)
    with GrpcClient(server.target) as client:
        assert client.export(body(sent)).details == ""
    (row,) = server.sql(f"select cost_usd from calls where span_id = '{identity.hex()}'")
    return str(row["cost_usd"])


def until(condition: Callable[[], bool]) -> None:
    end = monotonic() + WAIT_S
    while not condition():
        assert monotonic() < end, "it never came true"
        threading.Event().wait(0.05)


def test_a_running_server_prices_by_the_rules_as_they_are_now(server: Server, run: Callable[..., Done]) -> None:
    assert send(server, 100) == "1.250000000000"
    done = run("prices", "discount", "add", "20", "--name", "ours", "--data", server.data)
    assert (done.code, done.out) == (0, f"Added {_discount(server)} to {server.data / 'prices.toml'}.\n")
    until(lambda: bool(server.sql("select 1 from price_rules where name = 'ours'")))
    assert send(server, 101) == "1.000000000000"


def _discount(server: Server) -> str:
    from spanledger.cli.price_book import rules_in

    (rule,) = rules_in(server.data)
    return rule.text


def test_rules_that_are_wrong_change_nothing_and_are_told_on_the_servers_log(server: Server) -> None:
    rules = server.data / "prices.toml"
    rules.write_text("[[override]]\nmodel = 'gpt-5'\ninput = -1\n")
    until(lambda: "The rules stay as they were" in server.log.read_text())
    assert f"{rules}, line 3" in server.log.read_text()
    assert send(server, 102) == "1.250000000000"


def test_stored_calls_are_priced_again_beside_the_server(server: Server, run: Callable[..., Done]) -> None:
    (before,) = server.sql("select sum(cost_usd) as cost, count(*) as calls from calls")
    (server.data / "prices.toml").write_text('[[override]]\nmodel = "gpt-5"\ninput = 2\n')
    told = run("reprice", "--data", server.data, "--dry-run")
    assert told.code == 0
    assert f"{before['calls']:,} of {before['calls']:,} calls would cost something else." in told.out
    assert server.sql("select sum(cost_usd) as cost from calls") == [{"cost": before["cost"]}]
    done = run("reprice", "--data", server.data, "--yes", "--json")
    assert done.err == ""
    found = json.loads(done.out)
    assert (done.code, found["changed"], found["written"]) == (0, before["calls"], True)
    assert found["cost_before_usd"] == before["cost"]
    assert server.sql("select sum(cost_usd) as cost from calls") == [{"cost": found["cost_after_usd"]}]
    assert server.sql(
        "select calls, finished_at is not null as finished from reprices order by began_at desc limit 1"
    ) == [{"calls": before["calls"], "finished": True}]
    assert (
        run("reprice", "--data", server.data, "--yes").out == f"Nothing changes: {before['calls']} calls looked at.\n"
    )
    assert list((server.data / "mailbox").iterdir()) == []


def test_another_price_list_is_taken_by_the_server_and_given_back(
    server: Server, run: Callable[..., Done], tmp_path: Path
) -> None:
    done = run(
        "prices", "update", "--from", written(tmp_path / "list.json", {"gpt-5": 7}), "--data", server.data, "--yes"
    )
    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("Calls are priced by genai-prices of ")
    assert send(server, 110) == "7.000000000000"
    assert server.sql("select chosen_by, source from catalogues where in_force") == [
        {"chosen_by": "user", "source": f"genai-prices of {tmp_path / 'list.json'}"}
    ]
    assert run("prices", "update", "--from", "installed", "--data", server.data, "--yes").code == 0
    assert send(server, 111) == "1.250000000000"


@pytest.mark.parametrize(
    ("kind", "letter", "sentence"),
    [
        ("catalogue", b"user\nspanledger catalogue 99\n", r"What was sent is of format 99, newer than 1"),
        ("catalogue", b"user\nnothing", r"What was sent is no catalogue of Spanledger"),
        ("reprice", b"{}", r"The server could not do it \('selection'\): are both of the same version\?"),
        (
            "reprice",
            b'{"selection": {}, "catalogue_id": "nope", "known_then": false, "write": true}',
            r"'nope' names no single catalogue of the ledger; it knows [0-9a-f]{16}",
        ),
    ],
)
def test_a_letter_that_makes_no_sense_is_answered_with_a_sentence(
    server: Server, kind: str, letter: bytes, sentence: str
) -> None:
    with pytest.raises(Failed, match=sentence):
        mailbox.ask(server.data, kind, letter)
    assert send(server, 120) == "1.250000000000"


def test_what_a_server_took_is_there_after_it_has_gone(run: Callable[..., Done], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "mailbox").mkdir(parents=True)
    (folder / "mailbox" / "old.reprice").write_bytes(b"whose sender has gone")
    with Server(folder):
        path = written(tmp_path / "list.json", {"gpt-5": 7})
        assert run("prices", "update", "--from", path, "--data", folder, "--yes").code == 0
        assert list((folder / "mailbox").iterdir()) == []
    taken = in_force(folder)
    with Server(folder) as server:
        assert server.sql("select catalogue_id, chosen_by from catalogues where in_force") == [
            {"catalogue_id": taken, "chosen_by": "user"}
        ]
