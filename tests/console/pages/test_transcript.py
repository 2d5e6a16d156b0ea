"""The page of one transcript: what was said, downloads, and a player that fetches nothing unasked."""

import json
from pathlib import Path

import pytest

from receiver.console import gate
from receiver.database import Pool
from receiver.inbox import artifacts
from receiver.inbox.artifacts import Artifact
from receiver.providers import archive
from receiver.providers.archive import Subject
from receiver.transcripts.documents import FORMATS
from tests.console.asked import API_URL, Asked, Person, Shown
from tests.submissions.library.kept import ENDED, index, keep, segment
from tests.submissions.library.test_reading import CHARGE, SUBMITTED

HERE = "/transcripts/transcribe.so/7"
HOSTILE = "<script>alert(1)</script>\"'> <img src=x onerror=alert(2)> \u202eevil"
SEGMENTS = [segment(f"turn {n}", 4.0 * n, 4.0 * n + 4, "Ana" if n % 2 else "Ben") for n in range(700)]


def anchors(page: Shown) -> list[str]:
    """Return the moments that an address finds on a page."""
    return [found for found in page.values("span", "id") if found.startswith("t=")]


async def test_a_transcript_is_shown_with_all_that_belongs_to_it(operator: Person, db: Pool) -> None:
    subject = await keep(
        db, 7, segments=SEGMENTS[:3], title="Lecture 7", api=API_URL,
        chapters=[{"start_seconds": 4, "title": "Rates", "summary": "Why they rise"}],
        sections=[{"start_seconds": 8, "title": "Part two"}], qna=[{"question": "Why?", "answer": "Because."}],
    )  # fmt: skip
    answer = {"format": "youtube", "style": "punchy", "text": "0:00 Rates\n0:04 <b>", "warnings": ["one chapter only"]}
    await archive.keep(db, subject, "timestamps/youtube/punchy", json.dumps(answer).encode())
    await db.execute(CHARGE, API_URL, "7", "transcription", None)
    page = await operator.page(HERE)
    for said in (
        "Lecture 7", "0:00:12, 3 segments, language en", "transcription 0.25 USD", "Ben turn 0", "Ana turn 1",
        "0:00:04 Rates Why they rise", "0:00:08 Part two", "Why? Because.", "youtube, punchy", "one chapter only",
        "transcription.completed", "account big-show",
    ):  # fmt: skip
        assert said in page.text, said
    key = await db.fetchval("select id from receiver.events")
    assert f"/events/{key}" in page.values("a", "href")
    assert anchors(page) == ["t=0", "t=4", "t=8"]
    assert page.values("textarea", "id") == page.values("button", "data-copy") == ["paste-1"]
    assert "0:00 Rates 0:04 <b>" in page.text
    assert [tag for tag, _ in page.elements].count("h1") == 1


async def test_what_others_have_written_is_text_wherever_it_stands(operator: Person, db: Pool) -> None:
    await keep(
        db, 7, segments=[segment(HOSTILE, 0, 4, HOSTILE), segment("\x00 \\u0000 \ud800 " + "x" * 10_000, 4)],
        title=HOSTILE, language=HOSTILE, api=API_URL,
        chapters=[{"start_seconds": 0, "title": HOSTILE, "summary": HOSTILE}],
        qna=[{"question": HOSTILE, "answer": HOSTILE}], sections=[{"start_seconds": 0, "title": HOSTILE}],
    )  # fmt: skip
    await index(db)
    for path in (HERE, "/transcripts", "/transcripts?q=alert"):
        page = await operator.page(path)
        names = [tag for tag, _ in page.elements]
        assert "img" not in names
        assert names.count("script") == len(page.values("script", "src"))
        assert not [name for _, given in page.elements for name in given if name.startswith("on")]
        assert "<script>alert(1)</script>\"'> <img src=x onerror=alert(2)>" in page.text
        assert "\u202e" not in page.text


