"""`receiver.logs.redaction`: only scheme, host and port of an address are shown, anywhere in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.logs.redaction import shorten, without_queries, without_query


@pytest.mark.parametrize(("text", "said"), [
    ("https://hooks.slack.com/services/T/B/X", "https://hooks.slack.com/…"),
    ("for url 'https://h.example/a?b=c'\nFor more", "for url 'https://h.example/…'\nFor more"),
    ("https://u:p@h.example:8443/a?b=c#d, and", "https://h.example:8443/…, and"),
    ("(https://h.example/a)", "(https://h.example/…)"),
    ("HTTPS://H.EXAMPLE/a", "HTTPS://H.EXAMPLE/…"),
    ("https://h.example?token=x", "https://h.example/…"),
    ("https://h.example#token", "https://h.example/…"),
    ("at_https://h.example/a", "at_https://h.example/…"),
    ("http://[::1]:80/x", "http://[::1]:80/…"),
    ("https://münchen.example/ü", "https://münchen.example/…"),
    (r'{"u":"https:\/\/h.example\/a"}', r'{"u":"https:\/\/h.example/…"}'),
    ("https://discord.com/api/users/@me", "https://discord.com/…"),
    ("postgresql://u:p@db.example/x", "postgresql://db.example/…"),
    ("redis://:pw@db.example:6379/0", "redis://db.example:6379/…"),
    ("postgresql:///x?host=/tmp&password=p", "postgresql:///…"),
    ("https://u:p@w@h.example/x", "https://h.example/…"),
    # A password that was not escaped looks like a host and a path, or like no host at all.
    ("postgresql://u:12/34@db.example/x", "postgresql://…"),
    ("https://u:p#w@h.example/x", "https://…"),
    ("Max retries exceeded with url: /services/T (Caused by X)", "Max retries exceeded with url: /… (Caused by X)"),
    # Nothing to hide.
    ("https://h.example", "https://h.example"),
    ("https://h.example/.", "https://h.example/."),
    ("http://127.0.0.1:9000: nobody listens", "http://127.0.0.1:9000: nobody listens"),
    ("a://", "a://"),
    ("://x", "://x"),
    ("and/or: //x", "and/or: //x"),
])  # fmt: skip
def test_an_address_loses_what_may_be_a_secret(text: str, said: str) -> None:
    assert shorten(text) == said


@given(st.text(max_size=30), st.from_regex(r"[a-z0-9/?#@:.-]{0,30}s3cret[a-z0-9/?#@:.-]{0,30}", fullmatch=True))
def test_nothing_behind_a_host_is_kept(before: str, behind: str) -> None:
    assert "s3cret" not in shorten(f"{before}https://h.example/{behind}")
    assert "s3cret" not in shorten(f"{before}https://u:s3cret@h.example/")


@pytest.mark.parametrize("text", ["a" * 1_000_000, "http://" * 100_000, f"https://h/{')' * 1_000_000}x"])
def test_a_long_text_takes_no_longer_than_its_length(text: str) -> None:
    """A search in quadratic time would take hours here."""
    assert shorten(text)


@pytest.mark.parametrize(("address", "shown"), [
    ("https://example.com/a/talk.mp3", "https://example.com/a/talk.mp3"),
    ("https://example.com/a/talk.mp3?signature=S", "https://example.com/a/talk.mp3?…"),
    ("https://example.com/a#secret", "https://example.com/a?…"),
    ("https://user:word@example.com:8443/a", "https://example.com:8443/a"),
    ("HTTPS://example.com?x=1", "HTTPS://example.com?…"),
    ("https://user:wo/rd@example.com/a", "https://…"),
    ("https://user:w#d@example.com/a", "https://…"),
    ("https://user:1234/s3cret@example.com/a", "https://…"),
    ("s3://key:12/s3cret@bucket/a", "s3://…"),
    ("https://example.com/@someone/a", "https://example.com/@someone/a"),
    ("re://think 2027: day 1", "re://think 2027: day 1"),
    ("s3://key:s3cret@bucket/a b.mp3?X-Amz-Signature=s3cret", "s3://bucket/a b.mp3?…"),
    ("talk?.mp3", "talk?.mp3"),
])  # fmt: skip
def test_an_address_is_shown_without_what_is_secret_in_it(address: str, shown: str) -> None:
    assert without_query(address) == shown


@pytest.mark.parametrize(("text", "shown"), [
    ("no answer of https://u:s3cret@h.example/a.mp3?t=s3cret, twice", "no answer of https://h.example/a.mp3?…, twice"),
    ('{"url": "https:\\/\\/h.example\\/a?s3cret"}', '{"url": "https://h.example/a?…"}'),
    ("(ftp://u:s3cret@h.example/a)", "(ftp://h.example/a)"),
    ("https://u:s3cret@[/x.mp3", "https://…"),
    ("https://h.example/a b?s3cret here", "https://h.example/a b?… here"),
    ("talk.mp3? 12:30", "talk.mp3? 12:30"),
])  # fmt: skip
def test_addresses_in_a_text_are_shown_without_what_is_secret_in_them(text: str, shown: str) -> None:
    assert without_queries(text, "https://h.example/a b?s3cret", "") == shown
    assert without_queries(without_queries(text, "https://h.example/a b?s3cret")) == shown


@pytest.mark.parametrize("text", ["a" * 1_000_000, "http://" * 100_000, f"https://h/{')' * 1_000_000}x"])
def test_long_addresses_in_a_text_take_no_longer_than_their_length(text: str) -> None:
    """A search in quadratic time would take hours here."""
    assert without_queries(text)
