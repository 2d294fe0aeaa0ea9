"""Decompressing request bodies: what is read, what is refused, and what a refusal may cost."""

import contextlib
import gzip
import os
import random
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from spanledger.receiver import bodies
from spanledger.receiver.bodies import (
    HELD_BYTES_MAX,
    MEMBERS_MAX,
    ZSTD_WINDOW_FILLED_BYTES_MAX,
    UnknownEncoding,
    decompress,
    encoding_name,
)
from spanledger.receiver.contract import Refused, TooLarge

LIMIT = 64 << 20
REFUSAL_S = 0.1
"""Of the processor, the best of five: what else the machine does is no matter."""
REFUSAL_MIB = 32
FUZZED = 3_000
STEPS = [(256 << 10, 16 << 10), (1_000, 100), (5, 3)]
"""Output and input of one step, in bytes: as it is, and so small that every state is met between two steps."""


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


def streamed_zstd(data: bytes) -> bytes:
    """As most senders write it: the frame does not say how large its content is."""
    stream = zstandard.ZstdCompressor().compressobj()
    return stream.compress(data) + stream.flush()


def wide_zstd(data: bytes) -> bytes:
    """A frame that asks for the widest window we take, and does not say how large its content is."""
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=25)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return stream.compress(data) + stream.flush()


COMPRESS = {
    "gzip": ("gzip", gzip.compress),
    "gzip of two members": ("gzip", lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:])),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "zstd": ("zstd", zstandard.compress),
    "zstd of unknown size": ("zstd", streamed_zstd),
    "zstd of two frames": ("zstd", lambda data: zstandard.compress(data[:7]) + streamed_zstd(data[7:])),
    "zstd behind a skippable frame": ("zstd", lambda data: b"\x50\x2a\x4d\x18\x02\0\0\0ab" + zstandard.compress(data)),
}


@pytest.mark.parametrize("way", COMPRESS)
@given(data=st.binary(max_size=300))
def test_a_body_comes_out_as_it_went_in(way, data):
    encoding, compress = COMPRESS[way]
    assert decompress(compress(data), encoding, LIMIT) == data


