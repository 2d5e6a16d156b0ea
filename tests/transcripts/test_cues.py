"""`transcripts.cues`: the rules hold for every transcript, the wishes for an ordinary one, and no word is lost."""

# ruff: noqa: RUF001 - marks of many scripts are meant as they are

import html
import json
import math
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
import webvtt
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.errors import ImpossibleError
from receiver.providers import ThunderScribe
from receiver.sandbox import samples
from receiver.sandbox.samples import Sample
from receiver.transcripts import Segment, Transcript, Word
from receiver.transcripts.cues import Cue, readable
from receiver.transcripts.lines import clean
from receiver.transcripts.subtitles import srt, vtt
from tests.transcripts import rules

SPECIFICATION = Path(__file__).parents[1] / "specification"
TEXT = (
    "So what surprised me, honestly, is that Dr. Smith never asked the team about the price of the whole plan; he "
    "simply went ahead and built it. It took a year. I think a small product rewards every meeting, and it does so "
    "because the first customer explains what you build next."
)


def timed(text: str, start: float = 0.0, *, seconds: float = 0.3, pauses: tuple[int, ...] = ()) -> Segment:
    """Return a segment whose words take equally long; after those in `pauses` nobody speaks for two seconds."""
    words, at = list[Word](), start
    for number, word in enumerate(text.split()):
        words.append(Word(at, at + seconds, word))
        at += seconds + (2.0 if number in pauses else 0.0)
    return Segment(start, at, text, words=tuple(words))


def cues(*segments: Segment, named: bool = False) -> list[Cue]:
    return readable(Transcript(segments), named=named)


def texts(*segments: Segment, named: bool = False) -> list[str]:
    return [" / ".join(cue.lines) for cue in cues(*segments, named=named)]


def sampled(name: str, seconds: float = 3600.0) -> Transcript:
    """Return what the sandbox says."""
    return Transcript(tuple(
        Segment(one["start_seconds"], one["end_seconds"], one["text"], one.get("speaker"))
        for one in samples.segments(Sample(4821, name, seconds))
    ))  # fmt: skip


def spoken(transcript: Transcript) -> list[str]:
    return [word for segment in transcript.segments for word in clean(segment.text).split()]


# --- every transcript ------------------------------------------------------------------------------------------------

SIGNS = st.text(st.characters(), max_size=60) | st.text("ab ,.私。　、\u0e01\u0e32\u0301\u200d😀-> \xa0", max_size=300)
PROSE = st.lists(st.sampled_from([*TEXT.split(), "私たちは、最初の顧客が", "何を。", "สวัสดีครับ", "x" * 99]), max_size=60)
SECONDS = st.floats(min_value=-5, max_value=40) | st.sampled_from([0.0, math.nan, math.inf, 1e300])
SPEAKERS = st.sampled_from([None, "Ada", "Ben", "A name that is far too long for any line of subtitles", " "])


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    """Return a segment with or without words, whose times can be anything."""
    text = draw(SIGNS | PROSE.map(" ".join))
    start, end = draw(SECONDS), draw(SECONDS)
    words: list[Word] = []
    if draw(st.booleans()):
        said = draw(st.permutations(text.split()[:8])) if draw(st.booleans()) else text.split()
        words = [Word(draw(SECONDS), draw(SECONDS), word, draw(SPEAKERS)) for word in said[:20]]
    elif draw(st.booleans()):
        words = list(timed(text, 0.0 if math.isnan(start) else min(start, 40.0)).words)
    return Segment(start, end, text, draw(SPEAKERS), tuple(words))


TRANSCRIPTS = st.lists(segments(), max_size=5).map(lambda found: Transcript(tuple(found)))


