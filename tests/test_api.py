"""The API: who may ask, what is answered, and every refusal as one sentence."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from spanledger.dashboards.api import create_app
from spanledger.receiver import keys as api_keys
from spanledger.receiver.contract import Unauthenticated
from spanledger.receiver.keys import Keys
from spanledger.storage.ledger import Ledger
from tests.ledger_rows import fill

ROWS: list[dict[str, object]] = [
    {"provider": "openai", "cost_usd": Decimal("0.000000000001"), "price_status": "priced", "input_tokens": 3},
    {"provider": "acme", "price_status": "unknown_model", "record_hash": 2**64 - 1},
]
LOCAL = "http://127.0.0.1:4318"


@dataclass
class Api:
    """The API in this process, and the ledger beneath it."""

    client: TestClient
    ledger: Ledger

    def sql(self, sql: str, **more: object) -> Any:
        """The answer of POST /api/v1/sql."""
        return self.client.post("/api/v1/sql", json={"sql": sql} | more)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    ledger = Ledger.open(fill(tmp_path_factory.mktemp("ledger"), ROWS))
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def serve(ledger: Ledger) -> Callable[..., Api]:
    def start(keys: Keys | None = None, url: str = LOCAL, **options: float) -> Api:
        app = create_app(ledger, keys or Keys.none(), Unauthenticated, **options)
        return Api(TestClient(app, base_url=url), ledger)

    return start


@pytest.fixture(scope="module")
def api(serve: Callable[..., Api]) -> Api:
    return serve()


def test_a_statement_is_answered_with_columns_and_rows(api: Api) -> None:
    answer = api.sql("SELECT provider, cost_usd, started_at, record_hash FROM calls ORDER BY call_id")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "columns": [
            {"name": "provider", "type": "VARCHAR"},
            {"name": "cost_usd", "type": "DECIMAL(18,12)"},
            {"name": "started_at", "type": "TIMESTAMP WITH TIME ZONE"},
            {"name": "record_hash", "type": "UBIGINT"},
        ],
        "rows": [
            {"provider": "openai", "cost_usd": "0.000000000001", "started_at": "2026-01-15T12:00:00Z",
             "record_hash": 1},
            {"provider": "acme", "cost_usd": None, "started_at": "2026-01-15T12:00:00Z",
             "record_hash": "18446744073709551615"},
        ],
        "truncated": False,
    }  # fmt: skip


def test_more_rows_than_asked_for_are_cut_and_it_says_so(api: Api) -> None:
    assert api.sql("FROM range(5)", limit=5).json()["truncated"] is False
    cut = api.sql("FROM range(5)", limit=4).json()
    assert cut["truncated"] is True
    assert len(cut["rows"]) == 4
    assert len(api.sql("FROM range(200000)").json()["rows"]) == 100_000


def test_csv_is_csv(api: Api) -> None:
    answer = api.sql("SELECT '=1+1' AS a, NULL AS b", format="csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["truncated"] == "false"
    assert answer.text == "a,b\r\n'=1+1,\r\n"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"sql": "FROM '/etc/passwd'"}, 'Files cannot be read ("/etc/passwd")'),
        ({"sql": "DELETE FROM calls"}, "Only a statement that reads is allowed"),
        ({"sql": "SELECT nope FROM calls"}, 'Referenced column "nope" not found in FROM clause'),
        ({"sql": "SELECT 'x'::INTEGER"}, "Could not convert string 'x' to INT32"),
        ({"sql": "SELECT 1", "limit": 0}, "limit: Input should be greater than or equal to 1."),
        ({"sql": "SELECT 1", "limit": 100_001}, "limit: Input should be less than or equal to 100000."),
        ({"sql": "SELECT 1", "format": "xml"}, "format: Input should be 'json' or 'csv'."),
        ({"sql": "SELECT 1", "tenant": "x"}, "tenant: Extra inputs are not permitted."),
        ({}, "sql: Field required."),
        ([], "the body: Input should be a valid dictionary or object to extract fields from."),
    ],
)
def test_what_cannot_be_answered_is_400_with_one_sentence(body: object, sentence: str, api: Api) -> None:
    answer = api.client.post("/api/v1/sql", json=body)
    assert answer.status_code == 400
    (error,) = answer.json().values()
    assert error.startswith(sentence)
    assert error.endswith(".")
    assert "\n" not in error


def test_a_body_that_is_no_json_is_400(api: Api) -> None:
    answer = api.client.post("/api/v1/sql", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


def test_a_statement_that_runs_too_long_is_504(serve: Callable[..., Api]) -> None:
    answer = serve(sql_time_limit_s=0.2).sql("SELECT count(*) FROM range(1000000000000)")
    assert answer.status_code == 504
    assert answer.json() == {"error": "The query ran for more than 0.2 s and was stopped."}


def test_a_ledger_that_is_away_is_503_with_retry_after(tmp_path: Path) -> None:
    ledger = Ledger.open(fill(tmp_path, []))
    ledger.close()
    answer = Api(TestClient(create_app(ledger, Keys.none(), Unauthenticated), base_url=LOCAL), ledger).sql("SELECT 1")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"].endswith("try again.")


def test_a_statement_cannot_change_or_reach_what_lies_beneath(api: Api) -> None:
    for sql in ("FROM call_facts", "COPY calls TO 'x'", "SELECT 1; DROP VIEW calls", "FROM duckdb_settings()"):
        assert api.sql(sql).status_code == 400
    assert api.sql("SELECT count(*) AS n FROM calls").json()["rows"] == [{"n": 2}]


def test_a_report_is_what_the_command_prints(api: Api) -> None:
    answer = api.client.get("/api/v1/report", params={"by": "provider", "since": "2026-01"})
    assert answer.status_code == 200
    report = answer.json()
    assert [(group["provider"], group["cost_usd"]) for group in report["groups"]] == [
        ("openai", "0.000000000001"), ("acme", None),
    ]  # fmt: skip
    assert report["total"]["calls"] == 2
    assert report["priced_percent"] == 50.0
    wrong = api.client.get("/api/v1/report", params={"by": "nope"})
    assert wrong.status_code == 400
    assert wrong.json()["error"].startswith("A report cannot be grouped by 'nope'")


def test_a_view_is_what_the_command_prints(api: Api) -> None:
    answer = api.client.get("/api/v1/report/blocks", params={"since": "2026-01", "timezone": "Europe/Vienna"})
    assert answer.status_code == 200
    made = answer.json()
    assert (made["view"], made["by"], made["timezone"]) == ("blocks", ["service"], "Europe/Vienna")
    assert made["rows"][0]["started_at"] == "2026-01-15T13:00:00+01:00"
    wrong = api.client.get("/api/v1/report/weather")
    assert wrong.status_code == 400
    assert wrong.json()["error"].startswith("There is no report 'weather': there are sessions, blocks,")


def test_the_api_describes_itself(serve: Callable[..., Api], tmp_path: Path) -> None:
    described = serve(with_key(tmp_path)[0]).client.get("/api/v1/openapi.json").json()
    assert set(described["paths"]) == {
        "/api/v1/sql", "/api/v1/report", "/api/v1/report/{view}", "/api/v1/reconcile",
    }  # fmt: skip
    assert described["info"]["title"] == "Spanledger"


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/", 404), ("GET", "/docs", 404), ("GET", "/api/v1/nothing", 404), ("GET", "/api/v1/sql", 405),
])  # fmt: skip
def test_what_is_not_there_is_said_as_json(method: str, path: str, status: int, api: Api) -> None:
    answer = api.client.request(method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


def with_key(folder: Path, *scopes: str) -> tuple[Keys, str]:
    """Keys that hold one of these scopes, and the key."""
    key = api_keys.create(folder / "keys.toml", scopes=scopes or ("read",))
    return Keys.load(folder / "keys.toml"), key


def test_with_keys_a_key_must_be_shown(serve: Callable[..., Api], tmp_path: Path) -> None:
    keys, key = with_key(tmp_path)
    client = serve(keys).client
    for headers in ({}, {"Authorization": "Bearer sl_wrong"}, {"x-api-key": ""}):
        answer = client.get("/api/v1/report", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "API key" in answer.json()["error"]
        assert "sl_wrong" not in answer.text
    assert client.get("/api/v1/report", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert client.get("/api/v1/report", headers={"x-api-key": key}).status_code == 200


def test_a_key_that_may_only_send_may_not_read(serve: Callable[..., Api], tmp_path: Path) -> None:
    keys, key = with_key(tmp_path, "ingest")
    answer = serve(keys).client.get("/api/v1/report", headers={"x-api-key": key})
    assert answer.status_code == 403
    assert answer.json() == {"error": "This API key may not read: use one with the scope read."}


FOREIGN = ["evil.example", "evil.example:4318", "10.0.0.5:4318", "localhost.evil.example", "127.0.0.1.evil.example", ""]
MALFORMED = ["127.0.0.1@evil.example", "[::1", "a/b", "[::2]:4318", "127.0.0.1#evil.example"]


@pytest.mark.parametrize("host", FOREIGN + MALFORMED)
def test_without_keys_a_name_that_was_made_to_point_here_is_refused(host: str, api: Api) -> None:
    answer = api.client.get("/api/v1/report", headers={"Host": host, "Authorization": "Bearer anything"})
    assert answer.status_code == 403
    assert answer.json() == {"error": f"Without API keys, ask at localhost or 127.0.0.1, not at {host!r}."}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:4318", "127.0.0.1:1", "127.8.8.8", "[::1]:4318"])
def test_names_of_this_machine_are_good(host: str, api: Api) -> None:
    assert api.client.get("/api/v1/report", headers={"Host": host}).status_code == 200


def test_with_keys_any_name_is_good(serve: Callable[..., Api], tmp_path: Path) -> None:
    keys, key = with_key(tmp_path)
    client = serve(keys, "https://ledger.example.com").client
    assert client.get("/api/v1/report", headers={"x-api-key": key}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:8080", "http://localhost:4318", ""]
)
def test_a_page_from_elsewhere_may_not_ask(origin: str, api: Api) -> None:
    answer = api.client.post("/api/v1/sql", json={"sql": "SELECT 1"}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert answer.json() == {"error": f"A page of {origin!r} may not ask here."}


def test_our_own_page_may_ask(api: Api) -> None:
    assert api.client.post("/api/v1/sql", json={"sql": "SELECT 1"}, headers={"Origin": LOCAL}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_refused(kind: str, api: Api) -> None:
    answer = api.client.post("/api/v1/sql", content=b'{"sql": "SELECT 1"}', headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json() == {"error": "Send the body as JSON, with the header Content-Type: application/json."}


@pytest.mark.parametrize(
    ("content", "headers"),
    [(b"x" * ((1 << 20) + 1), {}), (b"", {"Content-Length": "9" * 5_000}), (iter([b'{"sql": "SELECT 1"}']), {})],
    ids=["too long", "absurd", "chunked"],
)
def test_a_body_must_say_its_length_and_be_small(content: Any, headers: dict[str, str], api: Api) -> None:
    kind = {"Content-Type": "application/json"}
    answer = api.client.post("/api/v1/sql", content=content, headers=kind | headers)
    assert answer.status_code == 413
    assert answer.json() == {"error": "Send a body of known length, up to 1,048,576 bytes."}
