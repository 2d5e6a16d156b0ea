"""`submissions.library.searching`: what is found, in which order, and how far one search reads."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.submissions.library import searching
from receiver.submissions.library.keys import NEWEST, Key
from receiver.submissions.library.searching import MOST_CANDIDATES, MOST_PASSAGES, Among, Found, Hit
from tests.submissions.library.kept import index, keep, search, segment

MANY = """
with listed as (
    insert into receiver.library (
        source, api_url, transcription_id, completed_at, fetched_at, at, title, seconds, passages, config
    )
    select
        source, api_url, transcription_id, completed_at, fetched_at,
        now() - transcription_id::integer * interval '1 h', 'Lecture ' || transcription_id, 3600, 60, $2
    from receiver.archive
    returning id, transcription_id, config
)
insert into receiver.passages (transcript, number, seconds, text, starts, config, words)
select l.id, n, n * 60, said, '[]', l.config, case when l.config is null then '' else to_tsvector('english', said) end
from listed l
cross join generate_series(0, 59) n
cross join lateral (select $3 || case when l.transcription_id::integer = $1 then ' 独 alone' else '' end as said) text
"""


async def fill(db: Pool, transcripts: int, *, text: str = "everywhere", config: str | None = "english") -> None:
    """Put transcripts of an hour into the library; the oldest of them has a word of its own."""
    await db.execute(
        "insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer) "
        "select 'openai', 'https://api.test', n::text, '', 'result', '' from generate_series(1, $1) n", transcripts,
    )  # fmt: skip
    await db.execute(MANY, transcripts, config, text)
    await db.execute("delete from receiver.unindexed")
    await db.execute("analyze receiver.passages; analyze receiver.library")


def at(hits: Sequence[Hit]) -> list[tuple[str, float]]:
    return [(hit.transcription_id, hit.seconds) for hit in hits]


def marked(hit: Hit) -> str:
    return "".join(f"[{part.text}]" if part.is_marked else part.text for part in hit.excerpt)


async def paged(db: Pool, words: str, limit: int) -> list[tuple[str, float]]:
    """Return all hits, page by page."""
    found, key = list[tuple[str, float]](), NEWEST
    while True:
        page = await search(db, words, before=key, limit=limit)
        found += at(page.hits)
        if page.further is None:
            return found
        assert page.further != key
        key = page.further


async def test_the_newest_transcripts_come_first_and_in_each_what_was_said_first(db: Pool) -> None:
    await keep(db, 1, "rates fell", "nothing", "the rate rose", at="2026-01-01T00:00:00Z")
    await keep(db, 2, "a rate", at="2026-03-01T00:00:00Z")
    await keep(db, 3, "rating rates", at="2026-02-01T00:00:00Z")
    await index(db)
    found = await search(db, "rate")
    assert at(found.hits) == [("2", 0.0), ("3", 0.0), ("1", 0.0), ("1", 120.0)]
    assert found[1:] == (None, None, False)
    assert [marked(hit) for hit in found.hits] == ["a [rate]", "[rating] [rates]", "[rates] fell", "the [rate] rose"]
    assert found.hits[0].to_json() == {
        "source": "transcribe.so", "api_url": "https://api.test", "account": "big-show", "transcription_id": "2",
        "title": "A talk", "seconds": 0.0, "speaker": None, "at": "2026-03-01T00:00:00+00:00",
        "excerpt": [{"text": "a ", "marked": False}, {"text": "rate", "marked": True}],
    }  # fmt: skip


@pytest.mark.parametrize(("words", "found"), [
    ("interest rate", [0, 120]), ('"interest rates"', [0]), ("interest -inflation", [0]),
    ("gold or inflation", [60, 120]),
    ("Interest RATES", [0, 120]), ("inflation the", [120]), ("platinum", []), ("interest gold", []),
    ('inflation -"interest rates"', [120]),
    ("rates & | ! ( : * < >", [0, 120]), ("'rates'); drop table x --", []), ("rates\x00\u202e", [0, 120]),
    ('"rates', [0, 120]), ("-rates gold", [60]), ("inter", []),
])  # fmt: skip
async def test_words_are_those_of_a_web_search(db: Pool, words: str, found: list[float]) -> None:
    await keep(db, 1, "interest rates rise", "the gold price", "rates of interest and inflation")
    await index(db)
    assert [seconds for _, seconds in at((await search(db, words)).hits)] == found


@pytest.mark.parametrize(("words", "said"), [
    ("", "there is nothing to search for"), (" \x00\u202e\t", "there is nothing to search for"),
    ("the of to be or not", "every text has such words"), ("-rates", "they only exclude others"), ('"', "cannot be"),
    ("&|!():*", "cannot be searched for"), ("rates or -gold", "cannot be searched for"),
    ("word " * 1000, "at most 200 characters, this one has 4999"),
])  # fmt: skip
async def test_what_cannot_be_looked_up_is_refused_and_says_why(db: Pool, words: str, said: str) -> None:
    await keep(db, 1, "interest rates rise")
    await index(db)
    with pytest.raises(ImpossibleError) as caught:
        await search(db, words)
    assert said in str(caught.value)
    assert caught.value.code == "no_words"


@pytest.mark.parametrize(
    ("among", "said"),
    [
        ({"title": "a\x00"}, "the title has a character that cannot be looked for"),
        ({"source": "\u202e"}, "the source has a character that cannot be looked for"),
        ({"title": "x" * 201}, "the title is too long: 200 characters at most"),
    ],
)
def test_a_title_that_no_transcript_has_is_refused(among: dict[str, str], said: str) -> None:
    with pytest.raises(ImpossibleError, match=said):
        Among(title=among.get("title"), source=among.get("source"))


@pytest.mark.parametrize(("waiting", "said"), [
    (0, ""), (1, "1 transcript is not in the index yet"), (999, "999 transcripts are not in the index yet"),
    (searching.MOST_WAITING, "1,000 or more transcripts are not in the index yet"),
])  # fmt: skip
def test_how_many_wait_for_a_worker_is_said_in_one_sentence(waiting: int, said: str) -> None:
    whole = f"{said}: a worker puts them there (`receiver work`)" if said else ""
    assert searching.not_indexed(waiting) == whole


async def test_in_an_empty_library_nothing_is_found(db: Pool) -> None:
    assert await search(db, "the") == Found([], None, None, by_text=False)
    assert await searching.all_hits(db, "rates", Among(), None) == ([], 0)


async def test_each_language_has_its_own_forms_of_a_word(db: Pool) -> None:
    await keep(db, 1, "die Häuser brannten", language="de")
    await keep(db, 2, "the houses burned", language="en", at="2026-01-02T00:00:00Z")
    await keep(db, 3, "houses are houses", language="eo", at="2026-01-03T00:00:00Z")
    await index(db)
    assert at((await search(db, "Haus")).hits) == [("1", 0.0)]
    assert at((await search(db, "house")).hits) == [("2", 0.0)]
    await keep(db, 4, "a rat ran")
    await index(db)
    assert at((await search(db, "rates")).hits) == []  # in German its stem is `rat`
    assert at((await search(db, "houses")).hits) == [("3", 0.0), ("2", 0.0)]
    assert at((await search(db, "the")).hits) == []  # in Esperanto it could be a word


async def test_the_moment_is_that_of_the_segment_in_which_the_word_was_said(db: Pool) -> None:
    turns = [segment("What did the bank do?", 10, 14), segment("It raised its rates.", 14.5, 18), segment("Why?", 18.5)]
    await keep(db, 1, segments=turns)
    await index(db)
    assert at((await search(db, "bank rates")).hits) == [("1", 10.0)]
    assert at((await search(db, "rates")).hits) == [("1", 14.5)]


async def test_title_source_and_date_choose_the_transcripts(db: Pool) -> None:
    await keep(db, 1, "said", title="Ökonomie (1)", at="2026-01-01T00:00:00Z")
    await keep(db, 2, "said", title="Physics", at="2026-01-02T00:00:00Z")
    await keep(db, 3, "said", title=None, at="2026-01-03T00:00:00Z")
    await index(db)
    await db.execute("update receiver.library set at = now() where transcription_id = '2'")

    async def ids(among: Among) -> list[str]:
        return [number for number, _ in at((await search(db, "said", among)).hits)]

    assert await ids(Among(title="öKONOMIE (")) == ["1"]
    assert await ids(Among(title=".*")) == []
    assert await ids(Among(source="transcribe.so")) == ["2", "3", "1"]
    assert await ids(Among(source="openai")) == []
    assert await ids(Among(since=timedelta(days=1))) == ["2"]
    assert await ids(Among(title="physics", source="transcribe.so", since=timedelta(days=1))) == ["2"]


async def test_without_spaces_terms_are_looked_for_in_the_text(db: Pool) -> None:
    await keep(db, 1, "利率上升了", "通胀和利率", language="zh", at="2026-01-02T00:00:00Z")
    await keep(db, 2, "the character 利率 means interest", at="2026-01-03T00:00:00Z")
    await keep(db, 3, "APIを使う API", language="ja", at="2026-01-01T00:00:00Z")
    await index(db)
    found = await search(db, "利率")
    assert (at(found.hits), found.by_text) == ([("2", 0.0), ("1", 0.0), ("1", 60.0)], True)
    assert marked(found.hits[1]) == "[利率]上升了"
    assert at((await search(db, "利率 通胀")).hits) == [("1", 60.0)]
    assert at((await search(db, "上升 or 通胀")).hits) == []  # both terms must stand there
    assert at((await search(db, "api")).hits) == [("3", 0.0)]
    assert at((await search(db, '"利率上"')).hits) == [("1", 0.0)]
    assert at((await search(db, ".")).hits) == []
    assert at((await search(db, "the")).hits) == []


async def test_pages_have_each_passage_once_and_in_order(db: Pool) -> None:
    days = {1: 3, 2: 2, 3: 1, 4: 5, 5: 4}  # they are not put into the library in the order of their days
    for number, day in days.items():
        language, text = ("zh", "利率上升 rates") if number % 2 else ("en", "rates")
        await keep(db, number, *[text] * number, language=language, at=f"2026-01-0{day}T00:00:00Z")
        await index(db)
    newest = sorted(days, key=lambda number: -days[number])
    expected = [(str(number), 60.0 * place) for number in newest for place in range(number)]
    for limit in (1, 2, 3, 100):
        assert await paged(db, "rates", limit) == expected


async def test_a_word_that_is_said_everywhere_is_found_in_the_newest_transcripts(db: Pool) -> None:
    await fill(db, MOST_CANDIDATES // 60 + 10)
    found = await search(db, "everywhere", limit=61)
    assert at(found.hits) == [("1", 60.0 * n) for n in range(60)] + [("2", 0.0)]
    assert found.further == Key(found.hits[-1].at, found.hits[-1].transcript, 0)
    assert len(set(await paged(db, "everywhere", 97))) == 60 * (MOST_CANDIDATES // 60 + 10)
    rare = await search(db, "everywhere alone", Among(title="lecture"))
    assert (len(rare.hits), {hit.transcription_id for hit in rare.hits}) == (20, {str(MOST_CANDIDATES // 60 + 10)})


async def test_a_word_that_few_of_the_newest_have_is_found_in_the_oldest_too(db: Pool) -> None:
    await fill(db, 10)
    await keep(db, 9999, "alone", at="2100-01-01T00:00:00Z")
    await index(db)
    assert at((await search(db, "alone", limit=3)).hits) == [("9999", 0.0), ("10", 0.0), ("10", 60.0)]


async def test_what_reads_too_much_says_how_far_it_has_read_and_goes_on_there(db: Pool) -> None:
    transcripts = MOST_PASSAGES // 60 + 20
    await fill(db, transcripts, text="到处", config=None)
    await keep(db, 9999, "alone", at="2020-01-01T00:00:00Z")  # found at once, and older than what is read
    await index(db)
    first = await search(db, "alone")
    assert (first.hits, first.by_text) == ([], True)
    assert first.further is not None
    assert first.read_to == first.further.at
    second = await search(db, "alone", before=first.further, limit=100)
    assert [hit.transcription_id for hit in second.hits] == [str(transcripts)] * 60 + ["9999"]
    hits, _ = await searching.all_hits(db, "alone", Among(), 7)
    assert at(hits) == [(str(transcripts), 60.0 * n) for n in range(7)]
    hits, _ = await searching.all_hits(db, "alone", Among(), None)
    assert len(hits) == 61


async def test_a_phrase_of_words_that_are_said_everywhere_reads_no_more(db: Pool) -> None:
    await fill(db, MOST_CANDIDATES // 60 + 60, text="gold price")
    assert len((await search(db, '"gold price"')).hits) == 20
    apart = await search(db, '"price gold"')
    assert (apart.hits, apart.read_to is not None) == ([], True)
    assert await searching.all_hits(db, '"price gold"', Among(), None) == ([], 0)