@pytest.mark.parametrize("way", COMPRESS)
def test_a_body_that_expands_far_is_read_in_full(way):
    encoding, compress = COMPRESS[way]
    data = b"spans and spans and " * (2 * HELD_BYTES_MAX // 20)
    assert decompress(compress(data), encoding, LIMIT) == data


@pytest.mark.parametrize("size", [HELD_BYTES_MAX - 1, HELD_BYTES_MAX, HELD_BYTES_MAX + 1])
@pytest.mark.parametrize("way", COMPRESS)
def test_a_body_is_read_in_full_on_either_side_of_what_is_held(way, size):
    encoding, compress = COMPRESS[way]
    data = (b"spans and " * (size // 10 + 1))[:size]
    assert decompress(compress(data), encoding, LIMIT) == data


@pytest.mark.parametrize("way", COMPRESS)
def test_incompressible_bodies_pass_too(way):
    encoding, compress = COMPRESS[way]
    data = os.urandom(300_000)
    assert decompress(compress(data), encoding, LIMIT) == data


@pytest.mark.parametrize("way", COMPRESS)
def test_the_limit_is_the_last_size_that_passes(way):
    encoding, compress = COMPRESS[way]
    data = bytes(100_000)
    assert decompress(compress(data), encoding, 100_000) == data
    with pytest.raises(TooLarge, match=r"larger than the limit of 99999 bytes: send smaller batches\.$"):
        decompress(compress(data), encoding, 99_999)


def test_a_plain_body_is_measured_too():
    assert decompress(b"12345", "identity", 5) == b"12345"
    assert decompress(b"12345", "", 5) == b"12345"
    with pytest.raises(TooLarge, match=r"^The body has 6 bytes; the limit is 5: send smaller batches\.$"):
        decompress(b"123456", "identity", 5)


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate", "zstd"])
def test_no_bytes_are_an_empty_body_in_every_encoding(encoding):
    assert decompress(b"", encoding, 10) == b""


def test_an_encoding_is_named_in_any_case():
    assert decompress(gzip.compress(b"x"), " GZip ", LIMIT) == b"x"
    assert encoding_name("") == "identity"


@pytest.mark.parametrize("encoding", ["br", "snappy", "gzip, gzip", "deflate,gzip", "identity, gzip", "x" * 5000])
def test_other_and_nested_encodings_are_refused_by_name(encoding):
    with pytest.raises(UnknownEncoding) as refusal:
        decompress(gzip.compress(gzip.compress(b"x")), encoding, 10)
    assert str(refusal.value) == (
        f"The content encoding {encoding[:40]!r} is not one we read: send the body plain, or compressed once with "
        "gzip, deflate or zstd."
    )


@pytest.mark.parametrize("way", COMPRESS)
def test_a_body_cut_short_is_refused_wherever_it_was_cut(way):
    encoding, compress = COMPRESS[way]
    body = compress(bytes(range(200)) * 3)
    whole_streams = {size for size in range(1, len(body)) if decompresses(body[:size], encoding)}
    assert len(whole_streams) == (1 if "two" in way or "behind" in way else 0)
    with pytest.raises(Refused, match=rf"^The {encoding} body ends before its data does: it was cut short\.$"):
        decompress(body[:-1], encoding, LIMIT)


def decompresses(body: bytes, encoding: str) -> bool:
    try:
        decompress(body, encoding, LIMIT)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", b"not gzip at all", "The gzip body is broken before byte 15: Error -3"),
        ("gzip", gzip.compress(b"x") + b"more", "The gzip body is broken before byte 25: Error -3"),
        ("gzip", gzip.compress(b"x" * 99)[:-8] + b"wrong   ", "The gzip body is broken before byte 24: Error -3"),
        ("deflate", b"\xff\xff", "The deflate body is broken before byte 2: Error -3"),
        ("deflate", zlib.compress(b"x") + b"more", "The deflate body goes on after its end: send one stream."),
        ("zstd", b"not zstd at all", "The zstd body is broken before byte 15: zstd"),
        ("zstd", zstandard.compress(b"x") + b"more and more", "The zstd body is broken before byte 23: zstd"),
    ],
    ids=["no gzip", "after gzip", "checksum", "no deflate", "after deflate", "no zstd", "after zstd"],
)
def test_broken_data_is_refused_with_its_place(encoding, body, message):
    with pytest.raises(Refused) as refusal:
        decompress(body, encoding, LIMIT)
    assert type(refusal.value) is Refused
    assert str(refusal.value).startswith(message)


@given(body=st.binary(max_size=200), encoding=st.sampled_from(["gzip", "deflate", "zstd"]))
def test_no_input_raises_anything_but_refused(body, encoding):
    heads = {"gzip": gzip.compress(b"")[:10], "deflate": b"\x78\x9c", "zstd": b"\x28\xb5\x2f\xfd"}
    for data in (body, heads[encoding] + body):
        with contextlib.suppress(Refused):
            assert len(decompress(data, encoding, 1000)) <= 1000


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_thousands_of_empty_streams_are_refused(encoding, compress):
    empty = compress(b"")
    assert decompress(empty * MEMBERS_MAX, encoding, LIMIT) == b""
    with pytest.raises(Refused, match=rf"^The {encoding} body is made of more than {MEMBERS_MAX} streams: send one\.$"):
        decompress(empty * (MEMBERS_MAX + 1), encoding, LIMIT)


def test_a_zstd_window_beyond_what_encoders_use_is_refused():
    stream = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(3, window_log=26)
    ).compressobj()
    with pytest.raises(Refused, match="requires too much memory"):
        decompress(stream.compress(b"x" * 1000) + stream.flush(), "zstd", LIMIT)