@given(TRANSCRIPTS)
@example(Transcript((Segment(0, 0, "x" * 9999, "y" * 99),)))
@example(Transcript((Segment(0, 9, "\u0301" * 500 + " 😀" + "\u200d😀" * 90),)))
@example(Transcript((Segment(0, 60, "a b", words=(Word(0, 30, "a"), Word(30, 60, "b"))),)))
def test_the_rules_hold_whatever_is_said(transcript: Transcript) -> None:
    for named in (False, True):
        made = readable(transcript, named=named)
        for cue in made:
            assert 1 <= len(cue.lines) <= 2
            assert all(rules.columns(line) <= 42 and line.strip() for line in cue.lines)
            assert 0 <= cue.start < cue.end <= cue.start + 7000
        assert all(one.start <= two.start for one, two in pairwise(made))


@given(TRANSCRIPTS)
def test_no_sign_is_lost_and_those_of_a_speaker_stay_in_their_order(transcript: Transcript) -> None:
    """Segments without words, one after the other, so that the order of the file is that of the transcript."""
    ordered = [Segment(9.0 * n, 9.0 * n + 8, one.text, one.speaker) for n, one in enumerate(transcript.segments)]
    made = readable(Transcript(tuple(ordered)), named=False)
    said = "".join(clean(segment.text) for segment in ordered)
    assert "".join("".join(line for cue in made for line in cue.lines).split()) == "".join(said.split())


@given(TRANSCRIPTS)
def test_no_sign_is_lost_whatever_the_times_of_the_words_are(transcript: Transcript) -> None:
    made = readable(transcript, named=False)
    said = sorted("".join(clean(segment.text) for segment in transcript.segments))
    kept = sorted("".join(line for cue in made for line in cue.lines))
    assert [sign for sign in kept if not sign.isspace()] == [sign for sign in said if not sign.isspace()]


@given(PROSE.map(" ".join), st.booleans())
def test_the_words_of_a_segment_stay_whole_and_in_their_order(text: str, with_words: bool) -> None:  # noqa: FBT001 - a case
    text = " ".join(word for word in text.split() if word.isascii() and len(word) <= 42)
    segment = timed(text) if with_words else Segment(0, len(text) / 15, text)
    assert [word for cue in cues(segment) for line in cue.lines for word in line.split()] == text.split()


# --- ordinary transcripts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["podcast.mp3", "no-speakers.mp3", "empty.mp3", "two-hours.mp3"])
def test_the_sandboxs_hours_are_read_at_ease(name: str) -> None:
    transcript = sampled(name)
    shown = rules.shown(srt(transcript))
    assert rules.broken(shown) == rules.unwished(shown) == []
    unnamed = [line for cue in readable(transcript, named=False) for line in cue.lines]
    assert [word for line in unnamed for word in line.split()] == spoken(transcript)


def test_the_documented_examples_of_providers_keep_the_rules() -> None:
    result = json.loads((SPECIFICATION / "transcribe_so/answers/result.json").read_text())
    documented = [
        Transcript(tuple(Segment(s["start_seconds"], s["end_seconds"], s["text"]) for s in result["segments"])),
        ThunderScribe.transcript("transcription", (SPECIFICATION / "thunderscribe/answers/json.json").read_bytes()),
        ThunderScribe.transcript("transcription", (SPECIFICATION / "thunderscribe/answers/subtitles.srt").read_bytes()),
    ]
    for transcript in documented:
        assert rules.broken(shown := rules.shown(srt(transcript))) == []
        assert shown


@pytest.mark.parametrize("words", [True, False], ids=["with words", "without words"])
def test_an_hour_in_one_segment_keeps_rules_and_wishes(words: bool) -> None:  # noqa: FBT001 - a case
    text = " ".join([TEXT] * 180)
    segment = timed(text, seconds=0.4)
    assert segment.end_seconds > 3300
    shown = rules.shown(srt(Transcript((segment if words else Segment(0, segment.end_seconds, text),))))
    assert rules.broken(shown) == rules.unwished(shown) == []
    assert " ".join(line for cue in shown for line in cue.lines) == text


# --- where it is cut -------------------------------------------------------------------------------------------------


