"""`transcripts.documents`: our Markdown in a foreign renderer, and the chapters file."""

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from receiver.transcripts import Chapter, QnA, Segment, Transcript, Word
from receiver.transcripts.documents import FORMATS, clock, markdown, podcast_chapters, written

BREAK = "\u200b"  # what breaks a mention shows nothing
ADA, BEN = "Ada", "Ben"
TALK = Transcript(
    segments=(
        Segment(0, 2, "Welcome.", ADA),
        Segment(2, 4, "Today: fish.", ADA),
        Segment(4, 60, "And chips.", BEN),
        Segment(60, 70, "Now the prices.", BEN),
    ),
    chapters=(Chapter(0, "Hello", 60.0, "Who is here."), Chapter(60, "Prices", 145.6)),
    qna=(QnA("What is it about?", "Fish."), QnA("And what else?", "")),
)

SPECIAL = st.lists(st.sampled_from([*"#*_-+=~`<>[]()!|\\&:.1a \n%$^@", "%%", "==", ":a_b:",
                                    "1. ", "&lt;", "<b>", "http://a.b", "www.a.b",
                                    "](x)", "    ", "***", "```", "---", "\t", "\0", "<!--", "[a]: b",
                                    "![x](y)"]))  # fmt: skip
TEXTS = st.text(st.characters(), max_size=40) | SPECIAL.map("".join)
NUMBERS = st.floats(min_value=-10, max_value=1e6)
CHAPTERS = st.builds(Chapter, NUMBERS, TEXTS, st.none() | NUMBERS, st.none() | TEXTS)
SEGMENTS = st.builds(Segment, NUMBERS, NUMBERS, TEXTS, st.none() | TEXTS)


