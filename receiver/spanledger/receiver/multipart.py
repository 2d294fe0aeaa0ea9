"""Bodies of multipart/form-data (RFC 7578): named parts, as forms and uploads of files send them."""

from collections.abc import Mapping
from email.message import Message
from typing import Final

from spanledger.receiver.contract import Refused

MULTIPART: Final = "multipart/form-data"

PARTS_MAX: Final = 16
"""No upload that is taken here has more than two."""
PART_HEADER_BYTES_MAX: Final = 8 << 10
BOUNDARY_BYTES_MAX: Final = 70
"""RFC 2046, 5.1.1."""


def parts_of(content_type: str, body: bytes) -> Mapping[str, bytes]:
    """The parts of a body by their names; of a name that comes twice, the first. Raises Refused."""
    boundary = b"--" + _boundary(content_type)
    found: dict[str, bytes] = {}
    # What stands before the first boundary and after the last is no part.
    begin = 0 if body.startswith(boundary) else body.find(b"\r\n" + boundary) + 2
    for number in range(1, PARTS_MAX + 1):
        begin += len(boundary)
        if body.startswith(b"--", begin) and number > 1:
            return found
        end = body.find(b"\r\n" + boundary, begin)
        if end < 0:
            raise Refused("The multipart body has no end, its boundary followed by --: it was cut short.")
        head = body.find(b"\r\n\r\n", begin, min(end, begin + PART_HEADER_BYTES_MAX))
        name = _name(body[begin:head]) if head >= 0 else None
        if name is None:
            raise Refused(f"Part {number} of the multipart body has no Content-Disposition with a name.")
        found.setdefault(name, body[head + 4 : end])
        begin = end + 2
    raise Refused(f"The multipart body has {PARTS_MAX} parts or more: send only those that are needed.")


def _boundary(content_type: str) -> bytes:
    boundary = _parameter("content-type", content_type, "boundary")
    if not boundary or len(boundary) > BOUNDARY_BYTES_MAX or not boundary.isascii():
        raise Refused("The content type multipart/form-data needs a boundary of 1 to 70 characters.")
    return boundary.encode()


def _name(headers: bytes) -> str | None:
    for line in headers.decode("utf-8", "replace").split("\r\n"):
        header, _, value = line.partition(":")
        if header.strip().lower() == "content-disposition":
            return _parameter("content-disposition", value.strip(), "name")
    return None


def _parameter(header: str, value: str, parameter: str) -> str | None:
    message = Message()
    message[header] = value.replace("\r", " ").replace("\n", " ")
    found = message.get_param(parameter, header=header)
    return found if isinstance(found, str) else None