def test_a_text_is_cut_at_sentences_then_clauses_then_words() -> None:
    assert texts(timed(TEXT)) == [
        "So what surprised me, honestly, / is that Dr. Smith never asked the team",
        "about the price of the whole plan; / he simply went ahead and built it.",
        "It took a year.",
        "I think a small product / rewards every meeting,",
        "and it does so because the first / customer explains what you build next.",
    ]


def test_short_sentences_that_would_only_flash_share_a_cue() -> None:
    assert texts(timed("Yes. No. It took us a very long time.", seconds=0.25)) == [
        "Yes. No. It took us a very long time."
    ]
    assert texts(timed("It took a year. We had no money.", seconds=0.3)) == ["It took a year.", "We had no money."]


def test_a_pause_is_a_better_place_than_another_word() -> None:
    text = "we went on with the work that nobody else had wanted to do because it was ours and no one was there to ask"
    halves = texts(timed(text, pauses=(8,)))
    assert halves[0] == "we went on with the work that nobody else"
    assert texts(timed(text))[0] != halves[0]


def test_a_long_pause_is_not_bridged() -> None:
    text = "we went home early and nobody ever asked us why"
    assert texts(timed(text)) == ["we went home early / and nobody ever asked us why"]
    assert texts(timed(text, pauses=(3,))) == ["we went home early", "and nobody ever asked us why"]


def test_the_cues_of_a_segment_never_overlap_however_little_time_it_has() -> None:
    made = [cue for cue in cues(Segment(1, 1, TEXT, "Ada"), Segment(1.001, 9, "Yes.", "Ben")) if cue.speaker == "Ada"]
    assert len(made) > 3
    assert all(one.end <= two.start for one, two in pairwise(made))


def test_a_cue_is_never_longer_than_seven_seconds_however_slowly_they_speak() -> None:
    slow = cues(timed("we had one very good idea", seconds=2.0))
    assert [" ".join(cue.lines) for cue in slow] == ["we had one", "very good idea"]
    (held,) = cues(Segment(0, 60, "Hello.", words=(Word(0, 60, "Hello."),)))
    assert (held.start, held.end) == (0, 7000)


def test_a_sentence_that_the_source_cut_in_two_is_one_again() -> None:
    parts = Segment(0, 1.5, "the first customer"), Segment(1.6, 3, "explains the plan."), Segment(3.1, 5, "We listen.")
    assert texts(*parts) == ["the first customer explains the plan.", "We listen."]
    apart = Segment(0, 1.5, "the first customer"), Segment(2.3, 3.5, "explains the plan.")
    assert texts(*apart) == ["the first customer", "explains the plan."]
    other = Segment(0, 1.5, "the first customer", "Ada"), Segment(1.6, 3, "explains the plan.", "Ben")
    assert texts(*other) == ["the first customer", "explains the plan."]


def test_a_text_without_spaces_is_cut_at_its_marks_and_counted_by_its_width() -> None:
    japanese = (
        "私たちは、最初の顧客が何を望んでいるのかを、まったく理解していませんでした。だから、やり直すことにしたのです。"
    )
    made = cues(Segment(0, 10, japanese))
    assert ["".join(cue.lines) for cue in made] == [
        "私たちは、最初の顧客が何を望んでいるのかを、まったく理解していませんでした。",
        "だから、やり直すことにしたのです。",
    ]
    for line in (line for cue in made for line in cue.lines):
        assert rules.columns(line) <= 42
        assert line[0] not in "、。っ"
    chinese = cues(
        Segment(
            0, 12, "我们从来没有想过，第一位客户会问这么多问题，"
            "所以整个团队都要重新考虑产品的价格和我们下一步要做的事情。这很难！",
        )
    )  # fmt: skip
    assert chinese[0].lines == ("我们从来没有想过，", "第一位客户会问这么多问题，")
    assert chinese[-1].lines == ("这很难！",)


