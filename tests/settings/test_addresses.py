"""`receiver.settings.addresses`: one spelling for each place, whatever a person wrote."""

import pytest

from receiver.settings.addresses import base, same

OURS = "/webhooks/transcribe-so"


@pytest.mark.parametrize(("text", "spelled"), [
    ("https://example.com", "https://example.com"),
    ("HTTPS://Example.COM", "https://example.com"),
    (" https://example.com/ \n", "https://example.com"),
    ("https://example.com//", "https://example.com"),
    ("https://example.com:443", "https://example.com"),
    ("HTTP://example.com:80/", "http://example.com"),
    ("https://example.com:80", "https://example.com:80"),
    ("https://example.com/webhooks/transcribe-so", "https://example.com"),
    ("https://example.com//webhooks/transcribe-so//", "https://example.com"),
    ("https://example.com/Prefix/webhooks/transcribe-so", "https://example.com/Prefix"),
    ("https://example.com/webhooks", "https://example.com/webhooks"),
    ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
    ("http://[::1]:8000/", "http://[::1]:8000"),
    ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ("http://web_1:8000", "http://web_1:8000"),
    ("https://xn--bcher-kva.example.", "https://xn--bcher-kva.example."),
    ("https://a--b.7-eleven.example", "https://a--b.7-eleven.example"),
])  # fmt: skip
def test_an_address_has_one_spelling(text: str, spelled: str) -> None:
    assert base(text, without=OURS) == spelled
    assert base(spelled, without=OURS) == spelled


@pytest.mark.parametrize("text", [
    "", "example.com", "//example.com", "ftp://example.com", "https://", "https:///x", "https:example.com",
    "https://example.com?", "https://example.com#", "https://exam ple.com", "https://example.com\\x",
    "https://example.com/\u200b", "\ufeffhttps://example.com", "https://example.com:0", "https://example.com:99999",
    "https://example.com/\udcfc", "https://example.com'", "https://example.com;", "https://example.com,",
    "https://example.com/'", "https://example.com/a,", "'https://example.com", "https://${HOST}", "https://{{host}}",
    "https://example.com/${PREFIX}", "https://<host>", "https://a|b", "https://a..example", "https://.example",
    "https://.", "https://-a.example", "https://a-.example", "https://*.example.com", "https://%61.example",
    "https://1.2.3.4.5", "https://1.2.3.256", "https://[::1", "https://[::g]", f"https://{'a' * 64}.example",
    f"https://{'a.' * 126}example",
])  # fmt: skip
def test_what_is_no_address_is_refused_unshown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an address like https://example.com$"):
        base(text)


def test_nothing_stands_behind_a_known_path() -> None:
    with pytest.raises(ValueError, match=r"^must end before /webhooks/transcribe-so, or with it$"):
        base("https://example.com/webhooks/transcribe-so/jobs/abc", without=OURS)


@pytest.mark.parametrize("text", ["https://me@example.com", "https://me:s3cret@example.com", "https://@example.com"])
def test_an_address_carries_no_user(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must not contain a user or a password$"):
        base(text)


@pytest.mark.parametrize(("one", "other", "are"), [
    ("https://Example.com/a/", "HTTPS://example.com:443/a", True),
    ("https://example.com/a?x=1", "https://example.com/a?x=1", True),
    ("https://example.com/a?x=1", "https://example.com/a", False),
    ("https://example.com/a", "https://example.com/A", False),
    ("https://example.com/a", "http://example.com/a", False),
])  # fmt: skip
def test_two_addresses_are_the_same_place_or_not(one: str, other: str, *, are: bool) -> None:
    assert same(one, other) is are
    assert same(other, one) is are
