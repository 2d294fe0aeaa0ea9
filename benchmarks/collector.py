"""The OpenTelemetry Collector with an OTLP receiver and a file exporter: what others do with the same requests."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks.server import CLOCK_TICKS_PER_S, STOP_TIMEOUT_S

START_TIMEOUT_S: Final = 20.0
POLL_S: Final = 0.02


def binary() -> Path:
    """The Collector that the end-to-end tests build; FileNotFoundError says why there is none."""
    try:
        from tests.e2e.collector_binary import collector_binary
    except ModuleNotFoundError as error:
        raise FileNotFoundError(f"no Collector: {error}") from error
    return Path(collector_binary())


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Collector:
    """A Collector process for a `with` block; its output is deleted at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.binary = binary()
        self.target = f"127.0.0.1:{free_port()}"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": self.target, "max_recv_msg_size_mib": 64}}}},
            "exporters": {"file": {"path": str(self.folder / "spans.json")}},
            "service": {
                "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}},
                "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "error"}},
            },
        }
        path = self.folder / "collector.yaml"
        path.write_text(json.dumps(configuration))  # JSON is YAML
        with (self.folder / "collector.log").open("w") as log:
            self.process = subprocess.Popen([self.binary, f"--config={path}"], stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise RuntimeError(
                    f"the Collector did not start: {(self.folder / 'collector.log').read_text()[-2000:]}"
                )
            time.sleep(POLL_S)
        return self

    def listens(self) -> bool:
        """Whether its port takes connections."""
        host, port = self.target.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return False
        return True

    def cpu_s(self) -> float:
        """Processor time used so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)