def test_a_wide_zstd_window_passes_as_long_as_little_of_it_is_filled():
    for size in (1_000, ZSTD_WINDOW_FILLED_BYTES_MAX):
        assert decompress(wide_zstd(bytes(size)), "zstd", LIMIT) == bytes(size)
    each = ZSTD_WINDOW_FILLED_BYTES_MAX * 3 // 4
    assert decompress(wide_zstd(bytes(each)) * 2, "zstd", LIMIT) == bytes(each * 2)  # every stream has its own
    with pytest.raises(TooLarge) as refusal:
        decompress(zstandard.compress(b"first") + wide_zstd(bytes(ZSTD_WINDOW_FILLED_BYTES_MAX + 1)), "zstd", LIMIT)
    assert str(refusal.value) == (
        "The zstd body has a window of 33554432 bytes, and more than the 16777216 bytes of data for which that is "
        "allowed: send smaller batches, or compress them at a lower level."
    )


def test_a_broken_gzip_trailer_does_not_make_a_body_too_large():
    """The size in the trailer is believed only where the data itself has expanded beyond what was held."""
    with pytest.raises(Refused, match="is broken before byte") as refusal:
        decompress(gzip.compress(bytes(1 << 20))[:-4] + b"\xff\xff\xff\x07", "gzip", LIMIT)
    assert type(refusal.value) is Refused


def inflated_by_python(body: bytes, window_bits: int) -> bytes | None:
    """What Python's zlib makes of all the streams in a body, or None where it finds something wrong."""
    found = b""
    while body:
        stream = zlib.decompressobj(window_bits)
        try:
            found += stream.decompress(body)
        except zlib.error:
            return None
        if not stream.eof or (stream.unused_data and window_bits < 16):
            return None
        body = stream.unused_data
    return found


def ungzipped_by_python(body: bytes) -> bytes | None:
    try:
        return gzip.decompress(body)
    except (EOFError, OSError, zlib.error):
        return None


def inflated_by_us(body: bytes, encoding: str) -> bytes | None:
    try:
        return decompress(body, encoding, LIMIT)
    except Refused:
        return None


def text(chance: random.Random, size: int) -> bytes:
    """Noise, repeats near and far, and one byte over and over: all that deflate has symbols for."""
    parts = [chance.randbytes(chance.randrange(1, 40)) for _ in range(8)]
    made = b""
    while len(made) < size:
        back = chance.randrange(1, 40_000)
        made += chance.choice(
            [chance.choice(parts), made[-back:][: chance.randrange(300)], b"s" * chance.randrange(600)]
        )
    return made[:size]


def deflated(chance: random.Random, data: bytes, window_bits: int) -> bytes:
    strategy = chance.choice([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED])
    stream = zlib.compressobj(chance.choice([0, 1, 6, 9]), zlib.DEFLATED, window_bits, chance.choice([1, 8]), strategy)
    half = chance.randrange(len(data) + 1)
    made = stream.compress(data[:half]) + stream.flush(chance.choice([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))
    return made + stream.compress(data[half:]) + stream.flush()


def damaged(chance: random.Random, body: bytes, intact: int) -> bytes:
    """The body with a bit, a byte or a part of it changed, lost or doubled behind the first `intact` bytes."""
    at = chance.randrange(intact, len(body))
    to = min(len(body), at + chance.randrange(1, 30))
    put = [
        bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 : to],
        chance.randbytes(to - at),
        b"",
        body[at:to] * 2,
    ]
    return body[:at] + chance.choice(put) + body[to:]


@pytest.mark.parametrize("window_bits", [31, 15, -15], ids=["gzip", "zlib", "raw deflate"])
def test_whole_cut_and_damaged_bodies_are_read_as_python_reads_them(window_bits, monkeypatch):
    encoding = "gzip" if window_bits > 16 else "deflate"
    read = refused = 0
    for seed in range(FUZZED):
        chance = random.Random(seed)
        size = chance.choice([0, 1, 100, 1_000, 3_000, 60_000 if seed % 20 == 0 else 10])
        parts = [text(chance, size) for _ in range(chance.randrange(1, 5) if encoding == "gzip" else 1)]
        body = b"".join(deflated(chance, part, window_bits) for part in parts)
        piece_bytes, slice_bytes = STEPS[seed % 2 if size > 3_000 else seed % 3]
        monkeypatch.setattr(bodies, "PIECE_BYTES", piece_bytes)
        monkeypatch.setattr(bodies, "SLICE_BYTES", slice_bytes)

        assert inflated_by_us(body, encoding) == b"".join(parts), f"seed {seed}"
        for other in (body[: chance.randrange(2, len(body))], damaged(chance, body, 2), damaged(chance, body, 2)):
            ours = inflated_by_us(other, encoding)
            assert ours == inflated_by_python(other, window_bits), f"seed {seed}"
            if encoding == "gzip" and ours is not None:  # the gzip module takes more: it checks less of the header
                assert ours == ungzipped_by_python(other), f"seed {seed}"
            read, refused = read + (ours is not None), refused + (ours is None)
    assert read > 20
    assert refused > FUZZED


