"""`submissions.library.playing`: from where a browser may be told to play, and never an address with a secret."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.submissions.library import playing
from receiver.submissions.library.playing import Elsewhere, Unplayable

HOST = "media.example.com"


@pytest.mark.parametrize(("url", "origin", "given"), [
    (f"https://{HOST}/a.mp3", f"https://{HOST}", None),
    (f"http://{HOST}:8080/show/a%20b.M4A", f"http://{HOST}:8080", None),
    ("HTTPS://Media.Example.COM/a.mp3", f"https://{HOST}", f"https://{HOST}/a.mp3"),
    ("http://127.0.0.1:9/a.wav", "http://127.0.0.1:9", None),
])  # fmt: skip
def test_a_plain_address_is_played_from_its_origin(url: str, origin: str, given: str | None) -> None:
    found = playing.elsewhere(url)
    assert found == Elsewhere(given or url, origin.split("://")[1], origin)


@pytest.mark.parametrize(("url", "why", "host"), [
    (f"https://{HOST}/a.mp3?sig=SECRET", "a query", HOST), (f"https://{HOST}/a.mp3?", "a query", HOST),
    (f"https://{HOST}/a.mp3#SECRET", "a query", HOST),
    (f"https://me:SECRET@{HOST}/a.mp3", "a name or a password", HOST),
    (f"https://SECRET@{HOST}:81/a.mp3", "a name or a password", f"{HOST}:81"),
    (f"https://@{HOST}/a.mp3", "a name or a password", HOST),
    (f"https://{HOST}/watch", "no file that browsers play", HOST), (f"https://{HOST}", "no file that", HOST),
    (f"https://{HOST}/a;b.mp3", "not plain", HOST), (f"https://{HOST}/a b.mp3", "not plain", HOST),
    (f'https://{HOST}/a".mp3', "not plain", HOST), (f"https://{HOST}/{'x' * 2000}.mp3", "not plain", HOST),
    ("ftp://h/a.mp3", "no plain http", None), ("javascript:alert(1)//a.mp3", "no plain http", None),
    ("data:audio/mp3,a.mp3", "no plain http", None), ("https:///a.mp3", "no plain http", None), ("", "no plain", None),
    ("https://h;script-src *;/a.mp3", "no plain http", None), ("https://h 'unsafe-inline'/a.mp3", "no plain", None),
    ("https://*/a.mp3", "no plain http", None), ("https://[::1]/a.mp3", "no plain http", None),
    ("https://exämple.com/a.mp3", "no plain http", None), ("https://h:99999/a.mp3", "cannot be read", None),
    ("https://h:x/a.mp3", "cannot be read", None), ("https://[/a.mp3", "cannot be read", None),
])  # fmt: skip
def test_another_one_is_not_and_no_secret_of_it_is_said(url: str, why: str, host: str | None) -> None:
    found = playing.elsewhere(url)
    assert isinstance(found, Unplayable)
    assert (why in found.why, found.host) == (True, host)
    assert "SECRET" not in str(found)


@given(st.text(max_size=60).map(lambda text: f"https://{text}/a.mp3") | st.text(max_size=80))
def test_an_origin_is_always_one_source_of_a_policy(url: str) -> None:
    found = playing.elsewhere(url)
    if isinstance(found, Elsewhere):
        assert re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]+)?", found.origin)
        assert found.url.startswith(f"{found.origin}/")
        assert not set("?#@; \"'<>\\") & set(found.url) - {"'"}


def test_only_what_browsers_play_is_a_recording() -> None:
    names = ("a.srt", "vocals.MP3", "b.wav", "html", "x.html", ".mp3")
    assert [playing.kind(name) for name in names] == [None, "audio/mpeg", "audio/wav", None, None, "audio/mpeg"]
