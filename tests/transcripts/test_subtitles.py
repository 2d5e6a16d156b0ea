"""`transcripts.subtitles`: independent parsers read what we write, to a millisecond, and we read what others write."""

import html
import math
from datetime import timedelta
from functools import partial

import pytest
import srt as srt_parser  # type: ignore[import-untyped]  # it has neither types nor stubs
import webvtt
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.transcripts import Segment, Transcript, subtitles
from receiver.transcripts.subtitles import read_srt, read_vtt

# A cue for each segment, so that a case shows what becomes of its text; `test_cues` has the others.
srt, vtt = partial(subtitles.srt, cues="provider"), partial(subtitles.vtt, cues="provider")

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


def parsed_srt(text: str) -> list[tuple[int, int, str]]:
    """Return start and end in milliseconds and the text of each cue, as a parser of others reads them."""
    cues = list(srt_parser.parse(text))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    millisecond = timedelta(milliseconds=1)
    return [(cue.start // millisecond, cue.end // millisecond, cue.content) for cue in cues]


def parsed_vtt(text: str) -> list[tuple[int, int, str]]:
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
    assert parsed_vtt(vtt(Transcript())) == []


@pytest.mark.parametrize("text", ["", " ", "\n\t\r\n", "\0\x07", "\u2028", "\u00a0", "\u3000", "\ud800"])
def test_a_segment_without_text_is_left_out(text: str) -> None:
    transcript = Transcript(segments=(Segment(0, 1, text, "Ada"), Segment(1, 2, "Hello.", "Ada")))
    assert parsed_srt(srt(transcript)) == [(1000, 2000, "Ada: Hello.")]
    assert parsed_vtt(vtt(transcript)) == [(1000, 2000, "<v Ada>Hello.")]


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
    assert parsed_srt(srt(transcript)) == cues
    assert parsed_vtt(vtt(transcript)) == cues


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
    cues = parsed_srt(text)
    assert [(start, end) for start, end, _ in cues] == expected(transcript)
    assert text.count("-->") == len(cues)
    assert text.count("\n") == 4 * len(cues) - bool(cues)  # number, times, line, and a blank line between
    text.encode()


@given(TRANSCRIPTS)
@example(said("--> \n\n00:00:01.000 --> 00:00:02.000", "<v> -->"))
def test_whatever_is_said_webvtt_is_read_back(transcript: Transcript) -> None:
    text = vtt(transcript)
    cues = parsed_vtt(text)
    assert [(start, end) for start, end, _ in cues] == expected(transcript)
    assert text.count("-->") == len(cues)
    assert text.count("\n") == 3 * len(cues) + 1  # the header; then a blank line, times, line
    text.encode()


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Cf"]), min_size=1), st.sampled_from([None, "Ada"]))
def test_words_are_kept_to_the_letter(text: str, speaker: str | None) -> None:
    transcript = said(text, speaker)
    assert parsed_vtt(vtt(transcript))[0][2] == html.unescape(html.escape(f"<v {speaker}>{text}" if speaker else text))
    if "->" not in text:
        assert parsed_srt(srt(transcript))[0][2] == (f"Ada: {text}" if speaker else text)


# --- reading ---------------------------------------------------------------------------------------------------------

Said = tuple[float, float, str, str | None]


def cues(transcript: Transcript) -> list[Said]:
    return [(s.start_seconds, s.end_seconds, s.text, s.speaker) for s in transcript.segments]


def in_milliseconds(transcript: Transcript) -> list[tuple[int, int, str]]:
    """Return what the other parsers return, the voice before the text."""
    return [
        (round(start * 1000), round(end * 1000), text if speaker is None else f"<v {speaker}>{text}")
        for start, end, text, speaker in cues(transcript)
    ]


@given(TRANSCRIPTS)
@example(said("1", "Ada"))
@example(said("NOTE &amp; <v Ben> &lt;b>", "<v> .x"))
def test_what_we_write_we_read(transcript: Transcript) -> None:
    assert in_milliseconds(read_srt(srt(transcript).encode())) == parsed_srt(srt(transcript))
    assert in_milliseconds(read_vtt(vtt(transcript).encode())) == parsed_vtt(vtt(transcript))


LINES = st.lists(st.text("aé1 .?", min_size=1).filter(str.strip), min_size=1, max_size=3)
TIMES = st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)).map(sorted)


