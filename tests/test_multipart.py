"""multipart/form-data: parts by their names, and what is said of a body that is none."""

import pytest

from spanledger.receiver.contract import Refused
from spanledger.receiver.multipart import PARTS_MAX, parts_of

KIND = "multipart/form-data; boundary=xyz"


def part(name: str, content: bytes, *more: str) -> bytes:
    headers = "\r\n".join([f'Content-Disposition: form-data; name="{name}"', *more])
    return b"--xyz\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n"


END = b"--xyz--\r\n"


def test_parts_are_found_by_their_names():
    body = part("metadata", b'{"a": 1}') + part("file", b"1\r\n2\n", "Content-Type: text/plain") + END
    assert parts_of(KIND, body) == {"metadata": b'{"a": 1}', "file": b"1\r\n2\n"}


@pytest.mark.parametrize("before", [b"", b"\r\n", b"nobody reads this\r\n"])
@pytest.mark.parametrize("after", [b"", b"\r\n", b"nor this"])
def test_what_stands_around_them_is_no_part(before, after):
    assert parts_of(KIND, before + part("file", b"x") + b"--xyz--" + after) == {"file": b"x"}


def test_of_a_name_that_comes_twice_the_first_counts():
    assert parts_of(KIND, part("file", b"1") + part("file", b"2") + END) == {"file": b"1"}


def test_a_part_may_be_empty_and_hold_dashes():
    assert parts_of(KIND, part("a", b"") + part("b", b"--xy--\r\n--\r\n") + END) == {"a": b"", "b": b"--xy--\r\n--\r\n"}


@pytest.mark.parametrize("kind", [
    'multipart/form-data; boundary="xyz"', "multipart/form-data; charset=utf-8; Boundary=xyz",
])  # fmt: skip
def test_a_boundary_may_be_quoted_and_stand_anywhere(kind):
    assert parts_of(kind, part("file", b"x") + END) == {"file": b"x"}


@pytest.mark.parametrize("kind", [
    "multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'x' * 71}",
    "multipart/form-data; boundary=ä",
])  # fmt: skip
def test_without_a_boundary_there_are_no_parts(kind):
    with pytest.raises(Refused, match=r"needs a boundary of 1 to 70 characters\.$"):
        parts_of(kind, b"")


@pytest.mark.parametrize(
    "body", [b"", b"--xyz", b"--xy--", b"--xyz\r\n", b"nothing", END, part("file", b"x"), b"--xyz--"]
)
def test_a_body_that_was_cut_short_is_refused(body):
    with pytest.raises(Refused, match=r"has no end, its boundary followed by --: it was cut short\.$"):
        parts_of(KIND, body)


@pytest.mark.parametrize("bad", [
    b"--xyz\r\n\r\nx\r\n", b"--xyz\r\nContent-Type: text/plain\r\n\r\nx\r\n", b"--xyz\r\nno end\r\n",
    b"--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n", b"--xyz\r\nx: " + b"y" * 9000 + b"\r\n\r\nx\r\n",
])  # fmt: skip
def test_a_part_without_a_name_is_refused(bad):
    with pytest.raises(Refused, match=r"^Part 2 of the multipart body has no Content-Disposition with a name\.$"):
        parts_of(KIND, part("file", b"x") + bad + END)


def test_a_body_of_very_many_parts_is_refused():
    with pytest.raises(Refused, match=rf"has {PARTS_MAX} parts or more: send only those that are needed\.$"):
        parts_of(KIND, part("file", b"x") * 100_000 + END)
