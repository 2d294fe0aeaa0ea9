"""A full disk: clients are told to come back, nothing acknowledged is lost, and the service heals by itself."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from benchmarks.server import Server
from benchmarks.workload import Workload
from tests.crash import CLEAN, found
from tests.otlp_client import GrpcClient, HttpClient

DISK_MB = 64
SPANS = 256
REQUESTS_BEFORE = 5
REQUESTS_UNTIL_FULL_MAX = 2_000
HEALED_WITHIN_S = 10
CHUNK_BYTES = 64 << 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be made here (mounting a tmpfs needs root): {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(ballast: Path):
    """Take every byte that is left."""
    with ballast.open("ab", buffering=0) as file:
        size = CHUNK_BYTES
        while size:
            try:
                size = 0 if file.write(b"\0" * size) == 0 else size
            except OSError:
                size //= 2
        os.fsync(file.fileno())


@pytest.mark.slow
def test_a_full_disk_is_answered_with_come_back_later_loses_nothing_and_heals_without_a_restart(small_disk, tmp_path):
    data, ballast = small_disk / "data", small_disk / "ballast"
    workload = Workload(SPANS, from_ns=time.time_ns())
    acknowledged: set[int] = set()
    with (
        Server(data, log=tmp_path / "server.log") as server,
        GrpcClient(server.target) as client,
        HttpClient(server) as web,
    ):
        pid = server.pid
        for number in range(REQUESTS_BEFORE):
            assert client.export(workload.request(number)).code is grpc.StatusCode.OK
            acknowledged.add(number)

        # The disk fills up while requests are under way: a commit may be the one that hits the end.
        number = REQUESTS_BEFORE
        with ThreadPoolExecutor(1) as beside:
            filling = beside.submit(fill, ballast)
            while (answer := client.export(workload.request(number))).code is grpc.StatusCode.OK:
                acknowledged.add(number)
                number += 1
                assert number < REQUESTS_UNTIL_FULL_MAX, "the disk is full, and still everything is acknowledged"
                if filling.done():
                    fill(ballast)  # what the ledger gave back meanwhile
            filling.result()
        assert answer.code is grpc.StatusCode.UNAVAILABLE, answer
        assert answer.retry_after_s is not None, answer
        assert answer.retry_after_s > 0, answer
        refused = number

        over_http = web.export(workload.request(refused))
        assert over_http.status == 503, over_http
        assert int(over_http.headers["retry-after"]) >= 1, over_http
        assert web.request("GET", "/healthz").status == 200

        ballast.unlink()
        freed = time.monotonic()
        while (answer := client.export(workload.request(refused))).code is not grpc.StatusCode.OK:
            assert answer.code is grpc.StatusCode.UNAVAILABLE, answer
            assert answer.retry_after_s is not None, answer
            assert time.monotonic() - freed < HEALED_WITHIN_S, f"not healed {HEALED_WITHIN_S} s after: {answer}"
            threading.Event().wait(min(answer.retry_after_s, 0.2))
        acknowledged.add(refused)
        assert client.export(workload.request(refused + 1)).code is grpc.StatusCode.OK
        acknowledged.add(refused + 1)
        assert server.pid == pid

    assert found(data / "ledger.duckdb", workload, range(refused + 2), acknowledged) == CLEAN