@given(st.lists(st.tuples(TIMES, LINES), max_size=5))
def test_what_others_write_is_read_as_they_read_it(written: list[tuple[list[int], list[str]]]) -> None:
    ours = [(start, end, " ".join(" ".join(lines).split()), None) for (start, end), lines in written]
    millisecond = timedelta(milliseconds=1)
    written_by_them = [
        srt_parser.Subtitle(number, start * millisecond, end * millisecond, "\n".join(lines))
        for number, ((start, end), lines) in enumerate(written)
    ]
    in_srt = srt_parser.compose(written_by_them, reindex=False, eol="\r\n").encode("utf-8-sig")
    in_vtt = webvtt.WebVTT()
    for (start, end), lines in written:
        in_vtt.captions.append(webvtt.Caption(stamp(start), stamp(end), lines, identifier="x"))
    for read in (read_srt(in_srt), read_vtt(in_vtt.content.encode())):
        assert [(round(s * 1000), round(e * 1000), text, who) for s, e, text, who in cues(read)] == ours


def stamp(milliseconds: int) -> str:
    return f"{milliseconds // 3600000:02}:{milliseconds // 60000 % 60:02}:{milliseconds % 60000 / 1000:06.3f}"


A, B = (1.0, 2.0, "Hello.", None), (3.0, 4.5, "Yes?", None)
USUAL = "1\n00:00:01,000 --> 00:00:02,000\nHello.\n\n2\n00:00:03,000 --> 00:00:04,500\nYes?\n"


@pytest.mark.parametrize(("text", "said"), [
    pytest.param(USUAL, [A, B], id="usual"),
    pytest.param("\ufeff" + USUAL, [A, B], id="a byte order mark"),
    pytest.param(USUAL.replace("\n", "\r\n"), [A, B], id="lines of Windows"),
    pytest.param(USUAL.replace("\n", "\r"), [A, B], id="lines of an old Mac"),
    pytest.param(USUAL.replace("\n", "\r\r\n"), [A, B], id="lines that were converted twice"),
    pytest.param(USUAL.rstrip(), [A, B], id="no end of the last line"),
    pytest.param(USUAL.replace(",", "."), [A, B], id="points"),
    pytest.param(USUAL.replace("00:00:0", "0:0:"), [A, B], id="short numbers"),
    pytest.param(USUAL.replace("00:00:", "00:"), [A, B], id="no hours"),
    pytest.param(USUAL.replace(",000", ""), [A, B], id="no fraction"),
    pytest.param(USUAL.replace(",000", ",0").replace(",500", ",5"), [A, B], id="a short fraction"),
    pytest.param(USUAL.replace(" --> ", "-->"), [A, B], id="no blanks around the arrow"),
    pytest.param(USUAL.replace("000\n", "000 X1:40 X2:600 \n"), [A, B], id="a place"),
    pytest.param(USUAL.replace("1\n", "").replace("2\n", ""), [A, B], id="no numbers"),
    pytest.param(USUAL.replace("2\n00", "7\n00"), [A, B], id="other numbers"),
    pytest.param(USUAL.replace("\n\n", "\n"), [A, B], id="no blank line"),
    pytest.param(USUAL.replace("\n\n", "\n \t\n\n"), [A, B], id="several blank lines"),
    pytest.param(USUAL.replace("Hello.\n", "\n"), [B], id="a cue without text"),
    pytest.param(USUAL.replace("Hello.\n\n", ""), [B], id="a cue without text or blank line"),
    pytest.param(USUAL.replace("Hello.\n\n2\n", ""), [B], id="a cue of times alone"),
    pytest.param(USUAL.replace("Hello.", "2024"), [(1.0, 2.0, "2024", None), B], id="a number is said"),
    pytest.param(USUAL.replace("1\n", "").replace("Hello.\n\n2", "2024"), [(1.0, 2.0, "2024", None), B],
                 id="a number is said where nothing is numbered"),
    pytest.param(USUAL.replace("Hello.", "Hello\n\nyou."), [(1.0, 2.0, "Hello you.", None), B],
                 id="a blank line in the text"),
    pytest.param(USUAL.replace("Hello.", "Ada: <i>Oh</i> &amp; <v Ben>"),
                 [(1.0, 2.0, "Ada: <i>Oh</i> &amp; <v Ben>", None), B], id="nothing is markup or a speaker"),
    pytest.param(USUAL.replace("02,000", "00,500"), [(1.0, 1.0, "Hello.", None), B], id="times that run backwards"),
    pytest.param(USUAL.replace("00:00:01", "00:00:09").replace("00:00:02", "00:00:10"),
                 [(9.0, 10.0, "Hello.", None), B], id="not in the order of the starts"),
    pytest.param(USUAL.replace("00:00:01", "-00:00:01"), [(0.0, 2.0, "Hello.", None), B], id="from before the start"),
    pytest.param(USUAL.replace("00:00:02", "99:59:99"), [(1.0, 359999.0 + 40, "Hello.", None), B],
                 id="too many seconds"),
    pytest.param(USUAL.replace("00:00:02", "9" * 5000 + ":00:02"), [B], id="a number without end"),
    pytest.param("Made by hand\n\n" + USUAL, [A, B], id="words before the first cue"),
    pytest.param("", [], id="nothing"),
    pytest.param("Hello.\n", [], id="no times"),
])  # fmt: skip
def test_subrip_is_read_however_it_was_written(text: str, said: list[Said]) -> None:
    assert cues(read_srt(text.encode())) == said


