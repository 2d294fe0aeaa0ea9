"""The binary framing of streamed answers from AWS: prelude, headers, payload, each under a checksum.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html describes the encoding.
"""

import json
import struct
import zlib
from typing import Any

STRING_TYPE = 7
"""The type of a header's value: text, with its length in two bytes."""

FRAME_BYTES = 16
"""Two lengths and the prelude's checksum before the headers, the message's checksum at the end."""


def frame(event_type: str, payload: dict[str, Any]) -> bytes:
    """One event of a stream."""
    body = json.dumps(payload).encode()
    said = {":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(_header(name, value) for name, value in said.items())
    prelude = struct.pack(">II", FRAME_BYTES + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", STRING_TYPE, len(value)) + value.encode()
