"""`spanledger sql` and `spanledger report`: the same answers from a folder and from the server that holds it."""

import json
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest

from benchmarks.server import Server
from spanledger.receiver import keys as api_keys
from spanledger.storage.gate import TABLES
from spanledger.storage.ledger import Ledger
from tests.ledger_rows import fill
from tests.running import Done

ROWS: list[dict[str, object]] = [
    {"provider": "openai", "cost_usd": Decimal("0.000000000001"), "price_status": "priced", "input_tokens": 3},
    {"provider": "=acme()", "price_status": "unknown_model", "record_hash": 2**64 - 1},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("ledger"), ROWS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(fill(tmp_path / "served", ROWS)) as running:
        yield running


def test_json_is_one_array_in_which_nothing_is_rounded(run: Callable[..., Done], folder: Path) -> None:
    done = run("sql", "--data", folder, "--json", "SELECT provider, cost_usd, record_hash FROM calls ORDER BY call_id")
    assert (done.code, done.err) == (0, "")
    assert done.json == [
        {"provider": "openai", "cost_usd": "0.000000000001", "record_hash": 1},
        {"provider": "=acme()", "cost_usd": None, "record_hash": "18446744073709551615"},
    ]


def test_json_of_nothing_is_an_empty_array(run: Callable[..., Done], folder: Path) -> None:
    assert run("sql", "--data", folder, "--json", "FROM calls WHERE false").out == "[]\n"


def test_csv_is_safe_to_open(run: Callable[..., Done], folder: Path) -> None:
    done = run("sql", "--data", folder, "--csv", "SELECT provider, cost_usd FROM calls ORDER BY call_id")
    assert done.out == "provider,cost_usd\r\nopenai,0.000000000001\r\n'=acme(),\r\n"


def test_without_a_terminal_the_table_is_plain(run: Callable[..., Done], folder: Path) -> None:
    done = run("sql", "--data", folder, "SELECT provider, input_tokens FROM calls ORDER BY call_id")
    assert done.out == "provider  input_tokens\nopenai               3\n=acme()           NULL\n"


def test_what_is_in_it_can_be_asked(run: Callable[..., Done], folder: Path) -> None:
    done = run("sql", "--data", folder, "--json", "DESCRIBE calls")
    assert [row["column_name"] for row in done.json[:3]] == ["call_id", "tenant", "trace_id"]


def test_the_statement_may_come_from_stdin(
    run: Callable[..., Done], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("SELECT count(*) AS n\nFROM calls;\n"))
    assert run("sql", "--data", folder, "--json", "-").json == [{"n": 2}]


def test_a_limit_cuts_and_says_so(run: Callable[..., Done], folder: Path) -> None:
    done = run("sql", "--data", folder, "--json", "--limit", "2", "FROM range(3)")
    assert done.json == [{"range": 0}, {"range": 1}]
    assert done.err == "Only the first 2 rows are shown: raise --limit, or count them first.\n"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (["sql", "DROP VIEW calls"], 1, "Only a statement that reads is allowed (SELECT, FROM, WITH, DESCRIBE); the "
         f"tables are {', '.join(sorted(TABLES))}.\n"),
        (["sql", "SELECT nope FROM calls"], 1, 'Referenced column "nope" not found in FROM clause.\n'),
        (["sql", "--json", "--csv", "SELECT 1"], 2, "--json and --csv exclude each other.\n"),
        (["sql", "--url", "http://x", "SELECT 1"], 2, "--data and --url exclude each other: name the folder or the "
         "server.\n"),
        (["report", "--by", "nope"], 2, "A report cannot be grouped by 'nope': name columns of calls, or hour, day, "
         "week, month, model, user, session, service, provider, app, team.\n"),
        (["report", "--since", "soon"], 2, "'soon' is no time: write a date (2026-01-31), a month (2026-01), a time "
         "(2026-01-31T12:00), or how long ago (24h, 7d, 2w).\n"),
        (["report", "--json", "--csv"], 2, "--json and --csv exclude each other.\n"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(
    arguments: list[str], exit_code: int, sentence: str, run: Callable[..., Done], folder: Path
) -> None:
    assert run(*arguments, "--data", folder) == Done(exit_code, "", sentence)


def test_wrong_use_is_exit_2(run: Callable[..., Done]) -> None:
    assert run("sql").code == 2
    assert run("sql", "--limit", "0", "SELECT 1").code == 2
    done = run("sql", "--url", "file:///etc/passwd", "SELECT 1")
    assert done == Done(2, "", "'file:///etc/passwd' is no address of a server: write it as http://127.0.0.1:4318.\n")


def test_no_ledger_yet_says_what_to_do(run: Callable[..., Done], tmp_path: Path) -> None:
    for command in (["sql", "SELECT 1"], ["report"]):
        done = run(*command, "--data", tmp_path)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"There is no ledger in {tmp_path} yet; start one with `spanledger up`")
    assert list(tmp_path.iterdir()) == [], "asking makes nothing"


def test_a_running_server_is_asked_instead(server: Server, run: Callable[..., Done]) -> None:
    asked = run("sql", "--data", server.data, "--json", "SELECT provider, cost_usd, record_hash FROM calls ORDER BY 1")
    assert asked.json == [
        {"provider": "=acme()", "cost_usd": None, "record_hash": "18446744073709551615"},
        {"provider": "openai", "cost_usd": "0.000000000001", "record_hash": 1},
    ]
    url = json.loads((server.data / "server.json").read_text())["http"]
    assert run("sql", "--url", url, "--json", "SELECT count(*) AS n FROM calls").json == [{"n": 2}]
    report = run("report", "--data", server.data, "--by", "provider", "--since", "2026-01", "--json")
    assert [group["provider"] for group in report.json["groups"]] == ["openai", "=acme()"]
    assert report.json["total"]["calls"] == 2
    for refused, code in ((["sql", "DROP VIEW calls"], 1), (["report", "--by", "nope"], 2)):
        done = run(*refused, "--data", server.data)
        assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)