@pytest.mark.parametrize(("first", "second", "said"), [
    ("[Ada] Hello.", "[Ben Jr.]: Yes?", [("Ada", "Hello."), ("Ben Jr.", "Yes?")]),
    ("Ada: Hello.", "Ben Jr.: Yes: no?", [("Ada", "Hello."), ("Ben Jr.", "Yes: no?")]),
    ("[Speaker 1] Hello.", "Yes?", [("Speaker 1", "Hello."), (None, "Yes?")]),
    ("Hello.", "SPEAKER_01: Yes?", [(None, "Hello."), ("SPEAKER_01", "Yes?")]),
    ("Warning: hot.", "Yes?", [(None, "Warning: hot."), (None, "Yes?")]),
    ("[Laughs] Hello.", "Yes?", [(None, "[Laughs] Hello."), (None, "Yes?")]),
    ("[Music]", "[ ] Yes?", [(None, "[Music]"), (None, "[ ] Yes?")]),
    ("At 10:30.", "10:45 Yes?", [(None, "At 10:30."), (None, "10:45 Yes?")]),
])  # fmt: skip
def test_a_name_before_a_text_is_the_speaker_if_that_is_wished_and_likely(
    first: str, second: str, said: list[tuple[str | None, str]]
) -> None:
    raw = USUAL.replace("Hello.", first).replace("Yes?", second).encode()
    assert [(cue.speaker, cue.text) for cue in read_srt(raw, speakers=True).segments] == said
    assert [(cue.speaker, cue.text) for cue in read_srt(raw).segments] == [(None, first), (None, second)]


HEAD = "WEBVTT - Talk\nKind: captions\n\n"
VTT = f"{HEAD}intro\n00:00:01.000 --> 00:00:02.000\nHello.\n\n00:03.000 --> 00:04.500 align:start\nYes?\n"


