"""`receiver.providers.names`: a name can hurt nobody, and no two are the same."""

import pytest

from receiver.providers import names


@pytest.mark.parametrize(("name", "harmless"), [
    ("talk (1), part-2.wav", "talk (1), part-2.wav"), ("../../etc/x.wav", "_._.._etc_x.wav"), ("..", "_."),
    ("", "file"), ("a" * 9 + "." + "b" * 199, "_" + "b" * 199),
    (".bashrc", "_bashrc"), ("a\\b\n\0", "a_b__"), ("말.srt", "_.srt"), ("a" * 300 + ".wav", "a" * 196 + ".wav"),
])  # fmt: skip
def test_a_name_leads_nowhere_else_and_is_no_hidden_file(name: str, harmless: str) -> None:
    assert names.harmless(name) == harmless


@pytest.mark.parametrize(("others", "name", "own"), [
    ([], "a.wav", "a.wav"), (["a.wav"], "a.wav", "a-2.wav"), (["a.wav", "a-2.wav"], "a.wav", "a-3.wav"),
    (["a-2.wav", "b.wav"], "a.wav", "a.wav"), (["file"], "file", "file-2"), (["1. Hello"], "1. Hello", "1. Hello-2"),
])  # fmt: skip
def test_who_comes_later_gets_a_number(others: list[str], name: str, own: str) -> None:
    assert names.unlike(others, name) == own
