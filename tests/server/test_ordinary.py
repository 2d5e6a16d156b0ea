"""`receiver.server.ordinary`: what it reads h11 reads, with the same result; all else is left to h11."""

import pytest

from receiver.server import ordinary
from receiver.server.ordinary import Ordinary
from tests.faults.heads import attack, by_h11, by_us

MOST = 256 * 1024
LONGEST = 16 * 1024
LINE = b"POST /webhooks/transcribe-so HTTP/1.1"
HOST = b"Host: hooks.example.com"
LENGTH = b"Content-Length: 2"
FIELDS = [
    HOST, b"User-Agent: transcribe.so-webhooks/1.0", LENGTH, b"Accept: */*", b"Accept-Encoding: gzip, deflate",
    b"Content-Type: application/json", b"X-Transcribe-Signature: t=1777472458,v1=" + b"5f" * 32,
    b"X-Forwarded-For: 203.0.113.7, 10.0.0.1", b"X-Forwarded-Proto: https", b"X-Empty:",
]  # fmt: skip


def raw(*fields: bytes, line: bytes = LINE, end: bytes = b"\r\n", body: bytes = b"{}") -> bytes:
    return end.join([line, *(fields or FIELDS), b"", body])


def read(buffer: bytes, *, most: int = MOST) -> Ordinary | None:
    return ordinary.read(buffer, most=most)


def without(field: bytes) -> list[bytes]:
    return [other for other in FIELDS if other != field]


def padded(size: int) -> bytes:
    """Return a delivery whose head has so many bytes."""
    start = raw(*FIELDS, b"X-Pad: ", body=b"")
    return raw(*FIELDS, b"X-Pad: " + b"x" * (size - len(start)))


def test_a_delivery_is_read() -> None:
    buffer = bytearray(raw())
    head = ordinary.read(buffer, most=MOST)
    assert head is not None
    assert head.target == b"/webhooks/transcribe-so"
    assert head.headers[:3] == [
        (b"host", b"hooks.example.com"),
        (b"user-agent", b"transcribe.so-webhooks/1.0"),
        (b"content-length", b"2"),
    ]
    assert head.headers[-1] == (b"x-empty", b"")
    assert head.is_kept
    assert head.size == len(buffer)
    assert head.body(buffer) == b"{}"
    said = [head.target, head.body(buffer), *(text for header in head.headers for text in header)]
    assert {type(text) for text in said} == {bytes}


TAKEN = {
    "one field beside the length": raw(HOST, LENGTH),
    "names in any case": raw(b"hOST: a", b"CONTENT-LENGTH: 2"),
    "a value without a blank before it": raw(b"Host:a", b"Content-Length:2"),
    "blanks around values": raw(b"Host: \t a\t b \t", b"Content-Length:\t2 \t"),
    "a value of blanks": raw(*FIELDS, b"X-A: \t "),
    "an empty host": raw(b"Host:", LENGTH),
    "every character of a name": raw(*FIELDS, b"!#$%&'*+-.^_`|~09azAZ: b"),
    "every character of a value": raw(*FIELDS, b"X-A: " + bytes([9, *range(0x20, 0x7F)]) + b"."),
    "every character of a target": raw(line=b"POST /%20!$&'()*+,-./09:;=?@AZ_az~ HTTP/1.1"),
    "keep-alive": raw(*FIELDS, b"Connection: keep-alive"),
    "keep-alive in capitals": raw(*FIELDS, b"Connection: KEEP-ALIVE"),
    "close": raw(*FIELDS, b"Connection: close"),
    "close in capitals": raw(*FIELDS, b"connection:CLOSE"),
    "64 fields": raw(*FIELDS, *(b"X-%d: a" % number for number in range(54))),
    "the longest head": padded(LONGEST),
    "another request behind it": raw() + raw(),
    "line ends behind it": raw() + b"\r\n\r\n",
    "a body of line ends": raw(HOST, b"Content-Length: 8", body=b"\r\n\r\n" * 2),
    "the largest body": raw(HOST, b"Content-Length: %d" % MOST, body=bytes(MOST)),
}


@pytest.mark.parametrize("buffer", TAKEN.values(), ids=TAKEN)
def test_what_is_taken_h11_reads_with_the_same_result(buffer: bytes) -> None:
    ours, whole = by_us(buffer)
    assert ours is not None
    assert ours == by_h11(buffer)
    assert whole == buffer


