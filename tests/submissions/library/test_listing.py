"""`submissions.library.listing`: the transcripts, newest first."""

from datetime import UTC, datetime, timedelta

import pytest

from receiver.database import Pool
from receiver.submissions.library import listing
from receiver.submissions.library.keys import NEWEST
from receiver.submissions.library.listing import Listed
from receiver.submissions.library.searching import Among
from tests.submissions.library.kept import index, keep


async def test_the_list_has_each_transcript_once_the_newest_first_however_it_is_paged(db: Pool) -> None:
    for number in range(1, 8):
        await keep(db, number, "said", at=f"2026-01-0{1 + number % 4}T00:00:00Z", title=f"Lecture {number}")
    await index(db)
    whole, more = await listing.transcripts(db)
    assert ([one.at for one in whole], more) == (sorted((one.at for one in whole), reverse=True), None)
    for limit in (1, 2, 7):
        found, place = list[str](), NEWEST
        while True:
            page, further = await listing.transcripts(db, before=place, limit=limit)
            found += [one.transcription_id for one in page]
            if further is None:
                break
            assert further < place
            place = further
        assert found == [one.transcription_id for one in whole]


async def test_title_source_and_date_choose_what_is_listed(db: Pool) -> None:
    await keep(db, 1, "said", title="Economics")
    await keep(db, 2, "said", title=None)
    await index(db)
    await db.execute("update receiver.library set at = now() where transcription_id = '2'")

    async def ids(among: Among) -> list[str]:
        return [one.transcription_id for one in (await listing.transcripts(db, among))[0]]

    assert await ids(Among()) == ["2", "1"]
    assert await ids(Among(title="ECONOM")) == ["1"]
    assert await ids(Among(source="openai")) == []
    assert await ids(Among(since=timedelta(days=1))) == ["2"]


@pytest.mark.parametrize(("title", "name"), [
    (None, "7"), ("", "7"), ("A talk", "A talk"), ("either/or", "either/or"), ("/", "/"), ("~/a.mp3", "a.mp3"),
    ("/talks/a talk.mp3", "a talk.mp3"), ("https://media.test/a/b.mp3?token=SECRET/x", "b.mp3"),
    ("https://media.test/a/", "a"),
    ("https://media.test", "https://media.test"), ("https://me:pw@media.test/", "https://me:pw@media.test/"),
    ("https://media.test?a=/SECRET", "https://media.test?a=/SECRET"),
    ("see https://media.test/a", "see https://media.test/a"),
])  # fmt: skip
def test_a_path_or_an_address_is_called_by_its_last_part(title: str | None, name: str) -> None:
    now = datetime.now(UTC)
    assert Listed(1, "transcribe.so", "https://api.test", None, "7", now, title, None, 60.0).name == name
