"""What shells, editors, proxies and programs make of a secret, of what is signed, or of a body. Pure."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from itertools import product
from typing import Any, Literal, NamedTuple, TypeAlias

from receiver.health.doctor.capture import BOM
from receiver.providers.transcribe_so.payload import FIELDS

Rewritten: TypeAlias = Literal["line_ends", "bom", "gzip", "charset", "json"]
Misread: TypeAlias = Literal["milliseconds", "dollar"]

GZIP = b"\x1f\x8b"
MOST_BYTES = 256 * 1024  # of a body that was signed: the receiver takes no larger one
SECRETS = 12  # how many ways there are to write one wrong, at most
LAYOUTS: tuple[tuple[int | str | None, tuple[str, str]], ...] = (
    (None, (",", ":")), (None, (", ", ": ")), (None, (",", ": ")), (2, (",", ": ")), (4, (",", ": ")),
    ("\t", (",", ": ")),
)  # fmt: skip


class Body(NamedTuple):
    """A body that can have been signed: what others have made of it, and in which form it would prove itself."""

    cause: Rewritten
    how: str
    body: bytes


def of_secret(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield how a secret can be written wrong, and what it is then."""
    for text in (b"\n", b"\r\n", b" ", b"\t"):
        yield "with white space behind it", secret + text
    yield "with white space before it", b" " + secret
    for quote in (b'"', b"'"):
        yield "with quotes around it", quote + secret + quote
        yield "with quotes and a line end around it", quote + secret + quote + b"\n"
    bare = secret.strip()
    if bare != secret:
        yield "without the white space around it", bare
    if bare.strip(b"\"'") != bare:
        yield "without the quotes around it", bare.strip(b"\"'").strip()


def of_signing(stamp: bytes, body: bytes) -> Iterator[tuple[Misread, bytes, bytes]]:
    """Yield the times and bodies that a sender can have signed who has misread what to sign."""
    for before_time, before_body in ((b"$", b""), (b"$", b"$"), (b"", b"$")):
        yield "dollar", before_time + stamp, before_body + body
    yield "milliseconds", stamp[:-3], body
    yield "milliseconds", stamp + b"000", body


def of_body(body: bytes) -> Iterator[Body]:
    """Yield the bodies that can have been signed if others have made of them what came. Each comes once."""
    seen = {hash(body)}
    for one in _all(body):
        if len(one.body) <= MOST_BYTES and hash(one.body) not in seen:
            seen.add(hash(one.body))
            yield one


def _all(body: bytes) -> Iterator[Body]:
    yield from _line_ends(body)
    if not body.startswith(BOM):
        yield Body("bom", "with a byte order mark before the body", BOM + body)
    yield from _json(body)
    for cause, how, inner in _unwrapped(body):
        yield Body(cause, how, inner)
        for also in (*_line_ends(inner), *_json(inner)):
            yield Body(cause, f"{how}, and {also.how}", also.body)


def _unwrapped(body: bytes) -> Iterator[Body]:
    """Yield what is inside of a body that was packed, marked, or written in another character set."""
    if body.startswith(BOM):
        yield Body("bom", "without the byte order mark before the body", body.removeprefix(BOM))
    if body.startswith(GZIP):
        yield Body("gzip", "if the body is unpacked", _unpacked(body))
    for how, read, written in (
        ("if the body's UTF-8 was read as Latin-1", "utf-8", "latin-1"),
        ("if the body is read as Latin-1", "latin-1", "utf-8"), ("if the body is read as UTF-16", "utf-16", "utf-8"),
    ):  # fmt: skip
        try:
            yield Body("charset", how, body.decode(read).encode(written))
        except UnicodeError:
            continue


def _line_ends(body: bytes) -> Iterator[Body]:
    unix = body.replace(b"\r\n", b"\n")
    for end in (b"\n", b"\r\n"):
        yield Body("line_ends", "without the last line end of the body", body.removesuffix(end))
        yield Body("line_ends", "with a line end behind the body", body + end)
    for how, text in (("LF", unix), ("CRLF", unix.replace(b"\n", b"\r\n")), ("no", unix.replace(b"\n", b""))):
        yield Body("line_ends", f"with {how} line ends in the body", text)
        yield Body("line_ends", f"with {how} line ends in the body and none behind it", text.rstrip(b"\r\n"))
    yield Body("line_ends", "without the white space around the body", body.strip())


def _unpacked(body: bytes) -> bytes:
    """Return what is packed by gzip; nothing if it is damaged, a part if it is too much."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        return b""


def _json(body: bytes) -> Iterator[Body]:
    """Yield the JSON of a body as programs write it."""
    if len(body) > MOST_BYTES:
        return
    try:
        came = json.loads(body.decode())
        orders = {
            json.dumps(value): value for value in (came, _arranged(came), json.loads(json.dumps(came, sort_keys=True)))
        }
        for value, layout in product(orders.values(), LAYOUTS):
            plain = _written(value, *layout, ascii_only=False)
            texts = (plain,) if plain.isascii() else (plain, _written(value, *layout, ascii_only=True))
            for text in texts:
                for one in (text, text.replace(b"/", b"\\/")):
                    yield Body("json", "with the JSON written in another way", one)
                    yield Body("json", "with the JSON written in another way", one + b"\n")
    except (ValueError, RecursionError):
        return


def _written(value: Any, indent: int | str | None, separators: tuple[str, str], *, ascii_only: bool) -> bytes:
    """Return JSON. It ends where it is too much: what is deep can become gigabytes when it is indented."""
    encoder = json.JSONEncoder(indent=indent, separators=separators, ensure_ascii=ascii_only)
    pieces, size = list[str](), 0
    for piece in encoder.iterencode(value) if indent is not None else (encoder.encode(value),):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            break
    return "".join(pieces).encode(errors="surrogatepass")


def _arranged(value: Any) -> Any:
    """Return JSON with the fields of its objects in the order in which the provider writes them."""
    if isinstance(value, list):
        return [_arranged(one) for one in value]
    if not isinstance(value, dict):
        return value
    known = {name: value[name] for name in FIELDS if name in value}
    return {name: _arranged(one) for name, one in (known | value).items()}
