"""`receiver.providers.files`: a name can hurt nobody, no two are the same, and an error is no text."""

import sys
import unicodedata
from itertools import chain
from pathlib import Path

import pytest

from receiver.errors import ProviderUnavailable
from receiver.providers import files


@pytest.mark.parametrize(("name", "harmless"), [
    ("talk (1), part-2.wav", "talk (1), part-2.wav"), ("../../etc/x.wav", "_._.._etc_x.wav"), ("..", "__"), (".", "_"),
    ("", "file"), ("a" * 9 + "." + "b" * 199, "_" + "b" * 199),
    (".bashrc", "_bashrc"), ("a\\b\n\0", "a_b__"), ("a" * 300 + ".wav", "a" * 196 + ".wav"),
    ("말.srt", "말.srt"), ("हिन्दी १.srt", "हिन्दी १.srt"), ("e\u0301té.srt", "été.srt"), ("\uff0f\uff0e\uff0ea", "___a"),
    ("\u202efdp.exe", "_fdp.exe"), ("a\u2066b\u200f.srt", "a_b_.srt"), ("a\u200b\u2028\x85\xa0\x9bb", "a_____b"),
    ("a\u3164\ufe0f\u034f\U000e0100b", "a____b"), ("a\ud800.srt", "a_.srt"),
    ("😀:*?\"<>|$`;'\t~.srt", "_" * 14 + ".srt"),
    ("NUL", "_NUL"), ("con.tar.gz", "_con.tar.gz"), ("Aux .wav", "_Aux .wav"), ("COM¹.x", "_COM¹.x"),
    ("console.wav", "console.wav"), ("a.wav.", "a.wav_"), ("a.wav ", "a.wav_"), (" .wav", "_.wav"),
    ("a말" * 99 + ".srt", "a말" * 49 + ".srt"), ("말" * 99, "말" * 66),
])  # fmt: skip
def test_a_name_leads_nowhere_else_deceives_nobody_and_is_no_hidden_file(name: str, harmless: str) -> None:
    assert files.harmless(name) == harmless
    assert len(harmless.encode()) <= files.NAME_BYTES + 1


def test_whatever_a_name_holds_it_is_shown_and_stays_as_it_is(tmp_path: Path) -> None:
    for one in map(chr, chain(range(0x300), range(0x300, sys.maxunicode, 97))):
        name = files.harmless(f"{one}a{one}")
        assert files.harmless(name) == name == unicodedata.normalize("NFC", name)
        assert name.isprintable()
    (tmp_path / f"{files.harmless('말' * 300)}-10000.part.note").touch()


def test_what_the_system_cannot_write_is_left_out() -> None:
    assert files.harmless("é말.srt", "latin-1") == "é_.srt"


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