def test_a_server_that_wants_a_key_gets_the_one_in_the_environment(
    run: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = fill(tmp_path / "served", ROWS)
    key = api_keys.create(data / "keys.toml", scopes=["read"])
    with Server(data) as server:
        done = run("sql", "--data", server.data, "SELECT 1")
        assert (done.code, done.out) == (1, "")
        assert done.err.endswith("Set SPANLEDGER_API_KEY to it.\n")
        monkeypatch.setenv("SPANLEDGER_API_KEY", key)
        assert run("sql", "--data", server.data, "--json", "SELECT 1 AS a").json == [{"a": 1}]


def test_a_ledger_held_by_something_else_than_a_server_says_who_holds_it(
    run: Callable[..., Done], tmp_path: Path
) -> None:
    """A server that has just started holds the ledger before it says where it listens."""
    with Server(fill(tmp_path / "served", ROWS)) as server:
        (server.data / "server.json").rename(tmp_path / "away")
        done = run("sql", "--data", server.data, "SELECT 1")
        (tmp_path / "away").rename(server.data / "server.json")
    assert done.code == 1
    assert done.err.startswith(f"The ledger in {server.data} is in use by another process")


def test_a_server_that_is_not_there_is_said(run: Callable[..., Done]) -> None:
    done = run("sql", "--url", "http://127.0.0.1:1", "SELECT 1")
    assert done.code == 1
    assert done.err.startswith("The server at http://127.0.0.1:1 does not answer (")
    assert done.err.endswith("): start it, or name another with --url.\n")


class _Stranger(BaseHTTPRequestHandler):
    """Something else that speaks HTTP: it sends whoever asks it for a report elsewhere, and answers SQL with a page."""

    shown: list[str | None]

    def do_GET(self) -> None:
        self.shown.append(self.headers["authorization"])
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")  # type: ignore[attr-defined]
        self.end_headers()

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


def test_a_stranger_is_told_from_a_server_and_not_followed(
    run: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANLEDGER_API_KEY", "secret")
    _Stranger.shown = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Stranger) as stranger:
        thread = Thread(target=stranger.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{stranger.server_port}"
        report, sql = run("report", "--url", url), run("sql", "--url", url, "SELECT 1")
        stranger.shutdown()
        thread.join()
    assert report == Done(1, "", f"The server at {url} answers 302 Found: is it Spanledger?\n")
    assert sql == Done(1, "", f"What answers at {url} is not Spanledger: name another server with --url.\n")
    assert _Stranger.shown == ["Bearer secret"], "the key was shown once, and not where we were sent"


def test_reading_leaves_the_ledger_as_it_was(run: Callable[..., Done], folder: Path) -> None:
    assert run("sql", "--data", folder, "--json", "SELECT count(*) AS n FROM calls").json == [{"n": 2}]
    ledger = Ledger.open(folder)
    with ledger.reader() as reader:
        assert reader.query("select count(*) from calls").to_pylist() == [{"count_star()": 2}]
    ledger.close()
