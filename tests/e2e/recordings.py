"""The recordings of what emitters sent: one folder an emitter, `requests.tar.gz` and the truth of its vendors.

Each export request is one file of the archive, `NNNN-SIGNAL-TRANSPORT.binpb` (or `.json`), raw, in order of arrival.
"""

import gzip
import io
import socket
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.otlp_sink import Body
from tests.e2e.truth import Truth, read_truth

RECORDINGS = Path(__file__).resolve().parents[1] / "emitter_recordings"
ROOT = Path(__file__).resolve().parents[2]
REQUESTS = "requests.tar.gz"
TRUTH = "truth.jsonl"


@dataclass(frozen=True)
class Recording:
    """What an emitter sent, and what its vendors had served."""

    name: str
    bodies: tuple[Body, ...]
    truth: tuple[Truth, ...]


def recorded() -> tuple[str, ...]:
    """The names of all recordings."""
    return tuple(sorted(path.name for path in RECORDINGS.iterdir() if (path / REQUESTS).exists()))


def read_recording(name: str) -> Recording:
    """Read one recording."""
    bodies = []
    with tarfile.open(RECORDINGS / name / REQUESTS) as archive:
        for member in archive:
            stem, _, kind = member.name.partition(".")
            _, signal, transport = stem.split("-")
            content = archive.extractfile(member)
            assert content is not None, f"{name}: {member.name} is no file"
            bodies.append(Body(signal, transport, kind, content.read()))
    return Recording(name, tuple(bodies), tuple(read_truth(RECORDINGS / name / TRUTH)))


def write_recording(name: str, bodies: Sequence[Body], truth: Path) -> int:
    """Replace one recording; answers with the size of its archive in bytes. The same bodies make the same archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number, body in enumerate(bodies):
            data = without_places(body.data)
            member = tarfile.TarInfo(f"{number:04}-{body.signal}-{body.transport}.{body.kind}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    compressed = gzip.compress(packed.getvalue(), mtime=0)
    folder = RECORDINGS / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REQUESTS).write_bytes(compressed)
    (folder / TRUTH).write_bytes(truth.read_bytes())
    return len(compressed)


def without_places(data: bytes) -> bytes:
    """Overwrite this machine's paths and name, at equal length: a message's own lengths must stay true."""
    places = [str(ROOT), str(ROOT.parent), str(Path.home()), socket.gethostname()]
    for place in places:
        stand_in = ("/" if place.startswith("/") else "") + "x" * 300
        if len(place) > 4:  # shorter ones are words, not places
            data = data.replace(place.encode(), stand_in[: len(place)].encode())
    return data
