"""JSON doors, seen from clients: who may post, what is too large, and what is said when nothing can be taken."""

import gzip
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import zstandard

from spanledger.cli.doors import doors
from spanledger.receiver.contract import Answer, Busy, Refused, Request, Stored, TooLarge, Unavailable
from spanledger.receiver.limits import Limits
from tests.doors_serving import Doors, serving_doors
from tests.http_serving import Service, serving, until

JSON = "application/json"
PATHS = ("/usage", "/usage/batch", "/api/ingest", "/api/usage")
EVENT = {
    "tenant_id": "acme", "provider": "gemini", "model": "gemini-2.5-pro", "prompt_tokens": 10, "completion_tokens": 5,
    "timestamp": "2026-03-01T10:00:00Z",
}  # fmt: skip
RECORD = {"timestamp": "2026-03-01T10:00:00Z", "service": "openai", "model": "gpt-5", "input_tokens": 7}


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    with serving() as start:
        yield lambda **options: start(doors=doors(), **options)


@pytest.fixture
def ledgers(tmp_path: Path) -> Iterator[Callable[..., Doors]]:
    with serving_doors(tmp_path) as start:
        yield start


def error(response: httpx2.Response) -> str:
    assert response.headers["content-type"] == JSON
    said = response.json()
    assert list(said) == ["error"]
    return str(said["error"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_answered_405_with_the_one_that_works(serve, path, method):
    response = serve().client.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert error(response) == f"{path} takes POST only."


@pytest.mark.parametrize("path", ["/usage/", "/a/usage", "/api/ingest/x", "/USAGE"])
def test_a_door_is_at_its_path_alone(serve, path):
    assert serve().client.post(path, json=EVENT).status_code == 404


def test_without_doors_there_are_none():
    with serving() as start:
        assert start().client.post("/usage", json=EVENT).status_code == 404


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/x-protobuf", ""]
)
def test_other_content_types_are_refused(serve, path, content_type):
    headers = {"content-type": content_type} if content_type else {}
    response = serve().client.post(path, content=b"{}", headers=headers)
    assert response.status_code == 415
    assert error(response).startswith(
        f"The content type {content_type!r} is not taken at {path}: send application/json"
    )


def test_a_file_is_taken_at_one_door_only(serve):
    response = serve().client.post("/usage", files={"file": b"{}"})
    assert response.status_code == 415


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"\x00\x01", b"[1, 2", b'{"a": NaN}', b'"\xff"', b"null x", b"[" * 100_000]
)
def test_a_body_that_is_not_json_is_refused_in_one_sentence(serve, path, body):
    service = serve()
    response = service.client.post(path, content=body, headers={"content-type": JSON})
    assert response.status_code == 400
    assert error(response).startswith("The body is not JSON: ")
    assert error(response).endswith(".")
    assert service.sink.stored == []
    assert service.app.counters.snapshot() == {"refused: Refused": 1}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [None, True, 3, "text", [], {}, [[]], [None], {"events": 1}, {"records": {}}])
def test_json_of_another_shape_is_refused_in_one_sentence(serve, path, body):
    service = serve()
    response = service.client.post(path, content=orjson.dumps(body), headers={"content-type": JSON})
    if (path, body) == ("/usage/batch", []):
        assert (response.status_code, response.json()) == (201, [])
        return
    assert response.status_code == 400
    assert error(response).endswith(".")
    assert service.sink.stored == []


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1:4318"])
def test_a_page_cannot_post_a_form_to_this_machine(serve, origin):
    service = serve()
    response = service.client.post("/api/ingest", files={"file": b"{}"}, headers={"origin": origin})
    assert (response.status_code, error(response)) == (
        403,
        "Web pages may not post to /api/ingest: send from a program.",
    )


# Sizes and compression


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_bodies_come_compressed(serve, encoding, compress):
    service = serve()
    headers = {"content-type": JSON, "content-encoding": encoding}
    response = service.client.post("/usage", content=compress(orjson.dumps(EVENT)), headers=headers)
    assert response.status_code == 201
    assert len(service.sink.stored) == 1
    broken = service.client.post("/usage", content=b"xx", headers=headers)
    assert broken.status_code == 400
    assert error(broken).startswith(f"The {encoding} body is broken before byte 2: ")


def test_an_encoding_that_is_not_read_is_refused(serve):
    headers = {"content-type": JSON, "content-encoding": "br"}
    assert serve().client.post("/usage", content=b"xx", headers=headers).status_code == 415


@pytest.mark.parametrize("path", PATHS)
def test_the_limit_of_all_bodies_is_the_doors_too(serve, path):
    service = serve(limits=Limits(body_bytes_max=1000))
    headers = {"content-type": JSON}
    assert service.client.post(path, content=bytes(1001), headers=headers).status_code == 413
    bomb = service.client.post(path, content=gzip.compress(bytes(1001)), headers=headers | {"content-encoding": "gzip"})
    assert (bomb.status_code, "decompressed body is larger than the limit of 1000" in error(bomb)) == (413, True)


def test_an_ingest_of_more_than_50_mib_is_refused_before_it_is_sent(serve):
    service = serve()
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as client:
        client.sendall(
            b"POST /api/ingest HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n"
            b"content-length: 52428801\r\n\r\n"
        )
        answer = b""
        while not answer.endswith(b"}"):
            answer += client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"The body is larger than the limit of 52428800 bytes" in answer
    assert b"connection: close" in answer


