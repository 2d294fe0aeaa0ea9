"""The real OpenTelemetry Collector in front of a server that is killed and started again, again and again."""

import os
import random
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from benchmarks.collector import free_port
from benchmarks.load import EXPORT
from benchmarks.server import Ports, Server
from benchmarks.workload import Workload
from tests.asking import ask
from tests.crash import CLEAN, found
from tests.e2e.collector_binary import BUILD_TIMEOUT_S, CollectorUnavailableError, collector_binary

CONFIGURATION = Path(__file__).parent / "collector" / "config.yaml"
NOVEMBER_2026_NS = 1_795_000_000 * 10**9

SPANS = 100
KILLS = 6
REQUESTS_BETWEEN_KILLS = 50
REQUESTS = REQUESTS_BETWEEN_KILLS * (KILLS + 1)
SEND_TIMEOUT_S = 30
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def binary() -> Path:
    """The Collector, built on the first run."""
    try:
        return collector_binary()
    except CollectorUnavailableError as error:
        pytest.skip(str(error))


@contextmanager
def running_collector(binary: Path, folder: Path, forward: str) -> Iterator[str]:
    """A Collector that forwards to `forward`; where it listens. The block ends when its queue is empty."""
    receive = f"127.0.0.1:{free_port()}"
    queue = folder / "queue"
    queue.mkdir()
    log = folder / "collector.log"
    environment = os.environ | {"RECEIVE": receive, "FORWARD": forward, "QUEUE": str(queue)}
    with log.open("w") as output:
        process = subprocess.Popen([binary, f"--config={CONFIGURATION}"], stderr=output, stdout=output, env=environment)
    try:
        with grpc.insecure_channel(receive) as channel:
            grpc.channel_ready_future(channel).result(START_TIMEOUT_S)
        yield receive
        # On SIGTERM it sends what its batches and its queue still hold, or keeps it on disk for the next start.
        process.terminate()
        assert process.wait(STOP_TIMEOUT_S) == 0, log.read_text()[-4000:]
    finally:
        process.kill()
        process.wait()


class Sender(threading.Thread):
    """Exports the requests of a workload one after the other, as far as it is let."""

    def __init__(self, target: str, workload: Workload) -> None:
        super().__init__(name="sender", daemon=True)
        self._target, self._workload = target, workload
        self._let = threading.Semaphore(0)
        self._acknowledged = threading.Semaphore(0)

    def run(self) -> None:
        """Send everything; the Collector acknowledges what it has taken over."""
        with grpc.insecure_channel(self._target) as channel:
            export = channel.unary_unary(EXPORT)
            for number in range(REQUESTS):
                self._let.acquire()
                export(self._workload.request(number), timeout=SEND_TIMEOUT_S)
                self._acknowledged.release()

    def let(self, requests: int) -> None:
        """Let it send this many more."""
        self._let.release(requests)

    def wait_for(self, requests: int) -> None:
        """Wait until this many more are acknowledged."""
        for _ in range(requests):
            assert self._acknowledged.acquire(timeout=SEND_TIMEOUT_S), "the Collector takes no more spans"


def wait_until_stored(server: Server, spans: int) -> None:
    """Wait until the ledger holds this many calls; the test's own time limit ends a wait for nothing."""
    while ask(server.data, "SELECT count(*) AS calls FROM calls")[0]["calls"] < spans:
        pass


def test_the_builder_and_the_module_file_pin_the_same_versions():
    # the builder generates from the one, Go compiles from the other
    named = re.findall(r"gomod: (\S+ v\S+)", (CONFIGURATION.parent / "builder.yaml").read_text())
    pinned = (CONFIGURATION.parent / "go.mod").read_text()

    assert len(named) == 7
    assert [module for module in named if f"\t{module}\n" not in pinned] == []


@pytest.mark.e2e
@pytest.mark.timeout(BUILD_TIMEOUT_S + 180)
def test_through_kills_the_collector_delivers_every_span_exactly_once(binary: Path, tmp_path: Path):
    data = tmp_path / "ledger"
    workload = Workload(spans=SPANS, from_ns=NOVEMBER_2026_NS)
    moments = random.Random(20_261_122)
    with Server(data) as server:
        kept = Ports(server.ports.grpc, server.ports.http)
        with running_collector(binary, tmp_path, server.target) as target:
            sender = Sender(target, workload)
            sender.start()
            for _ in range(KILLS):
                before = moments.randrange(REQUESTS_BETWEEN_KILLS)
                sender.let(REQUESTS_BETWEEN_KILLS)
                sender.wait_for(before)
                server.kill()
                server.start()
                assert server.ports == kept
                sender.wait_for(REQUESTS_BETWEEN_KILLS - before)
            sender.let(REQUESTS_BETWEEN_KILLS)
            sender.join()
            wait_until_stored(server, REQUESTS * SPANS)
        # asked again once the Collector has said everything: nothing may have come a second time
        counted = ask(data, "SELECT count(*) AS calls, count(DISTINCT (trace_id, span_id)) AS spans FROM calls")

    assert counted == [{"calls": REQUESTS * SPANS, "spans": REQUESTS * SPANS}]
    every_request = range(REQUESTS)
    assert found(data / "ledger.duckdb", workload, every_request, set(every_request)) == CLEAN
    assert "Will retry the request" in (tmp_path / "collector.log").read_text(), "no kill cut an export off"
