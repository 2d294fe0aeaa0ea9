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
from spanledger.cli.wiring import wire
from spanledger.receiver.contract import Request, Stored, Unavailable
from spanledger.storage import room
from spanledger.storage.errors import LedgerUnavailable
from spanledger.storage.ledger import Ledger
from tests.crash import CLEAN, found
from tests.otlp_client import GrpcClient, HttpClient
from tests.records import batch, free, many, record

DISK_MB = 64
SPANS = 256
REQUESTS_BEFORE = 5
REQUESTS_UNTIL_FULL_MAX = 2_000
HEALED_WITHIN_S = 10
CHUNK_BYTES = 64 << 10
COMMITS_UNTIL_FULL_MAX = 100
DAY_NS = 86_400 * 10**9


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


def until_refused(export):
    """Export one group after the other; returns which was refused, and why."""
    for turn in range(1, COMMITS_UNTIL_FULL_MAX):
        try:
            export(turn)
        except Unavailable as error:
            return turn, str(error)
    raise AssertionError("the disk is full, and still everything is acknowledged")


def until_healed(work):
    """Call until it works; that may take a second, as a failed ledger is not reopened at once."""
    freed = time.monotonic()
    while True:
        try:
            return work()
        except (Unavailable, LedgerUnavailable):
            assert time.monotonic() - freed < HEALED_WITHIN_S, f"not healed {HEALED_WITHIN_S} s after"
            threading.Event().wait(0.05)


@pytest.mark.parametrize("bytes_left", [0, 200_000])
@pytest.mark.parametrize("requests", [1, 33], ids=["through the log", "straight to the file"])
def test_a_commit_that_runs_out_of_space_is_unavailable_and_nothing_is_lost_or_there_twice(
    small_disk, monkeypatch, requests, bytes_left
):
    monkeypatch.setattr(room, "FREE_BYTES_MIN", 0)  # what usually refuses before a commit begins
    data, ballast = small_disk / "data", small_disk / "ballast"
    workload = Workload(SPANS, from_ns=(time.time_ns() // DAY_NS) * DAY_NS - DAY_NS // 2)  # yesterday's noon: one day
    groups = [range(number * requests, (number + 1) * requests) for number in range(COMMITS_UNTIL_FULL_MAX)]
    bodies = [[Request(workload.request(number), "default") for number in group] for group in groups]
    acknowledged: set[int] = set()
    ledger = Ledger.open(data)
    prepare, store = wire(ledger)

    def export(turn):
        assert set(store(prepare(bodies[turn]))) == {Stored()}
        acknowledged.update(groups[turn])

    export(0)
    fill(ballast)
    os.truncate(ballast, ballast.stat().st_size - bytes_left)
    turn, why = until_refused(export)
    assert "could not be written: " in why
    assert "No space left on device" in why
    # While the disk is full the next group fares no better, and the one planned beside it goes down with it.
    fill(ballast)
    beside = [until_healed(lambda: prepare(bodies[turn])), prepare(bodies[turn + 1])]
    for prepared, why in zip(beside, ("could not be written: ", "just failed; try again"), strict=True):
        with pytest.raises(Unavailable, match=why):
            store(prepared)

    ballast.unlink()
    for again in range(turn + 2):
        until_healed(lambda again=again: export(again))
    ledger.close()
    assert found(data / "ledger.duckdb", workload, range((turn + 2) * requests), acknowledged) == CLEAN
    assert len(acknowledged) == (turn + 2) * requests


@pytest.fixture
def unfinished(small_disk, monkeypatch):
    """A ledger of 16,000 calls whose checkpoint ran out of space; now there is space again."""
    monkeypatch.setattr(room, "FREE_BYTES_MIN", 0)
    ledger = Ledger.open(small_disk / "data")
    for turn in range(8):
        ledger.merge(many(2_000, first=2_000 * turn), price=free, ranks={})
    fill(small_disk / "ballast")
    with pytest.raises(LedgerUnavailable, match=r"Checkpoint failed .*No space left on device"):
        ledger.checkpoint()
    (small_disk / "ballast").unlink()
    yield ledger
    ledger.close()


def test_after_a_checkpoint_that_ran_out_of_space_readers_are_served_again_though_nobody_writes(unfinished):
    def calls():
        with unfinished.reader() as reader:
            return reader.query("select count(*) as calls, count(distinct call_id) as ids from calls").to_pylist()

    assert until_healed(calls) == [{"calls": 16_000, "ids": 16_000}]


def test_after_a_checkpoint_that_ran_out_of_space_calls_of_another_day_are_taken(unfinished):
    """Their plan has to ask the ledger first; were it not opened afresh for that, no plan would ever get through."""
    late = batch([record(99_999, after_s=5 * 86_400)])
    assert until_healed(lambda: unfinished.merge(late, price=free, ranks={})).calls == 1
    assert unfinished.merge(many(16_000), price=free, ranks={}).calls == 0
