"""Decompress the body of a request without ever holding more than the limit allows.

What a body may grow to is the sender's choice: 1 MB of gzip can hold 1 GiB, 32 kB of zstd as well. So output comes in
small pieces; the first few are kept, and when there turn out to be many, they are let go, the rest is only counted, and
the body is decompressed a second time once it is known to fit.

So a body that lies about its size is decompressed up to the limit before it is refused, and how fast that goes is what
a refusal costs: zlib-ng, which has zlib's interface, takes 5 ms for 64 MiB of zeros where zlib takes 150.
"""

import io
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import zstandard
from zlib_ng import zlib_ng

from spanledger.receiver.contract import Refused, TooLarge

PIECE_BYTES: Final = 256 * 1024
"""Output of one step of zlib-ng."""
SLICE_BYTES: Final = 16 * 1024
"""Input of one step of zlib-ng, which copies what it did not get to."""
ZSTD_SLICE_BYTES: Final = 128
"""Input of one step of zstd, which cannot be told to stop: a block of 4 bytes makes 128 KiB, so these make 4 MiB."""
ZSTD_WINDOW_BYTES_MAX: Final = 32 << 20
"""The window a sender may ask us to keep. RFC 9659 allows 8 MiB over HTTP, but the Collector's encoder (in Go) asks for
up to 32 MiB at its best level."""
ZSTD_WINDOW_FILLED_BYTES_MAX: Final = 16 << 20
"""How much of a window may be filled: a stream that asks for more must be shorter. Filling 32 MiB costs 40 of memory
before the limit is reached."""
ZSTD_HEADER_BYTES_MAX: Final = 18
"""The longest frame header (RFC 8878, 3.1.1.1, with its magic number)."""
MEMBERS_MAX: Final = 4096
"""Streams concatenated in one body. Each costs its set-up, and an empty one has only 20 bytes."""

HELD_BYTES_MAX: Final = 6 << 20
"""Output up to here is kept at the first pass; a larger body is decompressed twice. The 8,192 spans that a Collector
sends at once make 5.8 MB. What is let go stays with the process for a while, beside zstd's window: hence no more."""

DEFLATE_RATIO_MAX: Final = 1032
"""No deflate stream expands more (zlib's technical notes): a trailer that says so is broken."""
INFLATE_ERROR: Final[type[Exception]] = zlib_ng.error  # type: ignore[assignment]
"""What zlib-ng raises for broken data; its stub says that this is an exception, not a class of them."""


class UnknownEncoding(Refused):
    """Compressed in a way that we do not read: UNIMPLEMENTED / 415."""


class Encoding(NamedTuple):
    """How one content encoding is read."""

    pieces: Callable[[bytes], Iterator[bytes]]
    """The decompressed data, piece by piece. Raises Refused where the data is broken or ends too early."""
    declared_bytes: Callable[[bytes], int]
    """The size the data says it has, 0 where it does not say. May be a lie: good for refusing early only."""


def encoding_name(encoding: str) -> str:
    """What the content encoding of a request is called in `ENCODINGS`, or "identity". Raises UnknownEncoding."""
    name = encoding.strip().lower() or "identity"
    if name != "identity" and name not in ENCODINGS:
        raise UnknownEncoding(
            f"The content encoding {name[:40]!r} is not one we read: send the body plain, or compressed once with "
            "gzip, deflate or zstd."
        )
    return name


