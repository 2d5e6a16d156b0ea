"""`receiver.providers.files`: a name can hurt nobody, no two are the same, and an error is no text."""

import pytest

from receiver.errors import ProviderUnavailable
from receiver.providers import files


@pytest.mark.parametrize(("name", "harmless"), [
    ("talk (1), part-2.wav", "talk (1), part-2.wav"), ("../../etc/x.wav", "_._.._etc_x.wav"), ("..", "_."),
    ("", "file"), ("a" * 9 + "." + "b" * 199, "_" + "b" * 199),
    (".bashrc", "_bashrc"), ("a\\b\n\0", "a_b__"), ("말.srt", "_.srt"), ("a" * 300 + ".wav", "a" * 196 + ".wav"),
])  # fmt: skip
def test_a_name_leads_nowhere_else_and_is_no_hidden_file(name: str, harmless: str) -> None:
    assert files.harmless(name) == harmless


@pytest.mark.parametrize(("others", "name", "own"), [
    ([], "a.wav", "a.wav"), (["a.wav"], "a.wav", "a-2.wav"), (["a.wav", "a-2.wav"], "a.wav", "a-3.wav"),
    (["a-2.wav", "b.wav"], "a.wav", "a.wav"), (["file"], "file", "file-2"), (["1. Hello"], "1. Hello", "1. Hello-2"),
])  # fmt: skip
def test_who_comes_later_gets_a_number(others: list[str], name: str, own: str) -> None:
    assert files.unlike(others, name) == own


@pytest.mark.parametrize("raw", [b'{"status": 403}', b"<html><body>502</body></html>", b"Denied"])
def test_what_is_there_instead_of_subtitles_is_no_transcript(raw: bytes) -> None:
    with pytest.raises(ProviderUnavailable, match="no subtitles") as raised:
        files.transcript(raw)
    assert raised.value.code == "malformed_answer"


@pytest.mark.parametrize(
    "raw", [b"", b"\xef\xbb\xbf\r\n", "\n".encode("utf-16"), b"1\n00:00:00,000 --> 00:00:01,000\n\n"]
)
def test_silence_is_a_transcript(raw: bytes) -> None:
    assert files.transcript(raw).segments == ()