REFUSE = """
import re, sys, time
from pathlib import Path
from spanledger.receiver.bodies import decompress
from spanledger.receiver.contract import Refused, TooLarge

def peak_mib():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

body, encoding = Path(sys.argv[1]).read_bytes(), sys.argv[2]
before_mib, taken_s = peak_mib(), []
for _ in range(5):
    started_s = time.process_time()
    try:
        decompress(body, encoding, 64 << 20)
    except TooLarge:
        taken_s.append(time.process_time() - started_s)
if len(taken_s) == 5:
    print(min(taken_s), peak_mib() - before_mib)
"""


@pytest.fixture(scope="module")
def zeros() -> bytes:
    """1 GiB of zeros as gzip: 1 MB. One block, flushed so that it stands for itself, 1,024 times."""
    mebibyte = bytes(1 << 20)
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = stream.compress(mebibyte) + stream.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(1024):
        checksum = zlib.crc32(mebibyte, checksum)
    trailer = checksum.to_bytes(4, "little") + (1 << 30).to_bytes(4, "little")
    return gzip.compress(b"")[:10] + block * 1024 + stream.flush() + trailer


BOMBS = {
    "gzip": ("gzip", lambda zeros: zeros),
    "gzip with a lying trailer": ("gzip", lambda zeros: zeros[:-4] + bytes(4)),
    "gzip of many members": ("gzip", lambda _: gzip.compress(bytes(1 << 20)) * 1024),
    "gzip of as many members as are read": ("gzip", lambda _: gzip.compress(bytes(1 << 18)) * MEMBERS_MAX),
    "gzip behind empty members": ("gzip", lambda zeros: gzip.compress(b"") * (MEMBERS_MAX - 1) + zeros[:-4] + bytes(4)),
    "zlib": ("deflate", lambda zeros: b"\x78\x9c" + zeros[10:-8] + bytes(4)),
    "raw deflate": ("deflate", lambda zeros: zeros[10:-8]),
    "zstd": ("zstd", lambda _: zstandard.compress(bytes(1 << 30))),
    "zstd of unknown size": ("zstd", lambda _: streamed_zstd(bytes(1 << 27)) * 8),
    "zstd of a wide window": ("zstd", lambda _: wide_zstd(bytes(1 << 27)) * 8),
    "zstd of wide windows, each filled as far as allowed": (
        "zstd",
        lambda _: wide_zstd(bytes(ZSTD_WINDOW_FILLED_BYTES_MAX)) * 64,
    ),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of its memory from Linux's /proc")
@pytest.mark.parametrize("kind", BOMBS)
def test_a_gibibyte_of_zeros_is_refused_quickly_and_in_little_memory(kind, zeros, tmp_path):
    encoding, make = BOMBS[kind]
    body = tmp_path / "body"
    body.write_bytes(make(zeros))
    command = [sys.executable, "-c", REFUSE, str(body), encoding]
    seconds, grown_mib = map(float, subprocess.check_output(command, text=True, timeout=60).split())
    size_kb = body.stat().st_size // 1000
    print(f"{kind}: {size_kb:,} kB refused in {seconds * 1000:.0f} ms, RSS +{grown_mib:.0f} MiB")
    assert seconds <= REFUSAL_S
    assert grown_mib <= REFUSAL_MIB
