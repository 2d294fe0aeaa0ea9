"""The real OpenTelemetry Collector, built from its Go modules: `collector_binary()` gives its path.

`collector/builder.yaml` says what is in it; the Collector's own builder generates the program; `collector/go.mod` and
`collector/go.sum` pin every module of it with its hash, so that nothing else can be fetched. The binary is kept in
`.cache/collector/<hash of these files>/`: the first build takes some minutes on two cores.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent / "collector"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "collector"
BUILDER = "go.opentelemetry.io/collector/cmd/builder"

BUILD_TIMEOUT_S = 1200
"""A cold build takes 160 s of two cores; a slow line may add to it."""


class CollectorUnavailableError(FileNotFoundError):
    """The Collector cannot be built on this machine; the message says why."""


def collector_binary() -> Path:
    """The Collector's binary, built when it is not in the cache.

    Raises `CollectorUnavailableError` without Go, and `subprocess.CalledProcessError` when the build fails.
    """
    pinned = [SOURCES / name for name in ("builder.yaml", "go.mod", "go.sum")]
    identity = hashlib.sha256(b"".join(path.read_bytes() for path in pinned)).hexdigest()[:16]
    folder = CACHE / identity
    binary = folder / "otelcol"
    if binary.exists():
        return binary
    if shutil.which("go") is None:
        raise CollectorUnavailableError("the OpenTelemetry Collector cannot be built: Go is not on the path")
    build = folder / "build"
    folder.mkdir(parents=True, exist_ok=True)
    _go(folder, "install", f"{BUILDER}@{_version(pinned[0])}", GOBIN=str(folder))
    # Only the sources: fetching would resolve what the modules' own tests need, too, four times as much.
    generate = ["./builder", "--skip-get-modules", "--skip-compilation", "--config", str(pinned[0])]
    subprocess.run(generate, cwd=folder, check=True, capture_output=True, timeout=BUILD_TIMEOUT_S)
    for path in pinned[1:]:
        shutil.copy(path, build)
    made = folder / "otelcol.making"
    _go(build, "build", "-mod=readonly", "-p", "2", "-trimpath", "-ldflags=-s -w", "-o", str(made), ".")
    made.rename(binary)
    return binary


def _version(builder_yaml: Path) -> str:
    """The version of the Collector, which is that of its builder, too."""
    match = re.search(r"^  version: (\S+)$", builder_yaml.read_text(encoding="utf-8"), re.MULTILINE)
    assert match is not None, "builder.yaml names the version of the distribution"
    return f"v{match[1]}"


def _go(folder: Path, *arguments: str, **variables: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GOFLAGS"}
    environment |= {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", **variables}
    subprocess.run(["go", *arguments], cwd=folder, env=environment, check=True, timeout=BUILD_TIMEOUT_S)


if __name__ == "__main__":
    print(collector_binary())