def rendered(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def words(text: str) -> str:
    return " ".join("".join(c for c in text.replace(BREAK, "") if c.isspace() or not is_control(c)).split())


def is_control(sign: str) -> bool:
    return ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0 or 0xD800 <= ord(sign) < 0xE000


def only_text(token: Token) -> str:
    """Return the text of an inline token; anything else than plain text in it is a failure."""
    assert all(child.type in {"text", "text_special"} for child in token.children or ())
    return "".join(child.content for child in token.children or ()).replace(BREAK, "")


# --- Markdown --------------------------------------------------------------------------------------------------------


def test_chapters_are_headings_over_what_is_said_in_them() -> None:
    assert markdown(TALK, title="Episode 149") == (
        "# Episode 149\n\n"
        "## [0:00:00] Hello\n\nWho is here.\n\n**Ada:** Welcome. Today: fish.\n\n**Ben:** And chips.\n\n"
        "## [0:01:00] Prices\n\n**Ben:** Now the prices.\n\n"
        "## Questions\n\n**What is it about?**\n\nFish.\n\n**And what else?**\n"
    )


@pytest.mark.parametrize(("transcript", "text"), [
    pytest.param(Transcript(), "", id="nothing"),
    pytest.param(Transcript(segments=(Segment(0, 1, "One."), Segment(1, 2, "Two."))), "One. Two.\n", id="nobody named"),
    pytest.param(Transcript(segments=(Segment(0, 1, "One.", ADA), Segment(1, 2, "Two."))), "**Ada:** One.\n\nTwo.\n",
                 id="one named"),
    pytest.param(Transcript(segments=(Segment(0, 1, "One.", ADA), Segment(1, 2, " \n"), Segment(2, 3, "Two.", ADA))),
                 "**Ada:** One. Two.\n", id="one says nothing"),
    pytest.param(Transcript(segments=(Segment(0, 1, "One.", " "),)), "One.\n", id="a blank name"),
    pytest.param(Transcript(chapters=(Chapter(0, "", None, " "),)), "## [0:00:00]\n", id="a chapter without words"),
    pytest.param(Transcript(qna=(QnA(" ", "Forty-two."),)), "", id="an answer without a question"),
])  # fmt: skip
def test_what_is_missing_leaves_no_trace(transcript: Transcript, text: str) -> None:
    assert markdown(transcript) == text
    assert markdown(transcript, title=" ") == text


@pytest.mark.parametrize(("start", "paragraphs"), [
    pytest.param(0, ["x", "## [0:00:10] A", "## [0:00:20] B"], id="before the first"),
    pytest.param(9.99, ["x", "## [0:00:10] A", "## [0:00:20] B"], id="just before the first"),
    pytest.param(10, ["## [0:00:10] A", "x", "## [0:00:20] B"], id="as the first starts"),
    pytest.param(19.99, ["## [0:00:10] A", "x", "## [0:00:20] B"], id="late in the first"),
    pytest.param(20, ["## [0:00:10] A", "## [0:00:20] B", "x"], id="as the second starts"),
    pytest.param(9999, ["## [0:00:10] A", "## [0:00:20] B", "x"], id="after all"),
])  # fmt: skip
def test_a_segment_belongs_to_the_chapter_that_it_starts_in(start: float, paragraphs: list[str]) -> None:
    """Chapters come in any order, and their ends do not matter: speech in a gap is not lost."""
    transcript = Transcript(
        segments=(Segment(start, start + 30, "x"),), chapters=(Chapter(20, "B", 21.0), Chapter(10, "A", 12.0))
    )
    assert markdown(transcript) == "\n\n".join(paragraphs) + "\n"


def test_what_is_said_before_the_recording_starts_is_in_its_first_chapter() -> None:
    transcript = Transcript(segments=(Segment(-0.2, 1, "x"),), chapters=(Chapter(0, "A"),))
    assert markdown(transcript) == "## [0:00:00] A\n\nx\n"


HARMLESS = ["# no heading", "no closing #", "- no list", "+ no list", "* no list", "1. no list", "12) no list", "---",
            "===", "***", "> no quote", "    no code", "`no code`", "```", "~~~", "~~kept~~", "*plain* _plain_",
            "__plain__", "[no](link)", "![no](image)", "[no]: reference", "<b>no HTML</b>", "<!-- kept -->", "<https://no.link>",
            "&lt; no entity &#60;", "back\\slash \\* end\\", "| no | table |", "first\n# second", "first\n\n- second",
            "first\n===", "R&B, C#, snake_case, 2.5 - 3"]  # fmt: skip


@pytest.mark.parametrize("text", HARMLESS)
def test_no_text_becomes_markup(text: str) -> None:
    opening, inline, closing = rendered(markdown(Transcript(segments=(Segment(0, 1, text),))))
    assert (opening.type, closing.type) == ("paragraph_open", "paragraph_close")
    assert only_text(inline) == words(text)


@pytest.mark.parametrize(("text", "written"), [
    ("see https://a.example/b", "see https\\://a.example/b"),
    ("see HTTP://a.example", "see HTTP\\://a.example"),
    ("see www.a.example", "see www\\.a.example"),
    ("see WWW.a.example", "see WWW\\.a.example"),
    ("{{< b >}} {{% b %}}", "\\{\\{\\< b \\>}} \\{\\{% b %}}"),
    ("<% b %> %% b %%% 5 %", "\\<\\% b %\\> \\%\\% b \\%\\%\\% 5 %"),
    ("at 10:30, by www and co.", "at 10:30, by www and co."),
    ("it costs $5 or $\\color{white}{x}$", "it costs \\$5 or \\$\\\\color\\{white}\\{x}\\$"),
    ("100% of %%hidden%% ==marked==", "100% of \\%\\%hidden\\%\\% \\=\\=marked\\=\\="),
    ("%%% a=b x^2 ^id", "\\%\\%\\% a=b x\\^2 \\^id"),
    ("@octocat, (@a) me@b.example é@x @", "@&#8203;octocat, (@&#8203;a) me@b.example é@&#8203;x @"),
    (":thumbs_up: :+1: :100: 1:30:15 a: b", ":&#8203;thumbs\\_up: :&#8203;+1: :&#8203;100: 1:30:15 a: b"),
])  # fmt: skip
def test_what_a_renderer_reads_besides_commonmark_is_broken(text: str, written: str) -> None:
    """Links, formulas, what is hidden in Obsidian, mentions, emoji."""
    assert markdown(Transcript(segments=(Segment(0, 1, text),))) == f"{written}\n"
    assert only_text(rendered(written)[1]) == text


def test_two_speakers_hide_nothing_between_them() -> None:
    talk = Transcript((Segment(0, 1, "Welcome %%", ADA), Segment(1, 2, "Against.", BEN), Segment(2, 3, "%%", ADA)))
    assert "%%" not in markdown(talk, title="100 %%")


@given(TEXTS)
@example("1234567890. x")
@example("1.\n2.")
@example("\ufeff# x")
def test_whatever_is_said_is_a_paragraph_of_its_words(text: str) -> None:
    tokens = rendered(markdown(Transcript(segments=(Segment(0, 1, text),))))
    if words(text):
        assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
        assert only_text(tokens[1]) == words(text)
    else:
        assert tokens == []


@given(TEXTS)
def test_whatever_the_titles_are_they_are_headings_of_their_words(text: str) -> None:
    tokens = rendered(markdown(Transcript(chapters=(Chapter(61, text),)), title=text))
    headings = [only_text(token) for token in tokens if token.type == "inline"]
    assert [token.tag for token in tokens if token.type == "heading_open"] == (["h1", "h2"] if words(text) else ["h2"])
    assert headings == ([words(text)] if words(text) else []) + [f"[0:01:01] {words(text)}".rstrip()]


@given(
    st.lists(SEGMENTS, max_size=5), st.lists(CHAPTERS, max_size=4), st.lists(st.builds(QnA, TEXTS, TEXTS), max_size=2)
)
def test_a_document_has_headings_and_paragraphs_and_strong_names_only(
    segments: list[Segment], chapters: list[Chapter], qna: list[QnA]
) -> None:
    text = markdown(Transcript(tuple(segments), tuple(chapters), qna=tuple(qna)))
    text.encode()
    tokens = rendered(text)
    assert {token.tag for token in tokens} <= {"h2", "p", ""}
    assert sum(token.type == "heading_open" for token in tokens) == len(chapters) + any(words(q.question) for q in qna)
    inline = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "text_special", "strong_open", "strong_close"}