def decompress(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """The body without its content encoding (identity, gzip, deflate or zstd), at most `limit_bytes` long.

    Raises TooLarge beyond the limit, UnknownEncoding for anything else and for encodings on top of each other, and
    Refused for broken data. A body of no bytes is empty in every encoding.
    """
    name = encoding_name(encoding)
    if len(body) > limit_bytes:
        raise TooLarge(f"The body has {len(body)} bytes; the limit is {limit_bytes}: send smaller batches.")
    if name == "identity":
        return body
    reader = ENCODINGS[name]
    if not body:
        return body

    held = io.BytesIO()  # grows in place and hands its buffer over without a copy, unlike bytearray and join
    total_bytes = 0
    for piece in reader.pieces(body):
        if total_bytes <= HELD_BYTES_MAX < total_bytes + len(piece):
            held = io.BytesIO()
            _check_size(max(total_bytes, reader.declared_bytes(body)), limit_bytes)
        total_bytes += len(piece)
        _check_size(total_bytes, limit_bytes)
        if total_bytes <= HELD_BYTES_MAX:
            held.write(piece)
        del piece  # else it lives until the next one is made; zstd's can have 4 MiB each
    if total_bytes > HELD_BYTES_MAX:
        for piece in reader.pieces(body):
            held.write(piece)
    return held.getvalue()


def _check_size(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise TooLarge(f"The decompressed body is larger than the limit of {limit_bytes} bytes: send smaller batches.")


def _gzip(body: bytes) -> Iterator[bytes]:
    return _inflate(body, "gzip", 16 + zlib_ng.MAX_WBITS)


def _deflate(body: bytes) -> Iterator[bytes]:
    """Deflate as HTTP names it (a zlib stream), or without the two header bytes, as many have sent it."""
    is_zlib = body[0] & 0x0F == zlib_ng.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    return _inflate(body, "deflate", zlib_ng.MAX_WBITS if is_zlib else -zlib_ng.MAX_WBITS)


def _inflate(body: bytes, name: str, window_bits: int) -> Iterator[bytes]:
    stream = zlib_ng.decompressobj(window_bits)
    position = 0
    rest = b""
    members = 1
    while rest or position < len(body):
        if not rest:
            rest = body[position : position + SLICE_BYTES]
            position += len(rest)
        if stream.eof:
            if name != "gzip":
                raise Refused("The deflate body goes on after its end: send one stream.")
            members += 1
            _check_members(members, name)
            stream = zlib_ng.decompressobj(window_bits)
        piece = _inflate_step(stream, rest, name, position)
        rest = stream.unused_data if stream.eof else stream.unconsumed_tail
        if piece:
            yield piece
    while not stream.eof:  # all input is in; zlib-ng may still hold output
        piece = _inflate_step(stream, b"", name, position)
        if not piece:
            raise _cut_short(name)
        yield piece


def _inflate_step(stream: "zlib_ng._Decompress", data: bytes, name: str, position: int) -> bytes:
    try:
        return stream.decompress(data, PIECE_BYTES)
    except INFLATE_ERROR as error:
        raise _broken(name, position, error) from error


def _zstd(body: bytes) -> Iterator[bytes]:
    reader = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
    stream = reader.decompressobj()
    position = 0
    rest = b""
    members = 1
    frame_position = frame_bytes = 0
    while rest or position < len(body):
        if not rest:
            rest = body[position : position + ZSTD_SLICE_BYTES]
            position += len(rest)
        if stream.eof:
            members += 1
            _check_members(members, "zstd")
            stream = reader.decompressobj()
            frame_position, frame_bytes = position - len(rest), 0
        try:
            piece = stream.decompress(rest)
        except zstandard.ZstdError as error:
            raise _broken("zstd", position, error) from error
        rest = stream.unused_data if stream.eof else b""
        if piece:
            frame_bytes += len(piece)
            if frame_bytes > ZSTD_WINDOW_FILLED_BYTES_MAX:
                _check_window(body[frame_position : frame_position + ZSTD_HEADER_BYTES_MAX])
            yield piece
        del piece
    if not stream.eof:
        raise _cut_short("zstd")


def _check_window(frame_header: bytes) -> None:
    window_bytes = zstandard.get_frame_parameters(frame_header).window_size
    if window_bytes > ZSTD_WINDOW_FILLED_BYTES_MAX:
        raise TooLarge(
            f"The zstd body has a window of {window_bytes} bytes, and more than the {ZSTD_WINDOW_FILLED_BYTES_MAX} "
            "bytes of data for which that is allowed: send smaller batches, or compress them at a lower level."
        )


def _check_members(members: int, name: str) -> None:
    if members > MEMBERS_MAX:
        raise Refused(f"The {name} body is made of more than {MEMBERS_MAX} streams: send one.")


def _broken(name: str, position: int, error: Exception) -> Refused:
    return Refused(f"The {name} body is broken before byte {position}: {error}.")


def _cut_short(name: str) -> Refused:
    return Refused(f"The {name} body ends before its data does: it was cut short.")


def _gzip_declared_bytes(body: bytes) -> int:
    """What the trailer of the last member says (RFC 1952, ISIZE), unless that cannot be."""
    declared_bytes = int.from_bytes(body[-4:], "little")
    return declared_bytes if declared_bytes <= DEFLATE_RATIO_MAX * len(body) else 0


def _zstd_declared_bytes(body: bytes) -> int:
    """What the header of the first frame says (RFC 8878, Frame_Content_Size); -1 there is "unknown"."""
    return max(0, zstandard.frame_content_size(body))


ENCODINGS: Final = {
    "gzip": Encoding(_gzip, _gzip_declared_bytes),
    "deflate": Encoding(_deflate, lambda _: 0),
    "zstd": Encoding(_zstd, _zstd_declared_bytes),
}
"""The content encodings we read, by their name in Content-Encoding and grpc-encoding."""
