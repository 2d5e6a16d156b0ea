"""`transcripts.subtitles`: two independent parsers read back what we write, the same to a millisecond."""

import html
import math
from datetime import timedelta

import pytest
import srt as srt_parser  # type: ignore[import-untyped]  # it has neither types nor stubs
import webvtt
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.transcripts import Segment, Transcript
from receiver.transcripts.subtitles import srt, vtt

ANYTHING = st.text(st.characters(), max_size=40)  # surrogates and control characters too
MARKUP = st.lists(st.sampled_from(["-->", "-", ">", "<v Ada>", "</v>", "<", "&", "&amp;", "\n\n", "\r", "\0", "1",
                                   "00:00:01.000 --> 00:00:02.000", "00:00:01,000", "WEBVTT", "NOTE", " ",
                                   "a"]))  # fmt: skip
TEXTS = ANYTHING | MARKUP.map("".join)
SECONDS = st.floats(min_value=-10, max_value=2_000_000)
SEGMENTS = st.builds(Segment, SECONDS, SECONDS, TEXTS, st.none() | TEXTS)
TRANSCRIPTS = st.lists(SEGMENTS, max_size=6).map(lambda segments: Transcript(segments=tuple(segments)))


def said(text: str, speaker: str | None = None, start: float = 1, end: float = 2) -> Transcript:
    return Transcript(segments=(Segment(start, end, text, speaker),))


