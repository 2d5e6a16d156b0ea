"""`submissions.library.listing`: the transcripts, newest first."""

from datetime import timedelta

from receiver.database import Pool
from receiver.submissions.library import listing
from receiver.submissions.library.keys import NEWEST_PLACE
from receiver.submissions.library.searching import Among
from tests.submissions.library.kept import index, keep


async def test_the_list_has_each_transcript_once_the_newest_first_however_it_is_paged(db: Pool) -> None:
    for number in range(1, 8):
        await keep(db, number, "said", at=f"2026-01-0{1 + number % 4}T00:00:00Z", title=f"Lecture {number}")
    await index(db)
    whole, more = await listing.transcripts(db)
    assert ([one.at for one in whole], more) == (sorted((one.at for one in whole), reverse=True), None)
    for limit in (1, 2, 7):
        found, place = list[str](), NEWEST_PLACE
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