# --- the chapters file of Podcasting 2.0 -----------------------------------------------------------------------------


def test_podcast_chapters_have_the_published_shape() -> None:
    assert podcast_chapters(TALK, title=" Episode\n149 ") == {
        "version": "1.2.0",
        "title": "Episode 149",
        "chapters": [
            {"startTime": 0, "title": "Hello", "endTime": 60},
            {"startTime": 60, "title": "Prices", "endTime": 145.6},
        ],
    }


def test_a_podcast_without_chapters_has_an_empty_list_and_no_title() -> None:
    assert podcast_chapters(Transcript(), title=" ") == {"version": "1.2.0", "chapters": []}


@pytest.mark.parametrize(("chapter", "published"), [
    pytest.param(Chapter(0.0, "A"), '{"startTime": 0, "title": "A"}', id="no end"),
    pytest.param(Chapter(94.0, "A", 168.0), '{"startTime": 94, "title": "A", "endTime": 168}', id="whole seconds"),
    pytest.param(Chapter(0.1 + 0.2, "A"), '{"startTime": 0.3, "title": "A"}', id="to a millisecond"),
    pytest.param(Chapter(1.9999, "A"), '{"startTime": 2, "title": "A"}', id="whole once rounded"),
    pytest.param(Chapter(-1, "A", 2), '{"startTime": 0, "title": "A", "endTime": 2}', id="before the start"),
    pytest.param(Chapter(-0.0, "A"), '{"startTime": 0, "title": "A"}', id="minus zero"),
    pytest.param(Chapter(5, "A", 5), '{"startTime": 5, "title": "A"}', id="no length"),
    pytest.param(Chapter(5, "A", 3), '{"startTime": 5, "title": "A"}', id="reversed"),
    pytest.param(Chapter(5, "A", math.inf), '{"startTime": 5, "title": "A"}', id="no end in numbers"),
    pytest.param(Chapter(5, "\n"), '{"startTime": 5}', id="no title"),
    pytest.param(Chapter(5, "A\n\0B <&>"), '{"startTime": 5, "title": "A B <&>"}', id="one line, not escaped"),
])  # fmt: skip
def test_a_podcast_chapter_says_what_is_known(chapter: Chapter, published: str) -> None:
    assert [json.dumps(found) for found in podcast_chapters(Transcript(chapters=(chapter,)))["chapters"]] == [published]