def test_the_words_of_a_text_without_spaces_are_known_from_the_source() -> None:
    said = (
        "ร้านของเรา ขายของ ทุกอย่าง ที่ลูกค้า รายแรก ต้องการ จริงๆ และเราก็ มีความสุขมาก "
        "กับสิ่งที่ เราได้ เรียนรู้ จากลูกค้า รายแรก ของเรา ในปีนี้ และปีหน้า"
    )
    parts = said.split()
    words = tuple(Word(0.4 * n, 0.4 * n + 0.4, part) for n, part in enumerate(parts))
    ends, at = set(accumulate(map(len, parts))), 0
    for cue in cues(Segment(0, 6.8, "".join(parts), words=words))[:-1]:
        at += len("".join(cue.lines))
        assert at in ends


def test_two_lines_are_of_like_length_and_break_where_a_clause_ends() -> None:
    assert texts(timed("We have learned that every meeting delays the roadmap.")) == [
        "We have learned that every / meeting delays the roadmap."
    ]
    assert texts(timed("When nobody asks any more, the price is right for us.")) == [
        "When nobody asks any more, / the price is right for us."
    ]


def test_marks_that_a_language_sets_apart_stay_with_their_word() -> None:
    said = (
        "« Pourquoi ? » a demandé la toute première cliente, et personne ne savait que répondre à cela ! Puis : rien."
    )
    lines = [line for cue in cues(timed(said, seconds=0.4)) for line in cue.lines]
    assert not [line for line in lines if line[0] in "?!:»" or line[-1] == "«"]


def test_an_abbreviation_or_a_number_ends_no_sentence() -> None:
    said = "Yesterday we met Dr. Smith and Mr. J. Weber at 3.5 metres, e.g. Above the whole of the water."
    shown = texts(timed(said, seconds=0.4))
    assert not [text for text in shown if text.endswith(("Dr.", "Mr.", "J.", "3.", "e.g."))]


# --- when it is shown ------------------------------------------------------------------------------------------------


def moments(*segments: Segment, named: bool = False) -> list[tuple[int, int]]:
    return [(cue.start, cue.end) for cue in cues(*segments, named=named)]


def test_a_short_cue_is_shown_for_longer_where_nobody_speaks_after_it() -> None:
    assert moments(Segment(1, 1.2, "Yes.")) == [(1000, 1833)]
    assert moments(Segment(1, 1.2, "Yes."), Segment(5, 6, "No.")) == [(1000, 1833), (5000, 6000)]
    assert moments(Segment(1, 2, "She said that nobody had come here.")) == [(1000, 2750)]


def test_the_next_cue_is_waited_for_in_the_dark() -> None:
    assert moments(Segment(0, 2, "Yes, we do."), Segment(2, 4, "No, we do not.")) == [(0, 1917), (2000, 4000)]
    assert moments(Segment(0, 2, "Yes, we do."), Segment(2.3, 4, "No, we do not.")) == [(0, 2217), (2300, 4000)]
    assert moments(Segment(0, 0.5, "Yes."), Segment(0.5, 2, "No.")) == [(0, 500), (500, 2000)]


def test_who_speaks_at_the_same_time_keeps_this_time() -> None:
    long = timed("we never asked the team about the price of the whole plan and then it was too late for us all", 0)
    both = readable(
        Transcript((Segment(0, 6, long.text, "Ada", long.words), Segment(2, 4, "Exactly.", "Ben"))), named=True
    )
    assert [cue.start for cue in both if cue.speaker == "Ben"] == [2000]
    assert [cue.end for cue in both if cue.speaker == "Ben"] == [4000]
    assert max(cue.end for cue in both if cue.speaker == "Ada") >= 6000
    alone = readable(Transcript((Segment(0, 6, long.text, "Ada", long.words),)), named=False)
    assert [cue.start for cue in alone][:1] == [0]


def test_a_word_is_shown_when_it_is_said() -> None:
    segment = timed(TEXT, 5.0, pauses=(11, 24))
    at = {number: word.start_seconds for number, word in enumerate(segment.words)}
    number = 0
    for cue in cues(segment):
        assert cue.start == round(at[number] * 1000)
        number += len(" ".join(cue.lines).split())


