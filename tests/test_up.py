"""`spanledger up` as its operator meets it: a real process that starts, takes spans, stops, or says why it cannot."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger.cli.main import main
from spanledger.storage.ledger import Ledger

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
COMMAND = [sys.executable, "-m", "spanledger.cli.main"]
TIMEOUT_S = 30
STOP_MAX_S = 10.0
HOUR_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00Z


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def here(monkeypatch, capsys, tmp_path) -> Iterator[Callable[..., Ended]]:
    """Runs a command that ends by itself, in this process: all of it, from the words of the shell to the exit code."""
    for name in os.environ:
        if name.startswith("SPANLEDGER_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    interval_s = sys.getswitchinterval()

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["spanledger", *arguments])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return Ended(code, *capsys.readouterr())

    yield run
    sys.setswitchinterval(interval_s)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def clean(environment: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPANLEDGER_")}
    return kept | {"NO_COLOR": "1"} | environment


class Server:
    """A running `spanledger up --json` on free ports of the loopback."""

    def __init__(self, data: Path, *arguments: str) -> None:
        command = [*COMMAND, "up", "--json", "--data", str(data), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean({})
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.said: dict[str, Any] = json.loads(line)

    def export(self, body: bytes, **metadata: str) -> bytes:
        with grpc.insecure_channel(self.said["grpc"], [("grpc.use_local_subchannel_pool", 1)]) as channel:
            pairs = [(name.replace("_", "-"), value) for name, value in metadata.items()]
            return channel.unary_unary(EXPORT)(body, metadata=pairs, timeout=TIMEOUT_S)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.said["http"] + path, timeout=TIMEOUT_S) as answer:
            return answer.read()

    def post(self, body: bytes) -> tuple[int, bytes]:
        headers = {"content-type": "application/x-protobuf"}
        request = urllib.request.Request(self.said["http"] + "/v1/traces", body, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status, answer.read()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=STOP_MAX_S)
        return self.process.returncode, err


@contextmanager
def up(data: Path, *arguments: str) -> Iterator[Server]:
    server = Server(data, *arguments)
    try:
        yield server
        if server.process.poll() is None:
            assert server.stop() == (0, "")
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


def a_request(first: int, spans: int = 1) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for n in range(first, first + spans):
        span = scope.spans.add(name="chat gpt-4o", trace_id=(n + 1).to_bytes(16, "big"), kind=3)
        span.span_id = (n + 1).to_bytes(8, "big")
        span.start_time_unix_nano, span.end_time_unix_nano = HOUR_NS + n, HOUR_NS + n + 1000
        texts = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
        for key, text in texts.items():
            span.attributes.add(key=key).value.string_value = text
        for key in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"):
            span.attributes.add(key=key).value.int_value = 10
    return request.SerializeToString()


def stored_spans(data: Path) -> set[int]:
    """The numbers of the spans in a ledger that nobody has open."""
    with duckdb.connect(str(data / "ledger.duckdb"), read_only=True) as ledger:
        ids = [span_id for (span_id,) in ledger.execute("select span_id from calls").fetchall()]
    assert len(ids) == len(set(ids)), "a span is there twice"
    return {int(span_id, 16) - 1 for span_id in ids}


def test_it_says_where_it_listens_takes_spans_and_leaves_them_in_the_ledger(tmp_path):
    data = tmp_path / "deep" / "data"
    with up(data) as server:
        pid = server.process.pid
        assert server.said["version"] == version("spanledger")
        assert server.said["data"] == str(data)
        assert server.said["grpc"].startswith("127.0.0.1:")
        assert server.said["http"].startswith("http://127.0.0.1:")
        found = json.loads((data / "server.json").read_text())
        assert found == {name: server.said[name] for name in ("pid", "version", "grpc", "http")}
        assert found["pid"] == pid
        assert json.loads(server.get("/healthz")) == {"status": "ok"}
        assert json.loads(server.get("/readyz")) == {"status": "ok"}
        assert server.export(a_request(0, 3)) == b""
        assert server.post(a_request(3, 2)) == (200, b"")
    assert not (data / "server.json").exists()
    assert not (data / "ledger.duckdb.wal").exists(), "it was checkpointed"
    assert stored_spans(data) == {0, 1, 2, 3, 4}


def test_without_json_it_tells_a_person(tmp_path):
    command = [*COMMAND, "up", "--data", str(tmp_path), "--grpc", "127.0.0.1:0", "--http", "[::1]:0"]
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean({}))
    try:
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_MAX_S) == 0, process.stderr.read()
    finally:
        process.kill()
        process.communicate()
    assert lines[0] == f"Spanledger {version('spanledger')} is ready.\n"
    assert lines[1].startswith("  OTLP/gRPC  127.0.0.1:")
    assert lines[2].startswith("  OTLP/HTTP  http://[::1]:")
    assert lines[3] == f"  ledger     {tmp_path}\n"


def test_a_stop_under_load_loses_nothing_that_was_acknowledged(tmp_path):
    acknowledged: set[int] = set()
    refused: list[grpc.StatusCode] = []
    lock = threading.Lock()
    many = threading.Event()
    with up(tmp_path) as server:

        def send(worker: int) -> None:
            with grpc.insecure_channel(server.said["grpc"], [("grpc.use_local_subchannel_pool", 1)]) as channel:
                call = channel.unary_unary(EXPORT)
                for turn in range(100_000):
                    first = (worker * 100_000 + turn) * 8
                    try:
                        call(a_request(first, 8), timeout=TIMEOUT_S)
                    except grpc.RpcError as error:
                        with lock:
                            refused.append(error.code())
                        return
                    with lock:
                        acknowledged.update(range(first, first + 8))
                        if len(acknowledged) > 400:
                            many.set()

        senders = [threading.Thread(target=send, args=(worker,)) for worker in range(8)]
        for sender in senders:
            sender.start()
        assert many.wait(TIMEOUT_S)
        assert server.stop() == (0, "")
        for sender in senders:
            sender.join(TIMEOUT_S)
    retried = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert set(refused) <= retried, "which every exporter sends again"
    assert len(refused) == 8
    assert acknowledged <= stored_spans(tmp_path)


def test_a_second_start_on_the_same_folder_is_refused_and_harms_nothing(tmp_path):
    with up(tmp_path) as server:
        second = subprocess.run(
            [*COMMAND, "up", "--data", str(tmp_path), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env=clean({}),
            check=False,
        )
        assert (second.returncode, second.stdout) == (1, "")
        assert one_sentence(second.stderr)
        assert "another process" in second.stderr
        assert (tmp_path / "server.json").exists()
        assert server.export(a_request(0)) == b""
    assert stored_spans(tmp_path) == {0}


def test_a_taken_port_is_one_sentence_and_nothing_stays_behind(tmp_path, here):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        for taken, free in (("grpc", "http"), ("http", "grpc")):
            failed = here(
                *("up", "--data", str(tmp_path), f"--{taken}", f"127.0.0.1:{port}", f"--{free}", "127.0.0.1:0")
            )
            assert (failed.code, failed.out) == (1, "")
            assert one_sentence(failed.err)
            assert failed.err.startswith(f"Cannot listen on 127.0.0.1:{port} for ")
            assert "ddress already in use" in failed.err
            left = [
                thread.name for thread in threading.enumerate() if thread.name.startswith(("grpc", "intake", "http"))
            ]
            assert left == []
    assert not (tmp_path / "server.json").exists()
    assert stored_spans(tmp_path) == set(), "the ledger is closed"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, here):
    (tmp_path / "file").write_text("")
    failed = here("up", "--data", str(tmp_path / "file" / "data"))
    assert failed.code == 1
    assert one_sentence(failed.err)
    assert str(tmp_path / "file" / "data") in failed.err


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path, here):
    Ledger.open(tmp_path).close()
    with duckdb.connect(str(tmp_path / "ledger.duckdb")) as ledger:
        ledger.execute("insert into migrations values ('9999_from_the_future', now())")
    failed = here("up", "--data", str(tmp_path), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
    assert failed.code == 1
    assert one_sentence(failed.err)
    assert "9999_from_the_future" in failed.err


def test_beyond_loopback_it_wants_keys_and_tls(tmp_path, here):
    arguments = ("up", "--data", str(tmp_path), "--grpc", "127.0.0.1:0", "--http", "0.0.0.0:0")
    assert here(*arguments, "--insecure") == Ended(
        2, "", "--http 0.0.0.0:0 is open to the network, which needs API keys: `spanledger key create` makes one.\n"
    )
    assert here("key", "create", "--data", str(tmp_path)).code == 0
    assert here(*arguments) == Ended(
        2,
        "",
        "--http 0.0.0.0:0 is open to the network, which needs --tls-certificate and --tls-key, or --insecure if "
        "something in front does TLS.\n",
    )
    assert not (tmp_path / "ledger.duckdb").exists()


def test_a_broken_keys_file_is_one_sentence(tmp_path, here):
    (tmp_path / "keys.toml").write_text("[[key]]\n")
    failed = here("up", "--data", str(tmp_path))
    assert failed.code == 1
    assert one_sentence(failed.err)
    assert "keys.toml, entry 1: needs exactly id, sha256, tenant and scopes" in failed.err


def test_keys_are_made_listed_used_and_revoked(tmp_path, here):
    made = here("key", "create", "--tenant", "acme", "--data", str(tmp_path))
    key = made.out.strip()
    key_id = key.split("_")[1]
    assert made.code == 0
    assert key.startswith("sl_")
    assert "only time it is shown" in made.err
    listed = here("key", "list", "--json", "--data", str(tmp_path))
    assert json.loads(listed.out) == [{"id": key_id, "tenant": "acme", "scopes": ["ingest", "read"]}]
    assert here("key", "list", "--data", str(tmp_path)).out == f"{key_id}  acme  ingest, read\n"
    with up(tmp_path) as server:
        with pytest.raises(grpc.RpcError) as refused:
            server.export(a_request(0))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert server.export(a_request(0), x_api_key=key) == b""
        assert server.export(a_request(1), authorization=f"Bearer {key}") == b""
        with pytest.raises(urllib.error.HTTPError) as no_key:
            server.post(a_request(2))
        assert no_key.value.code == 401
        no_key.value.close()
    assert stored_spans(tmp_path) == {0, 1}
    assert here("key", "revoke", key_id, "--data", str(tmp_path)).out == f"Revoked {key_id}.\n"
    again = here("key", "revoke", key_id, "--data", str(tmp_path))
    assert again.code == 1
    assert f"holds no key '{key_id}'" in again.err
    assert "holds no keys" in here("key", "list", "--data", str(tmp_path)).err


def test_a_second_signal_ends_it_at_once():
    program = (
        "import sys, threading\n"
        "from spanledger.cli.serve import StopSignal\n"
        "stopping = StopSignal()\n"
        "print('waiting', flush=True)\n"
        "stopping.wait()\n"
        "print('stopping', flush=True)\n"
        "while True: threading.Event().wait(0.1)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 128 + signal.SIGINT
    finally:
        process.kill()
        process.communicate()


def test_a_wrong_setting_is_one_sentence_and_exit_code_2(tmp_path, here, monkeypatch):
    assert here("up", "--grpc", "4317") == Ended(
        2, "", "--grpc: '4317' is not HOST:PORT, like 127.0.0.1:4317 or [::1]:4317.\n"
    )
    (tmp_path / "ours.toml").write_text("port = 1\n")
    monkeypatch.setenv("SPANLEDGER_CONFIG", str(tmp_path / "ours.toml"))
    failed = here("up")
    assert failed.code == 2
    assert failed.err.startswith(f"{tmp_path / 'ours.toml'}: there is no setting 'port'; there are data, grpc,")
    assert here("up", "--no-such-option").code == 2


def test_version_and_help(here):
    assert here("--version") == Ended(0, f"spanledger {version('spanledger')}\n", "")
    shown = here("--help")
    assert shown.code == 0
    for command in ("up", "sql", "report", "replay", "prices", "demo", "key"):
        assert f" {command} " in shown.out


HEAVY = ("duckdb", "pyarrow", "numpy", "grpc", "fastapi", "starlette", "uvicorn", "ptars", "genai_prices", "pydantic")


def test_the_command_line_starts_without_what_is_heavy():
    program = f"import sys, spanledger.cli.main; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("arguments", [("--help",), ("up", "--help"), ("up",)])
def test_the_base_install_gives_help_and_says_what_up_needs(arguments, tmp_path):
    missing = [name for name in HEAVY if name != "pydantic"]
    program = (
        f"import sys\nfor name in {missing}: sys.modules[name] = None\n"
        f"sys.argv = ['spanledger', *{arguments}]\nfrom spanledger.cli.main import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        env=clean({"SPANLEDGER_DATA": str(tmp_path)}),
    )  # fmt: skip
    if arguments == ("up",):
        assert done.returncode == 1
        assert done.stderr == "`spanledger up` needs the server extra: pip install 'spanledger[server]'.\n"
    else:
        assert (done.returncode, done.stderr) == (0, "")


def one_sentence(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n") and "Traceback" not in text