def read_srt(text: str) -> list[tuple[int, int, str]]:
    """Return start and end in milliseconds and the text of each cue, as a parser of others reads them."""
    cues = list(srt_parser.parse(text))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    millisecond = timedelta(milliseconds=1)
    return [(cue.start // millisecond, cue.end // millisecond, cue.content) for cue in cues]


def read_vtt(text: str) -> list[tuple[int, int, str]]:
    """The same of WebVTT; its parser leaves the escapes to the player."""
    cues = webvtt.WebVTT.from_string(text, strict=True).captions
    for cue in cues:
        assert len(cue.lines) == 1
    return [(moment(cue.start_time), moment(cue.end_time), html.unescape(cue.lines[0])) for cue in cues]


def moment(time: webvtt.models.Timestamp) -> int:
    return ((time.hours * 60 + time.minutes) * 60 + time.seconds) * 1000 + time.milliseconds


def expected(transcript: Transcript) -> list[tuple[int, int]]:
    """Return the times of the segments with text, by the rule: the nearest millisecond, and at least one long."""
    said = [s for s in transcript.segments if any(is_text(sign) for sign in s.text)]
    starts = [(max(0, round(s.start_seconds * 1000)), max(0, round(s.end_seconds * 1000))) for s in said]
    return sorted(((start, max(end, start + 1)) for start, end in starts), key=lambda cue: cue[0])


def is_text(sign: str) -> bool:
    return not sign.isspace() and not (ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0 or 0xD800 <= ord(sign) < 0xE000)


def test_a_segment_becomes_a_cue() -> None:
    transcript = Transcript(segments=(Segment(0.0, 4.21, "Fish & chips.", "Ada"), Segment(4.21, 6, "Yes?")))
    assert srt(transcript) == (
        "1\n00:00:00,000 --> 00:00:04,210\nAda: Fish & chips.\n\n2\n00:00:04,210 --> 00:00:06,000\nYes?\n"
    )
    assert vtt(transcript) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:04.210\n<v Ada>Fish &amp; chips.\n"
        "\n00:00:04.210 --> 00:00:06.000\nYes?\n"
    )  # fmt: skip


def test_nothing_said_is_an_empty_file_of_its_format() -> None:
    assert (srt(Transcript()), vtt(Transcript())) == ("", "WEBVTT\n")
    assert read_vtt(vtt(Transcript())) == []


@pytest.mark.parametrize("text", ["", " ", "\n\t\r\n", "\0\x07", "\u2028", "\u00a0", "\u3000", "\ud800"])
def test_a_segment_without_text_is_left_out(text: str) -> None:
    transcript = Transcript(segments=(Segment(0, 1, text, "Ada"), Segment(1, 2, "Hello.", "Ada")))
    assert read_srt(srt(transcript)) == [(1000, 2000, "Ada: Hello.")]
    assert read_vtt(vtt(transcript)) == [(1000, 2000, "<v Ada>Hello.")]


@pytest.mark.parametrize(("start", "end", "times"), [
    pytest.param(0, 1, "00:00:00.000 --> 00:00:01.000", id="from the start"),
    pytest.param(1.2344, 1.2346, "00:00:01.234 --> 00:00:01.235", id="to the nearest millisecond"),
    pytest.param(59.9994, 59.9996, "00:00:59.999 --> 00:01:00.000", id="rounding carries into the minute"),
    pytest.param(3599.9996, 3600.5, "01:00:00.000 --> 01:00:00.500", id="rounding carries into the hour"),
    pytest.param(359999.9996, 360061, "100:00:00.000 --> 100:01:01.000", id="more than 99 hours"),
    pytest.param(5, 5, "00:00:05.000 --> 00:00:05.001", id="no length"),
    pytest.param(5, 5.0004, "00:00:05.000 --> 00:00:05.001", id="no length once rounded"),
    pytest.param(5, 3, "00:00:05.000 --> 00:00:05.001", id="reversed"),
    pytest.param(-2, 3, "00:00:00.000 --> 00:00:03.000", id="from before the start"),
    pytest.param(-2, -1, "00:00:00.000 --> 00:00:00.001", id="all before the start"),
    pytest.param(-0.0, 1, "00:00:00.000 --> 00:00:01.000", id="minus zero"),
    pytest.param(math.nan, math.nan, "00:00:00.000 --> 00:00:00.001", id="no numbers"),
    pytest.param(1, math.inf, "00:00:01.000 --> 9999:00:00.000", id="without an end"),
    pytest.param(1e300, 1e300, "9999:00:00.000 --> 9999:00:00.001", id="longer than parsers read"),
])  # fmt: skip
def test_times_are_written_so_that_they_can_be_shown(start: float, end: float, times: str) -> None:
    assert vtt(said("x", start=start, end=end)) == f"WEBVTT\n\n{times}\nx\n"
    assert srt(said("x", start=start, end=end)) == f"1\n{times.replace('.', ',')}\nx\n"


def test_cues_stand_in_the_order_of_their_starts_and_may_overlap() -> None:
    """Segments that start together stay as they were."""
    times = [(3, 4), (1, 9), (2, 3), (1, 2), (-1, 1)]
    transcript = Transcript(segments=tuple(Segment(s, e, f"cue {n}") for n, (s, e) in enumerate(times)))
    cues = [(0, 1000, "cue 4"), (1000, 9000, "cue 1"), (1000, 2000, "cue 3"), (2000, 3000, "cue 2"),
            (3000, 4000, "cue 0")]  # fmt: skip
    assert read_srt(srt(transcript)) == cues
    assert read_vtt(vtt(transcript)) == cues


@pytest.mark.parametrize(("text", "in_srt", "in_vtt"), [
    pytest.param("a\nb", "a b", "a b", id="two lines"),
    pytest.param("a\r\n\r\nb", "a b", "a b", id="a blank line"),
    pytest.param(" a  \t b ", "a b", "a b", id="white space"),
    pytest.param("a\u2028b\x85c\x1ed", "a b c d", "a b c d", id="line ends of other kinds"),
    pytest.param("a \0 b\x07\x1b[2J", "a b[2J", "a b[2J", id="control characters"),
    pytest.param("a\ud83d!", "a!", "a!", id="half a surrogate pair"),
    pytest.param("a --> b", "a → b", "a --&gt; b", id="an arrow"),
    pytest.param("a ----->> b", "a →> b", "a -----&gt;&gt; b", id="a longer arrow"),
    pytest.param("a -\0-> b", "a → b", "a --&gt; b", id="an arrow once cleaned"),
    pytest.param("<i>a</i>", "<i>a</i>", "&lt;i&gt;a&lt;/i&gt;", id="markup"),
    pytest.param("R&B &amp; \"it's\"", "R&B &amp; \"it's\"", "R&amp;B &amp;amp; \"it's\"", id="an escape said"),
    pytest.param("Grüße 👩\u200d🚀 你\u3000好 c\u00a0? e\u0301", "Grüße 👩\u200d🚀 你\u3000好 c\u00a0? e\u0301",
                 "Grüße 👩\u200d🚀 你\u3000好 c\u00a0? e\u0301", id="not English"),
])  # fmt: skip
def test_text_becomes_one_line_that_no_parser_takes_for_more(text: str, in_srt: str, in_vtt: str) -> None:
    assert srt(said(text)) == f"1\n00:00:01,000 --> 00:00:02,000\n{in_srt}\n"
    assert vtt(said(text)) == f"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n{in_vtt}\n"


@pytest.mark.parametrize(("speaker", "in_srt", "in_vtt"), [
    pytest.param(None, "x", "x", id="unknown"),
    pytest.param(" \n", "x", "x", id="blank"),
    pytest.param("Ada Lovelace", "Ada Lovelace: x", "<v Ada Lovelace>x", id="two words"),
    pytest.param("Ada\n\nLovelace\0", "Ada Lovelace: x", "<v Ada Lovelace>x", id="two lines"),
    pytest.param("A --> B", "A → B: x", "<v A --&gt; B>x", id="an arrow"),
    pytest.param("<b>AT&T</b>", "<b>AT&T</b>: x", "<v &lt;b&gt;AT&amp;T&lt;/b&gt;>x", id="markup"),
])  # fmt: skip
def test_a_speaker_is_a_prefix_in_srt_and_a_voice_in_vtt(speaker: str | None, in_srt: str, in_vtt: str) -> None:
    assert srt(said("x", speaker)).splitlines()[2] == in_srt
    assert vtt(said("x", speaker)).splitlines()[3] == in_vtt


def test_an_arrow_is_not_made_where_a_speaker_meets_the_text() -> None:
    assert "-->" not in srt(said("-> x", "A -")).splitlines()[2]


def test_a_parser_finds_the_voice() -> None:
    (cue,) = webvtt.WebVTT.from_string(vtt(said("Fish & chips > all.", "Ada Lovelace")), strict=True).captions
    assert cue.voice == "Ada Lovelace"
    assert html.unescape(cue.text) == "Fish & chips > all."


@given(TRANSCRIPTS)
@example(said("00:00:01,000 --> 00:00:02,000"))
@example(said("2\n00:00:01,000 --> 00:00:02,000\nx", "1\n"))
def test_whatever_is_said_subrip_is_read_back(transcript: Transcript) -> None:
    text = srt(transcript)
    cues = read_srt(text)
    assert [(start, end) for start, end, _ in cues] == expected(transcript)
    assert text.count("-->") == len(cues)
    assert text.count("\n") == 4 * len(cues) - bool(cues)  # number, times, line, and a blank line between
    text.encode()


@given(TRANSCRIPTS)
@example(said("--> \n\n00:00:01.000 --> 00:00:02.000", "<v> -->"))
def test_whatever_is_said_webvtt_is_read_back(transcript: Transcript) -> None:
    text = vtt(transcript)
    cues = read_vtt(text)
    assert [(start, end) for start, end, _ in cues] == expected(transcript)
    assert text.count("-->") == len(cues)
    assert text.count("\n") == 3 * len(cues) + 1  # the header; then a blank line, times, line
    text.encode()


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Cf"]), min_size=1), st.sampled_from([None, "Ada"]))
def test_words_are_kept_to_the_letter(text: str, speaker: str | None) -> None:
    transcript = said(text, speaker)
    assert read_vtt(vtt(transcript))[0][2] == html.unescape(html.escape(f"<v {speaker}>{text}" if speaker else text))
    if "->" not in text:
        assert read_srt(srt(transcript))[0][2] == (f"Ada: {text}" if speaker else text)
