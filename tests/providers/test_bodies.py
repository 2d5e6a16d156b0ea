"""`receiver.providers.bodies`: forms as servers read them, and files that are read while they are sent."""

from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from receiver.errors import ImpossibleError
from receiver.providers import bodies
from receiver.providers.bodies import Body
from receiver.providers.orders import Media
from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.forms import Multipart

FIELDS = [("levels", "segment"), ("levels", "word"), ("prompt", 'ä "&=\r\n')]


async def pieces(body: Body) -> list[bytes]:
    return [piece async for piece in body]


async def test_a_form_without_a_file_is_urlencoded_and_one_piece() -> None:
    body = bodies.form(FIELDS, None)
    (whole,) = await pieces(body)
    assert parse_qsl(whole.decode()) == FIELDS
    assert body.headers == {"Content-Length": str(len(whole)), "Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("is_open", [False, True])
async def test_a_form_with_a_file_is_multipart(tmp_path: Path, *, is_open: bool) -> None:
    content = b"\r\n--x" * 100_000
    (tmp_path / "talk").write_bytes(content)
    with (tmp_path / "talk").open("rb") as opened:
        body = bodies.form(FIELDS, ("talk ä.mp3", opened if is_open else content))
        sent = await pieces(body)
    assert body.headers["Content-Length"] == str(sum(map(len, sent)))
    kind, _, boundary = body.headers["Content-Type"].partition("; boundary=")
    file = SimulatedFile("id", "owner", "")
    read = Multipart(boundary.encode(), file, len(content))
    for piece in sent:
        read.feed(piece)
    form = read.form()
    assert (kind, form.fields, form.filename, file.received) == (
        "multipart/form-data", FIELDS, "talk ä.mp3", len(content),
    )  # fmt: skip


async def test_a_form_can_be_multipart_without_a_file() -> None:
    body = bodies.form(FIELDS, None, multipart=True)
    read = Multipart(body.headers["Content-Type"].partition("boundary=")[2].encode(), SimulatedFile("id", "o", ""), 0)
    for piece in await pieces(body):
        read.feed(piece)
    assert (read.form().fields, read.form().filename) == (FIELDS, None)


@pytest.mark.parametrize(("kind", "said"), [(None, "audio/mpeg"), ("text/x", "text/x")])
async def test_a_file_has_the_type_that_is_given_or_that_of_its_name(kind: str | None, said: str) -> None:
    whole = b"".join(await pieces(bodies.form([], ("talk.mp3", b"", kind))))
    assert f"Content-Type: {said}\r\n".encode() in whole


async def test_an_open_file_is_never_whole_in_memory(tmp_path: Path) -> None:
    with (tmp_path / "talk").open("w+b") as opened:
        opened.truncate(10_000_000)
        assert max(map(len, await pieces(bodies.form([], ("talk.mp3", opened))))) < 1_000_000


async def test_nothing_of_a_file_is_read_before_the_body_is_sent(tmp_path: Path) -> None:
    (tmp_path / "talk").write_bytes(b"talk")
    with (tmp_path / "talk").open("rb") as opened:
        body = bodies.form([], ("talk.mp3", opened))
        assert opened.tell() == 0
        assert b"talk" in await pieces(body)


async def test_all_is_given_with_the_last_piece_and_not_before() -> None:
    body = bodies.form([("a", "b")], ("talk.mp3", b"x"))
    assert not body.all_given
    *first, last = [(piece, body.all_given) async for piece in body]
    assert first
    assert not any(given for _, given in first)
    assert last[1]


async def test_a_file_alone_is_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "talk").write_bytes(content := b"talk" * 100_000)
    body = bodies.of_file(Media(tmp_path / "talk", "talk", len(content)))
    assert b"".join(await pieces(body)) == content
    assert body.headers == {"Content-Length": str(len(content))}


async def test_a_file_that_has_become_shorter_is_not_sent_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "talk").write_bytes(b"talk")
    body = bodies.of_file(Media(tmp_path / "talk", "talk", 5))
    with pytest.raises(ImpossibleError, match="has become shorter"):
        await pieces(body)
    assert not body.all_given


async def test_an_empty_file_is_given_when_it_was_begun(tmp_path: Path) -> None:
    (tmp_path / "talk").touch()
    body = bodies.of_file(Media(tmp_path / "talk", "talk", 0))
    assert not body.all_given
    await pieces(body)
    assert body.all_given