@given(st.lists(st.builds(Chapter, st.floats(), TEXTS, st.none() | st.floats(), st.none()), max_size=6))
def test_podcast_chapters_are_strict_json_in_ascending_order(chapters: list[Chapter]) -> None:
    text = json.dumps(podcast_chapters(Transcript(chapters=tuple(chapters))), allow_nan=False, ensure_ascii=False)
    text.encode()
    found: list[dict[str, Any]] = json.loads(text)["chapters"]
    starts = [chapter["startTime"] for chapter in found]
    assert starts == sorted(starts)
    assert len(found) == sum(math.isfinite(chapter.start_seconds) for chapter in chapters)
    assert all(value is not None for chapter in found for value in chapter.values())
    assert all(chapter.get("endTime", math.inf) > chapter["startTime"] >= 0 for chapter in found)


# --- the clock -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "text"), [
    (0, "0:00:00"), (0.999, "0:00:00"), (59.9996, "0:00:59"), (60, "0:01:00"), (3599, "0:59:59"), (3600, "1:00:00"),
    (36061, "10:01:01"), (360000, "100:00:00"), (-1, "0:00:00"), (math.nan, "0:00:00"), (math.inf, "0:00:00"),
])  # fmt: skip
def test_a_clock_shows_hours_always(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_the_title_that_the_transcript_knows_is_its_title() -> None:
    """A handler's transcript has the title of its event."""
    known = Transcript(title="Episode 9")
    assert (markdown(known), podcast_chapters(known)["title"]) == ("# Episode 9\n", "Episode 9")
    assert markdown(known, title="Mine") == "# Mine\n"


def test_json_has_words_only_where_there_are_some() -> None:
    words = (Word(1, 1.5, "Hello"), Word(1.5, 2, "Ben", "Ada"))
    first, second = Segment(1, 2, "Hello Ben", words=words), Segment(2, 3, "Yes?", "Ben")
    shown = json.loads(FORMATS["json"](Transcript((first, second), title="Talk")))
    assert (shown["title"], shown["text"]) == ("Talk", "Hello Ben\n\nBen: Yes?")
    assert shown["segments"] == [
        {"start_seconds": 1, "end_seconds": 2, "text": "Hello Ben", "speaker": None, "words": [
            {"start_seconds": 1, "end_seconds": 1.5, "text": "Hello", "speaker": None},
            {"start_seconds": 1.5, "end_seconds": 2, "text": "Ben", "speaker": "Ada"},
        ]},
        {"start_seconds": 2, "end_seconds": 3, "text": "Yes?", "speaker": "Ben"},
    ]  # fmt: skip


def test_only_subtitles_have_cues() -> None:
    """In both formats the provider's are one for each segment."""
    transcript = Transcript((Segment(0, 20, "We have learned that every meeting delays. " * 3),))
    for name in FORMATS:
        readable, given = written(transcript, name), written(transcript, name, cues="provider")
        assert readable == FORMATS[name](transcript) == written(transcript, name, cues="readable")
        assert (readable != given) == (name in ("srt", "vtt"))
    assert written(transcript, "srt", cues="provider").count("-->") == 1
