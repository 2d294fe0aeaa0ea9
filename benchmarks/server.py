"""A real `spanledger up` on loopback, as the measurements and the crash tests drive it: start, watch, stop, kill."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 30.0
CLOCK_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
MIB: Final = 1 << 20
SQL_PATH: Final = "/api/v1/sql"
SQL_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True)
class Ports:
    """Where a server listens on 127.0.0.1; 0 lets it choose."""

    grpc: int = 0
    http: int = 0


class Server:
    """One server process; `with` stops it at the end, however the block ends.

    `start_s` is the time from the process's birth to its word that it is ready.
    """

    def __init__(self, data: Path, ports: Ports | None = None, log: Path | None = None) -> None:
        self.data = data
        self.log = log or data.with_name(data.name + ".log")  # what it writes to stderr
        self.process: subprocess.Popen[str] | None = None
        self.ports = ports or Ports()
        self.start_s = 0.0

    def spawn(self) -> "subprocess.Popen[str]":
        """The process, started but perhaps not ready."""
        command = [
            *(sys.executable, "-m", "spanledger.cli.main", "up", "--json", "--data", str(self.data)),
            *("--grpc", f"127.0.0.1:{self.ports.grpc}", "--http", f"127.0.0.1:{self.ports.http}"),
        ]
        self.data.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        return self.process

    def start(self) -> Self:
        """Start, and wait until it says that it is ready."""
        began = time.perf_counter()
        process = self.spawn()
        assert process.stdout is not None
        watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
        watchdog.start()
        line = process.stdout.readline()
        watchdog.cancel()
        if not line:
            code = process.wait()
            self.reaped()
            raise RuntimeError(f"the server did not start (exit code {code}): {self.last_words()}")
        self.start_s = time.perf_counter() - began
        said = json.loads(line)
        self.ports = Ports(port_of(said["grpc"]), port_of(said["http"]))
        return self

    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        return self.log.read_text()[-2000:]

    @property
    def target(self) -> str:
        """HOST:PORT for gRPC."""
        return f"127.0.0.1:{self.ports.grpc}"

    @property
    def url(self) -> str:
        """The HTTP listener."""
        return f"http://127.0.0.1:{self.ports.http}"

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self.process is not None
        return self.process.pid

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """The rows that `POST /api/v1/sql` answers; decimals come as texts."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports.http, timeout=SQL_TIMEOUT_S)
        try:
            connection.request("POST", SQL_PATH, json.dumps({"sql": statement}), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{statement}: {answer.status} {text.decode(errors='replace')[:500]}")
        rows: list[dict[str, Any]] = json.loads(text)["rows"]
        return rows

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.reaped()

    def stop(self) -> float:
        """SIGTERM; returns the seconds until it had gone, and fails if it went with an error."""
        assert self.process is not None
        began = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the server was still there {STOP_TIMEOUT_S:.0f} s after SIGTERM") from None
        self.reaped()
        if code:
            raise RuntimeError(f"the server ended with exit code {code}: {self.last_words()}")
        return time.perf_counter() - began

    def reaped(self) -> None:
        """Collect a process that has ended or is about to."""
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            if kind is None:
                self.stop()
            else:
                self.kill()

    def rss_mb(self) -> float:
        """Resident memory now, in MiB."""
        return status_mb(self.pid, "VmRSS")

    def peak_rss_mb(self) -> float:
        """The most resident memory so far, in MiB."""
        return status_mb(self.pid, "VmHWM")

    def cpu_s(self) -> float:
        """Processor time used so far by all its threads, user and system."""
        return cpu_s(self.pid)


def cpu_s(pid: int) -> float:
    """Processor time that a process used so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S


def port_of(address: str) -> int:
    """The port of HOST:PORT or of a URL."""
    return int(address.rstrip("/").rpartition(":")[2])


def status_mb(pid: int, name: str) -> float:
    """A memory line of /proc/PID/status, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / MIB
    raise RuntimeError(f"/proc/{pid}/status has no {name}; this needs Linux")
