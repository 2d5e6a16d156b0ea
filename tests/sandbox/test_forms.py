"""`receiver.sandbox.forms`: a form is read whatever its pieces, and its file is not kept."""

import hashlib
import tracemalloc
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from receiver.sandbox import forms
from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.forms import Form, Multipart
from receiver.sandbox.refusals import RefusalError

MOST = 1024**3
BOUNDARY = b"b"
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n'


def new() -> SimulatedFile:
    return SimulatedFile("1", "someone", "")


def written(fields: dict[str, list[str]], content: bytes) -> tuple[bytes, bytes]:
    """Return boundary and body as httpx writes them."""
    request = httpx.Request("POST", "http://x", data=fields, files={"file": ('ü "1".mp3', content, "audio/mpeg")})
    return request.headers["content-type"].partition("boundary=")[2].encode(), request.read()


def read(body: bytes, cuts: Iterable[int] = (), *, boundary: bytes = BOUNDARY, most: int = MOST) -> tuple[Form, Any]:
    file = new()
    parts, ends = Multipart(boundary, file, most), sorted({min(cut, len(body)) for cut in cuts})
    for start, end in zip([0, *ends], [*ends, len(body)], strict=True):
        parts.feed(body[start:end])
    return parts.form(), file


@given(
    content=st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", b"a", b"\0"]), max_size=40).map(b"".join),
    values=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), max_size=3),
    cuts=st.lists(st.integers(0, 700), max_size=9),
)
def test_the_same_is_read_whatever_the_pieces(content: bytes, values: list[str], cuts: list[int]) -> None:
    boundary, body = written({"a[]": values}, content)
    form, file = read(body, cuts, boundary=boundary)
    assert form.fields == [("a[]", value) for value in values]
    assert (form.filename is not None, form.content_type) == (True, "audio/mpeg")
    assert (file.received, file.digest.digest()) == (len(content), hashlib.sha256(content).digest())


def test_what_stands_before_and_after_the_parts_is_nothing() -> None:
    form, file = read(b"before\r\n" + PART + b"sound\r\n--b--\r\nafter" + PART)
    assert (form.filename, file.received) == ("a.mp3", 5)


def test_a_file_under_another_name_is_a_field() -> None:
    form, file = read(PART.replace(b'name="file"', b'name="other"') + b"sound\r\n--b--\r\n")
    assert (form, file.received) == (Form([("other", "sound")]), 0)


def test_a_file_may_have_no_type() -> None:
    form, _ = read(PART.replace(b"\r\nContent-Type: audio/mpeg", b"") + b"Content-Type: audio/wav\r\n--b--\r\n")
    assert form.content_type is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"sound",
        PART + b"sound",
        PART + b"sound\r\n--b",
        PART[:40],
        b"--b\r\nContent-Type: audio/mpeg\r\n\r\nsound\r\n--b--\r\n",
        b"--b\r\nX: " + b"x" * forms.HEAD_BYTES,
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * (forms.FIELD_BYTES + 1) + b"\r\n--b--\r\n",
    ],
)
def test_a_form_that_is_cut_nameless_or_without_end_is_refused(body: bytes) -> None:
    with pytest.raises(RefusalError) as refused:
        read(body)
    assert refused.value.status == 400


def test_a_file_of_more_than_the_most_is_refused_before_it_has_all_come() -> None:
    assert read(PART + b"x" * 100 + b"\r\n--b--", most=100)[1].received == 100
    parts = Multipart(BOUNDARY, new(), 100)
    with pytest.raises(RefusalError, match="at most 100 bytes"):
        parts.feed(PART + b"x" * 200)


def asked(kind: str, pieces: Iterable[bytes], **headers: str) -> Request:
    """Return a request whose body comes in these pieces."""
    left = iter([*[(piece, True) for piece in pieces], (b"", False)])

    async def receive() -> dict[str, Any]:
        body, more = next(left)
        return {"type": "http.request", "body": body, "more_body": more}

    named = [(b"content-type", kind.encode()), *((k.encode(), v.encode()) for k, v in headers.items())]
    return Request({"type": "http", "method": "POST", "headers": named}, receive)


async def test_urlencoded_fields_are_read_too() -> None:
    request = asked("application/x-www-form-urlencoded", [b"a=1&b%5B%5D=", b"%C3%BC&b%5B%5D=3&c="])
    form = await forms.read(request, new(), most=MOST)
    assert form == Form([("a", "1"), ("b[]", "ü"), ("b[]", "3"), ("c", "")])


@pytest.mark.parametrize(
    ("kind", "pieces"),
    [
        ("application/json", [b"{}"]),
        ("", [b"a=1"]),
        ("multipart/form-data", [PART]),
        ("application/x-www-form-urlencoded", [b"a=" + b"x" * forms.FIELD_BYTES]),
    ],
)
async def test_what_is_no_form_or_a_huge_one_is_refused(kind: str, pieces: list[bytes]) -> None:
    with pytest.raises(RefusalError) as refused:
        await forms.read(asked(kind, pieces), new(), most=MOST)
    assert refused.value.status == 400


async def test_a_body_that_is_announced_as_too_large_is_refused_unread() -> None:
    request = asked("multipart/form-data; boundary=b", [], **{"content-length": str(MOST * 2)})
    with pytest.raises(RefusalError, match="at most"):
        await forms.read(request, new(), most=MOST)


async def test_a_large_file_does_not_stay_in_memory() -> None:
    piece, file = b"x" * 65536, new()
    kind = "multipart/form-data; boundary=b"
    request = asked(kind, (part for part in [PART, *[piece] * 512, b"\r\n--b--\r\n"]))
    tracemalloc.start()
    try:
        await forms.read(request, file, most=MOST)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file.received == 512 * 65536
    assert peak < 10 * 65536
