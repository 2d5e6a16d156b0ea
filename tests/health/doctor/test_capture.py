"""`health.doctor.capture`: a request is read as HTTP means it, and as people save it."""

import pytest

from receiver import signature
from receiver.errors import ImpossibleError
from receiver.health.doctor import Captured, captured

JSON = b'{"a":\r\n\r\n1}\n'


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("before", [b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf"], ids=["", "line", "lines", "mark"])
def test_header_lines_are_read_and_other_lines_are_ignored(end: bytes, before: bytes) -> None:
    lines = [
        b"POST /webhooks/a:b HTTP/1.1", b":method: POST", b"Host: x", b"x-transcribe-SIGNATURE :  t=1,v1=2 ",
        b"# a note: none", b"Empty:", b"no header",
    ]  # fmt: skip
    found = captured(before + end.join([*lines, b"", b""]) + JSON)
    assert found == Captured([(b"Host", b"x"), (b"x-transcribe-SIGNATURE", b"t=1,v1=2"), (b"Empty", b"")], JSON)
    assert found.all(signature.HEADER) == [b"t=1,v1=2"]


def test_a_line_that_is_folded_is_one() -> None:
    assert captured(b"A: 1,\r\n  2,\n\t3\nB: 4\n\nx") == Captured([(b"A", b"1, 2, 3"), (b"B", b"4")], b"x")


def test_the_mark_of_an_editor_is_no_part_of_the_first_header() -> None:
    assert captured(b"\xef\xbb\xbfA: 1\n\nx").all(b"a") == [b"1"]


def test_a_request_without_a_body_has_an_empty_one() -> None:
    assert captured(b"A: 1\r\n\r\n").body == b""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Host: x\r\nA: b", "there is no empty line"), (b"", "there is no empty line"), (JSON[:5], "no empty line"),
        ("Host: x\r\n\r\n{}".encode("utf-16"), "is written in UTF-16"),
    ],
)  # fmt: skip
def test_what_is_no_capture_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ImpossibleError, match=said):
        captured(content)


CHUNKS = b"4\r\nabcd\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (b"Transfer-Encoding: Chunked", CHUNKS, b"abcd0123456789"), (b"Host: x", CHUNKS, CHUNKS),
        (b"Transfer-Encoding: chunked", b"0\r\n\r\n", b""),
        (b"Transfer-Encoding: chunked", JSON, JSON),  # whatever captured it has put the chunks together
        (b"Transfer-Encoding: chunked", CHUNKS[:-5], CHUNKS[:-5]),  # not whole
        (b"Transfer-Encoding: chunked", b"4\r\nabcdef0\r\n\r\n", b"4\r\nabcdef0\r\n\r\n"),
    ],
)  # fmt: skip
def test_chunks_are_put_together_where_the_body_is_written_in_them(head: bytes, body: bytes, expected: bytes) -> None:
    assert captured(head + b"\r\n\r\n" + body).body == expected


@pytest.mark.parametrize(
    ("values", "expected"), [([], None), ([b"12"], 12), ([b"x", b"-1"], None), ([b"1", b"007"], 7), ([b"9" * 13], None)]
)
def test_the_length_of_the_body_is_what_the_head_says(values: list[bytes], expected: int | None) -> None:
    assert Captured([(b"Content-LENGTH", value) for value in values], b"").length == expected


def test_a_head_of_many_blanks_takes_no_longer() -> None:
    blanks = b" " * 500_000
    assert captured(b"A:" + blanks + b"x" + blanks + b"y\r\nB:" + blanks + b"\r\n\r\n{}").all(b"b") == [b""]
