"""`inbox.asked`: a line of words says what is asked for, and what is wrong with it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.inbox import asked
from receiver.inbox.asked import Asked, Word
from receiver.inbox.filters import ALL, Filter


def read(text: str) -> Asked:
    return asked.read(text, sources=["transcribe.so", "timbr"])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ALL), ("   ", ALL), ("type:*", ALL),
        ("state:dead handler:crm", Filter(state="dead", handler="crm")),
        ('title:"lecture 7" since:7d', Filter(title="lecture 7", since=timedelta(days=7))),
        ("source:timbr account:big-show", Filter(source="timbr", account="big-show")),
        ("type:transcription.* id:evt_1", Filter(type="transcription.*", about="evt_1")),
        ('title:"never closed', Filter(title="never closed")),
        ("title:a:b", Filter(title="a:b")),
        ("id:1 lecture", Filter(about="1", words=("lecture",))),
    ],
)  # fmt: skip
def test_a_line_is_a_filter(text: str, wanted: Filter) -> None:
    found = read(text)
    assert (found.filter, found.texts, found.wrong) == (wanted, (), ())


@pytest.mark.parametrize("text", ["4821", "transcribe.so/evt_1", "@7", "https://a.test/x", "12:30", "Re:"])
def test_what_is_no_word_of_ours_is_an_id_or_a_part_of_the_title(text: str) -> None:
    found = read(f"state:done {text}")
    assert (found.texts, found.wrong) == ((text,), ())
    assert found.as_ids == [Filter(state="done", about=text)]
    assert found.as_title == Filter(state="done", words=(text,))


def test_each_of_several_words_is_looked_for_by_itself_and_what_is_quoted_as_one() -> None:
    found = read('title:a lecture "b c" lecture')
    assert found.texts == ("lecture", "b c")
    assert found.as_title == Filter(title="a", words=("lecture", "b c"))
    assert found.as_ids == [
        Filter(title="a", about="lecture", words=("b c",)), Filter(title="a", about="b c", words=("lecture",)),
    ]  # fmt: skip


def test_quoted_a_name_is_text_and_the_line_keeps_its_quotes() -> None:
    found = read('"foo:bar"')
    assert (found.texts, found.wrong, found.line) == (("foo:bar",), (), '"foo:bar"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("state:running", "state:running is none: write one of pending, done, dead, quarantined"),
        ("since:7", "since:7 is none: write a number and one of s, m, h, d, w"),
        ("since:0d", "since:0d is none"), ("since:99999999d", "the longest is 36500d"),
        ("type:Failed", "type:Failed is none: write transcription.failed, or a family"),
        ("source:nobody", "source:nobody is none: write one of transcribe.so, timbr"),
        ('state:""', "says nothing"), ('title:""', "says nothing"),
        ("state:dead state:done", "state: stands there more than once"),
        ("foo:bar", 'there is no foo:; write "foo:bar" in quotes to look for it in titles'),
        ('State:"a b"', 'there is no State:; write "State:a b" in quotes'),
        ("a b c d e f g h i j k", "more than 10 words without a name"),
        ("state:quarantined handler:a", "what is in quarantine could not be read"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_a_sentence(text: str, said: str) -> None:
    (why,) = read(text).wrong
    assert said in why


def test_a_word_is_taken_away_or_put_in_the_place_of_another() -> None:
    found = read('state:dead title:"lecture 7" 4821')
    assert found.without(Word("state", "dead")) == 'title:"lecture 7" 4821'
    assert found.without(Word("title", "lecture 7")) == "state:dead 4821"
    assert found.with_word(Word("state", "done")) == 'title:"lecture 7" 4821 state:done'


@given(st.text(max_size=60), st.sampled_from(["", "state:dead ", 'title:"', "id:", '"state:']))
def test_any_line_can_be_read_and_written_again(text: str, before: str) -> None:
    found = read(before + text)
    again = read(found.line)
    assert (again.filter, again.texts) == (found.filter, found.texts)


@pytest.mark.parametrize("name", ["", "title"])
@pytest.mark.parametrize("value", ["//x", "https://a.test/x", "a b", "state:done", "a:b"])
def test_a_word_means_the_same_in_a_line(name: str, value: str) -> None:
    words = (Word("state", "done"), Word(name, value))
    assert read(asked.line(words)).words == words


def test_words_are_taken_as_they_are() -> None:
    found = asked.meant((Word("title", 'a" state:dead'), Word("type", 'a.b"')), sources=())
    assert found.filter.title == 'a" state:dead'
    assert len(found.wrong) == 1


def test_a_line_is_bounded_and_has_no_zero_in_it() -> None:
    found = read("a\0b " + "x" * 10_000)
    assert found.texts[:2] == ("a", "b")
    assert len("".join(found.texts)) <= asked.CHARACTERS