@pytest.mark.parametrize(("text", "said"), [
    pytest.param(VTT, [A, B], id="usual"),
    pytest.param("\ufeff" + VTT.replace("\n", "\r\n"), [A, B], id="as Windows writes it"),
    pytest.param(USUAL, [A, B], id="what is SubRip"),
    pytest.param(VTT.replace("Yes?", "NOTE"), [A, (3.0, 4.5, "NOTE", None)], id="a word that has a meaning elsewhere"),
    pytest.param(VTT.replace("\n\n00:03", "\n\nNOTE two\nlines\n\nSTYLE\n::cue {}\n\n00:03"), [A, B], id="notes"),
    pytest.param(VTT.replace("Hello.\n\n", ""), [B], id="a cue without text or blank line"),
    pytest.param(VTT.replace("Hello.", "\nlost"), [B], id="a cue without text"),
    pytest.param(VTT.replace("Hello.", "<v Ada>Hello."), [(1.0, 2.0, "Hello.", "Ada"), B], id="a voice"),
    pytest.param(VTT.replace("Hello.", "<v.loud.first  Ada &amp; Co>Hello.</v>"), [(1.0, 2.0, "Hello.", "Ada & Co"), B],
                 id="a voice with a style"),
    pytest.param(VTT.replace("Hello.", "<v Ada>Hi.</v> <v Ben>Yes\n-- no.</v> (noise)"),
                 [(1.0, 2.0, "Hi.", "Ada"), (1.0, 2.0, "Yes -- no.", "Ben"), (1.0, 2.0, "(noise)", None), B],
                 id="several voices"),
    pytest.param(VTT.replace("Hello.", "Ada: Hello."), [(1.0, 2.0, "Ada: Hello.", None), B], id="no voice"),
    pytest.param(VTT.replace("Hello.", "<c.red>He</c>llo<00:00:01.500>.<i></i>"), [A, B], id="other markup"),
    pytest.param(VTT.replace("Hello.", "1 &lt; 2 &amp;gt; &nbsp;x &nix; &#" + "9" * 5000 + ";"),
                 [(1.0, 2.0, "1 < 2 &gt; \xa0x &nix; &#" + "9" * 5000 + ";", None), B], id="escapes"),
    pytest.param(VTT.replace("Hello.", "1 < 2 <"), [(1.0, 2.0, "1 < 2 <", None), B], id="no markup"),
    pytest.param(VTT.replace("Hello.", "a&#7;b\0c"), [(1.0, 2.0, "abc", None), B], id="control characters"),
    pytest.param("WEBVTT", [], id="nothing"),
])  # fmt: skip
def test_webvtt_is_read_however_it_was_written(text: str, said: list[Said]) -> None:
    assert cues(read_vtt(text.encode())) == said


def test_a_file_in_another_encoding_is_read() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        mark = "" if encoding == "utf-16" else "\ufeff"
        assert cues(read_srt((mark + USUAL.replace("Hello", "Grüße 👩")).encode(encoding)))[0][2] == "Grüße 👩."
    assert cues(read_srt(USUAL.replace("Hello", "Grüße").encode("latin-1"))) == [
        (1.0, 2.0, "Gr\ufffd\ufffde.", None),
        B,
    ]


@given(st.binary() | st.lists(st.sampled_from([
    "00:00:01,000", " --> ", "00:02", "\n", "\r", "1", "WEBVTT", "<v Ada>", "<", ">", "&", "&#x41;", "\ufeff", "a", "-",
])).map(lambda parts: "".join(parts).encode()))  # fmt: skip
def test_whatever_is_read_is_a_transcript_that_can_be_kept(raw: bytes) -> None:
    for transcript in (read_srt(raw), read_vtt(raw)):
        for start, end, text, speaker in cues(transcript):
            assert 0 <= start <= end < math.inf
            assert text == text.strip() != ""
            assert speaker != ""
            assert "\0" not in f"{text}{speaker}"
        assert read_srt(srt(transcript).encode()).segments or not transcript.segments


@pytest.mark.parametrize("part", [
    "<", "<v ", "&", "&#", "\r", "\n", " ", "-", "0", "0:", "1\n", "00:01 --> ", "00:01 --> 00:02\n", "<v>",
])  # fmt: skip
def test_the_time_for_reading_grows_with_the_size_alone(part: str) -> None:
    """If it grew with the square of it, these would take hours."""
    raw = "00:00:01.000 --> 00:00:02.000\n" + part * (750_000 // len(part))
    assert len(read_srt(raw.encode()).segments) <= 1
    assert len(read_vtt(raw.encode()).segments) <= 1