# --- who speaks ------------------------------------------------------------------------------------------------------


def test_a_speaker_is_named_where_another_one_begins() -> None:
    said = Segment(0, 2, "Hello.", "Ada"), Segment(2, 4, "And welcome.", "Ada"), Segment(4, 6, "Hi.", "Ben")
    assert texts(*said, named=True) == ["Ada: Hello.", "And welcome.", "Ben: Hi."]
    assert texts(*said) == ["Hello.", "And welcome.", "Hi."]
    assert [cue.speaker for cue in cues(*said)] == ["Ada", "Ada", "Ben"]


def test_every_cue_names_its_speaker_where_several_speak_at_once() -> None:
    ada = Segment(
        0, 9, "We never asked the team about the price of the whole plan. Then it was too late for us.", "Ada"
    )
    assert texts(ada, Segment(2, 4, "Exactly.", "Ben"), named=True) == [
        "Ada: We never asked the team / about the price of the whole plan.", "Ben: Exactly.",
        "Ada: Then it was too late for us.",
    ]  # fmt: skip


def test_a_name_counts_into_the_length_of_its_line() -> None:
    said = "The price of the plan is right."
    assert texts(Segment(0, 4, said, "Ada"), named=True) == [f"Ada: {said}"]
    (first,) = cues(Segment(0, 4, said, "Professor Lovelace"), named=True)
    assert first.lines == ("Professor Lovelace:", said)
    (first,) = cues(Segment(0, 4, said, "The Analytical Engine of Mr. Babbage and others"), named=True)
    assert first.lines == ("The Analytical Engine of Mr. Babbage and…:", said)


def test_another_speaker_within_a_segment_has_cues_of_their_own() -> None:
    said = timed("Did you ask? Yes, I did.", seconds=0.5)
    words = tuple(
        Word(w.start_seconds, w.end_seconds, w.text, "Ada" if n < 3 else "Ben") for n, w in enumerate(said.words)
    )
    assert texts(Segment(0, 3, said.text, "Ada", words), named=True) == ["Ada: Did you ask?", "Ben: Yes, I did."]


# --- in files --------------------------------------------------------------------------------------------------------


@given(TRANSCRIPTS)
def test_both_formats_are_read_as_they_were_made(transcript: Transcript) -> None:
    made = readable(transcript, named=True)
    read = rules.shown(srt(transcript))
    assert [(cue.start.total_seconds(), cue.end.total_seconds()) for cue in read] == [
        (cue.start / 1000, cue.end / 1000) for cue in made
    ]
    assert [len(cue.lines) for cue in read] == [len(cue.lines) for cue in made]
    assert rules.broken(read) == []
    captions = webvtt.WebVTT.from_string(vtt(transcript), strict=True).captions
    spoken_by = readable(transcript, named=False)
    assert [len(caption.lines) for caption in captions] == [len(cue.lines) for cue in spoken_by]
    assert [caption.voice or "" for caption in captions] == [html.escape(cue.speaker, quote=False) for cue in spoken_by]


def test_lines_are_lines_of_the_file() -> None:
    said = Transcript((Segment(0, 4, "We have learned that every meeting delays the roadmap.", "Ada"),))
    assert srt(said) == (
        "1\n00:00:00,000 --> 00:00:04,000\nAda: We have learned that every\nmeeting delays the roadmap.\n"
    )
    assert vtt(said) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:04.000\n<v Ada>We have learned that every\nmeeting delays the roadmap.\n"
    )


def test_cues_of_another_kind_are_refused_in_a_sentence() -> None:
    for write in (srt, vtt):
        with pytest.raises(ImpossibleError, match=r'^cues are "readable" or "provider", not \'karaoke\'$'):
            write(Transcript(), cues="karaoke")
        assert write(sampled("podcast.mp3"), cues=None) == write(sampled("podcast.mp3"), cues="readable")