LEFT = {
    "nothing": b"",
    "another method": raw(line=b"PUT /a HTTP/1.1"),
    "a small method": raw(line=b"post /a HTTP/1.1"),
    "HTTP/1.0": raw(line=b"POST /a HTTP/1.0"),
    "two blanks": raw(line=b"POST  /a HTTP/1.1"),
    "a blank behind the version": raw(line=b"POST /a HTTP/1.1 "),
    "a blank in the target": raw(line=b"POST /a b HTTP/1.1"),
    "a fragment": raw(line=b"POST /a#b HTTP/1.1"),
    "a whole URL": raw(line=b"POST http://a/b HTTP/1.1"),
    "no target": raw(line=b"POST  HTTP/1.1"),
    "an asterisk": raw(line=b"POST * HTTP/1.1"),
    "8 bits in the target": raw(line=b"POST /\xe9 HTTP/1.1"),
    "NUL in the target": raw(line=b"POST /\0 HTTP/1.1"),
    "a quote in the target": raw(line=b'POST /" HTTP/1.1'),
    "a line end before it": b"\r\n" + raw(),
    "bare line ends": raw(end=b"\n"),
    "one bare line end": raw().replace(b"\r\nAccept:", b"\nAccept:"),
    "a bare carriage return": raw().replace(b"\r\nAccept:", b"\rAccept:"),
    "two carriage returns": raw().replace(b"\r\nAccept:", b"\r\r\nAccept:"),
    "a head that ends early": raw().replace(b"\r\nAccept:", b"\n\nAccept:"),
    "a folded value": raw(*FIELDS, b"X-A: b\r\n c"),
    "a folded first line": raw(b" X-A: b", *FIELDS),
    "a field without a colon": raw(*FIELDS, b"X-A"),
    "a field without a name": raw(*FIELDS, b": b"),
    "a blank before the colon": raw(*FIELDS, b"X-A : b"),
    "a blank in a name": raw(*FIELDS, b"X A: b"),
    "8 bits in a name": raw(*FIELDS, b"X-\xe9: b"),
    "a bracket in a name": raw(*FIELDS, b"(X): b"),
    "8 bits in a value": raw(*FIELDS, b"X-A: \xe9"),
    "a value that ends with what Python takes for a blank": raw(*FIELDS, b"X-A: b\x0b"),
    "NUL in a value": raw(*FIELDS, b"X-A: a\0b"),
    "a control character in a value": raw(*FIELDS, b"X-A: \x1b[2J"),
    "DEL in a value": raw(*FIELDS, b"X-A: \x7f"),
    "no field": raw(b""),
    "no host": raw(*without(HOST)),
    "two hosts": raw(*FIELDS, HOST),
    "no length": raw(*without(LENGTH)),
    "the same length twice": raw(*FIELDS, LENGTH),
    "two lengths": raw(*FIELDS, b"content-length: 3"),
    "a list of lengths": raw(HOST, b"Content-Length: 2, 2"),
    "no digits": raw(HOST, b"Content-Length:"),
    "a length of zero": raw(HOST, b"Content-Length: 0"),
    "a leading zero": raw(HOST, b"Content-Length: 02"),
    "a plus": raw(HOST, b"Content-Length: +2"),
    "a minus": raw(HOST, b"Content-Length: -2"),
    "an underscore": raw(HOST, b"Content-Length: 1_0", body=bytes(10)),
    "hexadecimal": raw(HOST, b"Content-Length: 0x2"),
    "seven digits": raw(HOST, b"Content-Length: 0000002"),
    "too large a body": raw(HOST, b"Content-Length: %d" % (MOST + 1)),
    "a header twice": raw(*FIELDS, b"accept: */*"),
    "connection twice": raw(*FIELDS, b"Connection: keep-alive", b"Connection: close"),
    "two words in connection": raw(*FIELDS, b"Connection: keep-alive, close"),
    "another word in connection": raw(*FIELDS, b"Connection: upgrade"),
    "nothing in connection": raw(*FIELDS, b"Connection:"),
    "65 fields": raw(*FIELDS, *(b"X-%d: a" % number for number in range(55))),
    "a head one byte too long": padded(LONGEST + 1),
    **{
        name.decode(): raw(*FIELDS, name + b": a")
        for name in (
            b"Transfer-Encoding", b"TE", b"Trailer", b"UPGRADE", b"Expect", b"Proxy-Authenticate",
            b"Proxy-Authorization", b"Proxy-Connection",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("buffer", LEFT.values(), ids=LEFT)
def test_what_is_not_ordinary_is_left_to_h11(buffer: bytes) -> None:
    assert read(buffer) is None


def test_a_head_is_read_once_it_is_whole_and_its_body_may_come_later() -> None:
    whole = raw(*FIELDS) + raw()
    head = read(whole)
    assert head is not None
    for size in range(head.starts):
        assert read(whole[:size]) is None
    for size in range(head.starts, len(whole)):
        assert read(whole[:size]) == head


def test_a_body_may_be_as_large_as_its_reader_says() -> None:
    assert read(raw(), most=2) is not None
    assert read(raw(), most=1) is None


def test_a_length_has_six_digits_at_most() -> None:
    assert read(raw(HOST, b"Content-Length: 999999"), most=10**9) is not None
    assert read(raw(HOST, b"Content-Length: 1000000"), most=10**9) is None


def test_who_wants_the_connection_closed_is_heard() -> None:
    heads = [read(raw(*FIELDS, b"Connection: " + word)) for word in (b"close", b"Close", b"keep-alive")]
    assert [head is not None and head.is_kept for head in heads] == [False, False, True]


def test_chance_finds_no_request_that_h11_reads_differently() -> None:
    tally = attack("short", 4000)
    assert not tally.wrong, tally.shown
    assert tally.outcomes["taken"] > 1200
    assert tally.outcomes["begun"] > 0
