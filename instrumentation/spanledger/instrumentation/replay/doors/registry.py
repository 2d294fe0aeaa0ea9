"""All JSON doors: paths of earlier systems, so that what was made for them can send here."""

from dataclasses import dataclass
from typing import Final

from spanledger.instrumentation.replay.doors.posting import Posting, Refusal, Take, Taken, json_object
from spanledger.instrumentation.replay.doors.token_trackr import take_batch, take_event
from spanledger.instrumentation.replay.doors.tokenfold import take_lines, take_windows
from spanledger.instrumentation.replay.doors.usage_records import take_file, take_records

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
INGEST_BYTES_MAX: Final = 50 << 20
"""What Tokenly takes at once."""


@dataclass(frozen=True, slots=True)
class JsonDoor:
    """A path, what it makes of a body, the content types that it takes, and how large a body may be (None: as OTLP)."""

    path: str
    take: Take
    content_types: tuple[str, ...] = (JSON,)
    body_bytes_max: int | None = None


def take_ingest(posting: Posting) -> Taken:
    """`POST /api/ingest`, which Tokenly and Tokenfold both have: told apart by what the body says. Raises Refusal."""
    if posting.parts:
        return take_file(posting.parts)
    body = json_object(posting.body, "The body")
    if "records" in body or "client_hostname" in body:
        return take_records(body)
    if "events" in body or "machine" in body:
        return take_lines(body)
    raise Refusal("The body must say client_hostname and records (Tokenly), or machine and events (Tokenfold).")


DOORS: Final[tuple[JsonDoor, ...]] = (
    JsonDoor("/usage", take_event),
    JsonDoor("/usage/batch", take_batch),
    JsonDoor("/api/ingest", take_ingest, (JSON, MULTIPART), INGEST_BYTES_MAX),
    JsonDoor("/api/usage", take_windows),
)