async def test_a_long_one_comes_in_parts_and_a_moment_is_on_the_part_in_which_it_lies(
    operator: Person, db: Pool
) -> None:
    await keep(db, 7, segments=SEGMENTS, api=API_URL)
    page, seen = await operator.page(HERE), list[str]()
    while True:
        seen += anchors(page)
        later = next((given["href"] or "" for _, given in page.elements if given.get("rel") == "next"), "")
        if not later:
            break
        page = await operator.page(later)
    assert seen == [f"t={4 * n}" for n in range(700)]
    assert "prev" in [given.get("rel") for _, given in page.elements]
    page = await operator.page(f"{HERE}?t=1301.5#t=1301.5")
    assert {"t=1300", "t=1301.5"} <= set(anchors(page))
    assert len(anchors(page)) == 301
    last = await operator.page(f"{HERE}?t=999999")
    assert {"t=2796", "t=999999"} <= set(anchors(last))
    for odd in ("t=x", "t=-1", "t=1e9", "t=nan", "from=-1", "from=99999", "from=x", "t=" + "9" * 40, "t=1.2.3"):
        assert anchors(await operator.page(f"{HERE}?{odd}"))[0] == "t=0"


async def test_segments_that_begin_together_have_one_name_between_them(operator: Person, db: Pool) -> None:
    await keep(db, 7, segments=[segment(f"turn {n}", 4.0 * (n // 3)) for n in range(9)], api=API_URL)
    page = await operator.page(f"{HERE}?t=4#t=4")
    assert anchors(page) == ["t=0", "t=4", "t=8"]
    assert "turn 8" in page.text


async def test_words_with_their_own_times_are_marked_as_they_are_heard(operator: Person, db: Pool) -> None:
    words = [{"word": " two", "start": 0.0, "end": 0.4}, {"word": " words", "start": 0.5, "end": 1.0}]
    answer = {
        "text": "two words",
        "duration": 1.0,
        "segments": [{"id": 0, "start": 0.0, "end": 1.0, "text": "two words"}],
        "words": words,
    }
    await archive.keep(db, Subject("openai", API_URL, "sub_1", ENDED), "result", json.dumps(answer).encode())
    page = await operator.page("/transcripts/openai/sub_1")
    assert page.values("span", "data-word") == ["0.0", "0.5"]
    assert "two words" in page.text


@pytest.mark.parametrize("name", FORMATS)
async def test_it_can_be_downloaded_in_every_format(operator: Person, db: Pool, name: str) -> None:
    await keep(
        db,
        7,
        segments=[segment("turn \ud800", 0, 4, "Ana")],
        title='Lecture/7: "Zinsen" für\r\nalle',
        api=API_URL,
        chapters=[{"start_seconds": 0, "title": "Rates"}],
    )
    assert f"{HERE}/download/{name}" in (await operator.page(HERE)).values("a", "href")
    answer = await operator.get(f"{HERE}/download/{name}")
    assert answer.status_code == 200
    assert ("Rates" if name == "chapters" else "turn") in answer.text
    assert answer.headers["content-disposition"].startswith('attachment; filename="Lecture-7-Zinsen-fr-alle-7.')
    assert "; filename*=UTF-8''Lecture-7-Zinsen-f%C3%BCr-alle-7." in answer.headers["content-disposition"]
    assert (await operator.get(f"{HERE}/download/nonsense")).status_code == 404


async def test_its_subtitles_have_the_cues_that_the_operator_wishes(db: Pool, receiver_database: str) -> None:
    await keep(db, 7, segments=[segment("We have learned that every meeting delays. " * 3, 0, 20)], api=API_URL)
    for wished in ("provider", "readable"):
        asked = Asked(receiver_database, RECEIVER_CUES=wished)
        for name in ("srt", "vtt"):
            answer = await (await asked.operator()).get(f"{HERE}/download/{name}")
            assert (answer.text.count("-->") == 1) is (wished == "provider")
        await asked.close()


@pytest.mark.parametrize("path", [
    "/transcripts/transcribe.so/8", "/transcripts/nobody/7", "/transcripts/transcribe.so/%00",
    "/transcripts/%E2%80%AE/7", f"{HERE}?api=https://wrong.test", f"{HERE}?api=%00", f"{HERE}/recording/0",
    "/transcripts/transcribe.so/8/download/text",
])  # fmt: skip
async def test_what_is_not_kept_is_not_there(operator: Person, db: Pool, path: str) -> None:
    await keep(db, 7, "said", api=API_URL)
    assert (await operator.get(path)).status_code == 404


async def test_an_answer_that_cannot_be_read_says_so(operator: Person, db: Pool) -> None:
    await archive.keep(db, Subject("transcribe.so", API_URL, "7", ""), "result", b"<html>")
    page = await operator.page(HERE, status=409)
    assert "That cannot be done" in page.text


async def test_of_ids_that_are_the_same_the_other_one_is_named(operator: Person, db: Pool) -> None:
    await keep(db, 7, "ours", api=API_URL)
    await keep(db, 7, "theirs", api="https://other.test", at="2020-01-01T00:00:00Z")
    page = await operator.page(HERE)
    assert "ours" in page.text
    (link,) = [link for link in page.values("a", "href") if "api=https%3A%2F%2Fother.test" in link]
    assert "theirs" in (await operator.page(link)).text


# --- the recording ---------------------------------------------------------------------------------------------------


async def test_a_recording_elsewhere_is_fetched_only_after_a_person_has_said_so(operator: Person, db: Pool) -> None:
    await keep(db, 7, "said", api=API_URL)
    await db.execute(SUBMITTED, "sub_1", API_URL, "https://media.test:444/a.mp3", "7")
    answer = await operator.get(HERE)
    page = Shown(answer.text)
    assert "Play from media.test:444" in page.text
    assert "media.test" not in answer.headers["content-security-policy"]
    assert "audio" not in [tag for tag, _ in page.elements]
    assert "https://media.test:444/a.mp3" not in answer.text
    (link,) = [link for link in page.values("a", "href") if "play=1" in link]
    answer = await operator.get(link)
    page = Shown(answer.text)
    assert page.values("audio", "src") == ["https://media.test:444/a.mp3"]
    assert answer.headers["content-security-policy"] == gate.policy("https://media.test:444")
    assert "play=1" in page.values("a", "data-seek")[0] or f"{HERE}?play=1&t=0#t=0" in page.values("a", "href")
    other = await operator.get("/transcripts?play=1")
    assert other.headers["content-security-policy"] == gate.policy()


@pytest.mark.parametrize(("url", "said"), [
    ("https://media.test/a.mp3?token=SECRET", "a query, which can be a secret (media.test)"),
    ("https://me:SECRET@media.test/a.mp3", "a name or a password (media.test)"),
    ("https://youtu.be/SECRET", "no file that browsers play (youtu.be)"),
    ("https://h;SECRET/a.mp3", "no plain http or https address"),
])  # fmt: skip
async def test_an_address_with_a_secret_is_on_no_page_and_plays_nothing(
    operator: Person, db: Pool, url: str, said: str
) -> None:
    await keep(db, 7, "said", api=API_URL)
    await db.execute(SUBMITTED, "sub_1", API_URL, url, "7")
    for path in (HERE, f"{HERE}?play=1"):
        answer = await operator.get(path)
        assert said in Shown(answer.text).text
        assert "SECRET" not in answer.text
        assert answer.headers["content-security-policy"] == gate.policy()
        assert "<audio" not in answer.text


async def test_the_player_plays_the_first_file_of_its_submission_that_lies_here(
    asked: Asked, db: Pool, tmp_path: Path
) -> None:
    await keep(db, 7, "said", api=API_URL)
    await db.execute(SUBMITTED, "sub_1", API_URL, None, "7")
    (tmp_path / "the vocals?.mp3").write_bytes(bytes(range(200)))
    (tmp_path / "page.html").write_bytes(b"<script>")
    files = [
        Artifact("page.html", "text/html", 8, "", str(tmp_path / "page.html")),
        Artifact("elsewhere.mp3", None, 9, "", str(tmp_path / "elsewhere.mp3")),
        Artifact("the vocals?.mp3", "text/html", 200, "", str(tmp_path / "the vocals?.mp3")),
    ]
    await artifacts.keep(db, "sub_1", files)
    reader = await asked.reader()
    (address,) = (await reader.page(HERE)).values("audio", "src")
    assert address == "/submissions/sub_1/artifacts/the%20vocals%3F.mp3"
    part = await reader.get(address or "", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    (tmp_path / "the vocals?.mp3").write_bytes(b"other")
    page = await reader.page(HERE)
    assert page.values("audio", "src") == []
    assert "elsewhere.mp3 lies where its worker runs" in page.text
