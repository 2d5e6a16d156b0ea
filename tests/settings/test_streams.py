"""`receiver.settings.streams`: the address of a stream, read into its parts. What is wrong is said without it."""

from pathlib import Path

import pytest

from receiver import Stream
from receiver.settings import values

ADDRESS = "must be an address like nats://user:password@host:4222/STREAM"


def test_an_address_names_a_stream_and_what_it_needs() -> None:
    assert Stream.parse("nats://localhost/EVENTS") == Stream(("nats://localhost:4222",), "EVENTS")
    query = "subject=a.b_c-d&credentials=/run/a%20b.creds&monitor=http://a:8222&monitor=https://b/nats/varz"
    assert Stream.parse(f"tls://me:p%40%3ass@a,[::1]:4223,b.example:1/E-1_x/?{query}") == Stream(
        ("tls://a:4222", "tls://[::1]:4223", "tls://b.example:1"), "E-1_x", "a.b_c-d", user="me", password="p@:ss",
        credentials=Path("/run/a b.creds"), monitors=("http://a:8222", "https://b/nats"),
    )  # fmt: skip
    found = Stream.parse("nats://t%40ken@h/EVENTS")
    assert (found.token, found.user, found.password) == ("t@ken", None, None)


def test_what_is_secret_is_not_shown() -> None:
    assert "s3cret" not in f"{Stream.parse('nats://me:s3cret@h/EVENTS')!r}{Stream.parse('nats://s3cret@h/EVENTS')!r}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("s3cret", ADDRESS),
        ("http://s3cret/EVENTS", ADDRESS),
        ("nats://me:s3@cret@h/EVENTS", ADDRESS),
        ("nats://h/s3cret.EVENTS", ADDRESS),
        ("nats://h/s3cret/EVENTS", ADDRESS),
        ("nats://h/EVENTS#s3cret", ADDRESS),
        (f"nats://h/{'s3cret' * 40}", ADDRESS),
        ("nats://s3cret:0/E", "must name servers as HOST or HOST:PORT, with commas between them"),
        ("nats://s3cret:65536/E", "must name servers as HOST or HOST:PORT, with commas between them"),
        ("nats://a,,s3cret/E", "must name servers as HOST or HOST:PORT, with commas between them"),
        (
            "nats://h/E?s3cret=1",
            "behind the ? it can have subject, credentials, monitor, each with = and a value, and &",
        ),
        ("nats://h/E?s3cret", "behind the ? it can have subject, credentials, monitor"),
        ("nats://h/E?subject=s3cret&subject=b", "only monitor can be given more than once"),
        ("nats://h/E?subject=s3cret.*", "subject must be words of letters, digits, _ and -, with dots between them"),
        ("nats://h/E?subject=s3cret..a", "subject must be words of letters"),
        ("nats://h/E?subject=", "subject must be words of letters"),
        ("nats://h/E?credentials=s3cret", "credentials must be the whole path of a file"),
        ("nats://h/E?monitor=s3cret:8222", "monitor must be an address like https://example.com"),
        ("nats://h/E?monitor=http://me:s3cret@h", "monitor must not contain a user or a password"),
    ],
)
def test_another_text_is_refused_without_being_shown(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"^") as refused:
        Stream.parse(text)
    assert str(refused.value).startswith(why)
    assert "s3cret" not in f"{refused.value}{refused.value.__cause__ or ''}"


def test_an_extra_whose_library_is_missing_is_told_with_how_to_get_it() -> None:
    values.need_extra("nats", "nats")
    with pytest.raises(ValueError, match=r"^needs the extra `nats`: pip install 'nats-py\[nkeys\]>=2\.16'$"):
        values.need_extra("nats", "no_such_module_anywhere")
