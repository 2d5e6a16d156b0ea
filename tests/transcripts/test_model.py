"""`receiver.transcripts.model`: the common shape of a transcript."""

import dataclasses

import pytest

from receiver.transcripts import Segment, Timestamps, Transcript

A, B = "Ada", "Ben"

TURNS = [
    ("nothing", [], ""),
    ("one segment", [(A, "Hello.")], "Ada: Hello."),
    ("one turn of two segments", [(A, "Hello."), (A, "It is me.")], "Ada: Hello. It is me."),
    ("two speakers", [(A, "Hello."), (B, "Yes?")], "Ada: Hello.\n\nBen: Yes?"),
    ("back and forth", [(A, "One."), (B, "Two."), (A, "Three.")], "Ada: One.\n\nBen: Two.\n\nAda: Three."),
    ("nobody named", [(None, "One."), (None, "Two.")], "One. Two."),
    ("first nobody, then somebody", [(None, "Music."), (A, "Hello.")], "Music.\n\nAda: Hello."),
    ("first somebody, then nobody", [(A, "Hello."), (None, "Music.")], "Ada: Hello.\n\nMusic."),
    ("blanks around", [(A, "  Hello. \n"), (A, "\tYes. ")], "Ada: Hello. Yes."),
    ("not English", [("Zoë", "Grüße 😀")], "Zoë: Grüße 😀"),
]


@pytest.mark.parametrize(("turns", "text"), [pytest.param(t, x, id=what) for what, t, x in TURNS])
def test_the_text_has_a_paragraph_for_each_turn(turns: list[tuple[str | None, str]], text: str) -> None:
    segments = tuple(Segment(n, n + 1, said, speaker) for n, (speaker, said) in enumerate(turns))
    assert Transcript(segments=segments).text == text


def test_a_transcript_may_be_empty() -> None:
    assert dataclasses.astuple(Transcript()) == ((), (), (), (), None)


def test_timestamps_are_not_fit_to_paste_unless_the_source_says_so() -> None:
    assert Timestamps("youtube", "balanced", "00:00 Intro").ok_to_paste is False