def test_a_large_body_is_several_requests_of_bounded_size(serve):
    service = serve()
    records = [RECORD | {"request_id": f"request-{number}"} for number in range(40_000)]
    response = service.client.post("/api/ingest", json={"client_hostname": "web-1", "records": records})
    assert (response.status_code, response.json()["records_valid"]) == (200, 40_000)
    sizes = [len(request.body) for request in service.sink.stored]
    assert len(sizes) > 1
    assert max(sizes) < 8 << 20


# What is answered when it cannot be stored


OUTCOMES = [
    (Refused("span 3: no trace id"), 400, None),
    (TooLarge("more than 10,000 spans"), 413, None),
    (Busy("the queue is full", 0.2), 429, "1"),
    (Unavailable("the disk is full", 4.2), 503, "5"),
]


@pytest.mark.parametrize("when", ["at once", "later"])
@pytest.mark.parametrize(("outcome", "status", "retry_after"), OUTCOMES, ids=lambda value: type(value).__name__)
def test_every_outcome_has_the_status_that_it_has_with_otlp(serve, outcome, status, retry_after, when):
    def submit(_: Request) -> Future[Answer]:
        future: Future[Answer] = Future()
        if when == "at once":
            raise outcome
        if isinstance(outcome, Refused):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
        return future

    response = serve(submit=submit).client.post("/usage", json=EVENT)
    assert (response.status_code, response.headers.get("retry-after")) == (status, retry_after)
    assert error(response) == str(outcome)


def test_an_answer_comes_after_the_data_is_stored_and_never_before(serve):
    stored: Future[Answer] = Future()
    asked = threading.Event()

    def submit(_: Request) -> Future[Answer]:
        asked.set()
        return stored

    service = serve(submit=submit)
    answers: list[httpx2.Response] = []
    client = threading.Thread(target=lambda: answers.append(service.client.post("/usage", json=EVENT)))
    client.start()
    assert asked.wait(30)
    assert answers == []
    stored.set_result(Stored())
    client.join()
    assert answers[0].status_code == 201


def test_a_large_post_that_waits_to_be_stored_keeps_no_small_one_waiting(serve):
    stored: Future[Answer] = Future()
    asked = threading.Event()

    def submit(request: Request) -> Future[Answer]:
        if len(request.body) > 10_000:
            asked.set()
            return stored
        done: Future[Answer] = Future()
        done.set_result(Stored())
        return done

    service = serve(submit=submit)
    large = {"client_hostname": "web-1", "records": [RECORD | {"request_id": f"{number}"} for number in range(1000)]}
    answers: list[httpx2.Response] = []
    client = threading.Thread(target=lambda: answers.append(service.client.post("/api/ingest", json=large)))
    client.start()
    assert asked.wait(30)
    assert service.client.post("/usage", json=EVENT).status_code == 201
    assert answers == []
    stored.set_result(Stored())
    client.join()
    assert answers[0].status_code == 200


def test_a_flood_is_told_to_come_back_later_and_what_was_taken_is_stored(ledgers):
    served = ledgers(limits=Limits(body_bytes_max=300_000, in_flight_bytes_max=300_000))
    records = [RECORD | {"request_id": f"request-{number}", "input_tokens": number} for number in range(12 * 1500)]
    bodies = [{"client_hostname": "web-1", "records": records[1500 * part :][:1500]} for part in range(12)]
    answers: dict[int, httpx2.Response] = {}

    def send(sender: int) -> None:
        answers[sender] = served.post("/api/ingest", bodies[sender])

    senders = [threading.Thread(target=send, args=(sender,)) for sender in range(len(bodies))]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    busy = [response for response in answers.values() if response.status_code == 429]
    assert {response.status_code for response in answers.values()} <= {200, 429}
    assert all(int(response.headers["retry-after"]) >= 1 for response in busy)
    for sender, response in answers.items():
        if response.status_code == 429:
            until(lambda sender=sender: served.post("/api/ingest", bodies[sender]).status_code == 200)
    assert served.rows("select count(*) as calls from calls") == [{"calls": 12 * 1500}]


def test_the_server_has_the_doors(tmp_path: Path):
    command = [sys.executable, "-m", "spanledger.cli.main", "up", "--json", "--data", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPANLEDGER_")}
    with subprocess.Popen(
        [*command, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"], stdout=subprocess.PIPE, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            url = orjson.loads(server.stdout.readline())["http"]
            for path in PATHS:
                assert httpx2.get(url + path, timeout=30).status_code == 405
            assert httpx2.post(url + "/usage", json=EVENT, timeout=30).status_code == 201
        finally:
            server.terminate()


# Who may post


def test_a_key_is_needed_where_keys_are_and_says_whose_it_is(ledgers):
    served = ledgers(("acme", "ingest"), ("acme", "read"))
    sender, reader = served.keys
    for path in PATHS:
        missing = served.post(path, EVENT)
        assert (missing.status_code, missing.headers["www-authenticate"]) == (401, "Bearer")
        assert error(missing).startswith("An API key is needed: ")
        assert served.post(path, EVENT, x_api_key="wrong").status_code == 401
        refused = served.post(path, EVENT, x_api_key=reader)
        assert (refused.status_code, error(refused)) == (
            403, "This key may not send data: use one with the scope ingest."
        )  # fmt: skip
    record = {"client_hostname": "web-1", "records": [RECORD]}
    assert served.post("/api/ingest", record, authorization=f"Bearer {sender}").status_code == 200
    assert served.post(f"/usage?key={sender}", EVENT).status_code == 201
    assert {row["tenant"] for row in served.rows()} == {"acme"}


def test_nobody_learns_from_a_refusal_what_was_shown(ledgers):
    served = ledgers(("acme", "ingest"))
    shown: Any = served.post("/usage", EVENT, x_api_key="sl_something").text
    assert "sl_something" not in shown
