"""`assistants.transcripts`: searches, parts and timestamps; each answer bounded, with the way to the rest."""

import json

import pytest

from receiver.database import Pool
from receiver.providers import archive
from tests.assistants.asking import Assistant, Failed
from tests.submissions.library.kept import index, keep, segment

OTHER = "https://other.test"
SOURCE = {"source": "transcribe.so", "id": "7"}


async def test_a_search_goes_on_where_the_answer_before_ended(asker: Assistant, db: Pool) -> None:
    for number in range(1, 5):
        await keep(db, number, "interest rates rise", at=f"2026-0{number}-01T00:00:00Z", title=f"Lecture {number}")
    await index(db)
    ids, cursor = list[str](), dict[str, str]()
    while True:
        answer = await asker.ask("search_transcripts", words="rate", limit=3, **cursor)
        ids += [hit["id"] for hit in answer["found"]]
        if answer["next"] is None:
            break
        assert answer["more"] == "there are more: pass `next` as `cursor`"
        cursor = {"cursor": answer["next"]}
    assert ids == ["4", "3", "2", "1"]
    assert answer["more"] is None
    hit = answer["found"][0]
    assert (hit["title"], hit["clock"], hit["text"]) == ("Lecture 1", "0:00:00", "interest rates rise")
    assert hit["uri"] == "transcript://transcribe.so/1"
    named = await asker.ask("search_transcripts", words="rate", title="lecture 2")
    assert [hit["id"] for hit in named["found"]] == ["2"]
    with pytest.raises(Failed, match="cursor: give `next`"):
        await asker.ask("search_transcripts", words="rate", cursor="x")


async def test_without_words_the_transcripts_are_listed(asker: Assistant, db: Pool) -> None:
    for number in range(1, 4):
        await keep(db, number, "a", "b", at=f"2026-0{number}-01T00:00:00Z")
    assert (await asker.ask("search_transcripts"))["not_indexed"] == 3
    await index(db)
    first = await asker.ask("search_transcripts", limit=2)
    rest = await asker.ask("search_transcripts", limit=2, cursor=first["next"])
    assert [one["id"] for one in (*first["found"], *rest["found"])] == ["3", "2", "1"]
    assert first["found"][0]["clock"] == "0:01:05"
    assert rest["next"] is None


async def test_a_transcript_is_read_part_by_part_to_its_end(asker: Assistant, db: Pool) -> None:
    said = [segment(f"turn {n} " + "x" * 50, 31.0 * n, 31.0 * n + 4, "Ana") for n in range(100)]
    await keep(db, 7, segments=said, title="Lecture 7")
    text, offset = "", 0
    while offset is not None:
        part = await asker.ask("get_transcript", **SOURCE, offset=offset, limit=1000)
        assert len(part["text"]) <= 1000
        assert (part["next_offset"] is None) == (part["more"] is None)
        text, offset = text + part["text"], part["next_offset"]
    assert len(text) == part["characters"]
    assert [line.split()[3] for line in text.splitlines()] == [str(n) for n in range(100)]
    at = await asker.ask("get_transcript", **SOURCE, at_seconds=62.5)
    assert at["text"].startswith("[0:01:02] Ana: turn 2 ")
    with pytest.raises(Failed, match=r"^offset and at_seconds each say where to begin: give one of them$"):
        await asker.ask("get_transcript", **SOURCE, offset=1, at_seconds=62.5)
    assert await asker.ask("get_transcript", **SOURCE, offset=0, at_seconds=62.5) == at
    with pytest.raises(Failed, match="offset: the text has"):
        await asker.ask("get_transcript", **SOURCE, offset=10**6)


async def test_of_several_apis_with_one_id_the_usual_one_is_read(asker: Assistant, db: Pool) -> None:
    await keep(db, 7, "of another", api=OTHER)
    await index(db)
    listed = (await asker.ask("search_transcripts"))["found"][0]
    assert listed["uri"] == "transcript://transcribe.so/7?api=https%3A%2F%2Fother.test"
    assert "of another" in await asker.read(listed["uri"])
    await keep(db, 7, "of ours")
    found = await asker.ask("get_transcript", **SOURCE)
    assert (found["text"], found["other_api_urls"]) == ("[0:00:00] of ours", [OTHER])
    found = await asker.ask("get_transcript", **SOURCE, api_url=OTHER)
    assert found["text"] == "[0:00:00] of another"
    with pytest.raises(Failed, match="no transcript 7 of openai is kept here"):
        await asker.ask("get_transcript", source="openai", id="7")


async def test_timestamps_are_bounded_and_those_left_out_are_named(asker: Assistant, db: Pool) -> None:
    chapters = [{"start_seconds": n, "title": f"Chapter {n}", "summary": "s" * 400} for n in range(101)]
    subject = await keep(db, 7, "said", chapters=chapters)
    for style in ("balanced", "punchy", "educational", "plain", "long"):
        answer = {"format": "youtube", "style": style, "text": "0:00 " + "x" * 20_000, "ok_to_paste": True}
        await archive.keep(db, subject, f"timestamps/youtube/{style}", json.dumps(answer).encode())
    found = await asker.ask("get_timestamps", **SOURCE)
    assert [len(one["text"]) for one in found["timestamps"]] == [10_000] * 4
    assert {(one["is_cut"], one["ok_to_paste"]) for one in found["timestamps"]} == {(True, False)}
    assert len(found["chapters"]) == 100
    assert len(found["chapters"][0]["summary"]) == 300
    left, rest = found["more"].split("; ask for one with format and style; ")
    assert left.startswith("left out: youtube/")
    cut = ", ".join(f"youtube/{one['style']}" for one in found["timestamps"])
    assert rest == (
        f"only the first 10,000 characters of {cut}: `receiver timestamps 7` prints them whole; "
        "only the first 100 chapters"
    )
    style = left.partition("youtube/")[2]
    only = await asker.ask("get_timestamps", **SOURCE, format="youtube", style=style)
    assert [one["style"] for one in only["timestamps"]] == [style]
    with pytest.raises(Failed, match="no such timestamps are kept; there are: youtube/"):
        await asker.ask("get_timestamps", **SOURCE, format="spotify")


async def test_timestamps_that_are_whole_are_to_be_pasted(asker: Assistant, db: Pool) -> None:
    subject = await keep(db, 7, "said")
    answer = {"format": "youtube", "style": "plain", "text": "0:00 " + "x" * 9_995, "ok_to_paste": True}
    await archive.keep(db, subject, "timestamps/youtube/plain", json.dumps(answer).encode())
    found = await asker.ask("get_timestamps", **SOURCE)
    (only,) = found["timestamps"]
    assert (only["is_cut"], only["ok_to_paste"], found["more"]) == (False, True, None)


async def test_an_answer_that_cannot_be_read_is_said_to_be_so(asker: Assistant, db: Pool) -> None:
    await keep(db, 7, "said")
    await db.execute("update receiver.archive set answer = 'no json'")
    with pytest.raises(Failed, match="malformed_answer"):
        await asker.ask("get_transcript", **SOURCE)
