"""Submitting from a page: files go to the disk within bounds, the price is said first, and it is paid for once."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from receiver.console import uploads
from receiver.console.state import UPLOADS
from receiver.database import Pool
from receiver.submissions import records
from receiver.submissions.drafts import MOST_FILES, Draft, Drafts
from receiver.submissions.moves import State
from receiver.submissions.records import Submission
from tests.commands import Simulated, wav
from tests.console.asked import Asked, Person, Shown

TRANSCRIBE = "/submissions/new?source=transcribe.so&account=default&operation=transcription"
STEMS = "/submissions/new?source=timbr-audio&account=default&operation=separation"
THUNDER = "/submissions/new?source=thunderscribe&account=default&operation=transcription"
SECRET_URL = "https://example.com/a/talk.mp3?signature=TOP-SECRET"
BOUNDARY = "a-boundary"


@pytest_asyncio.fixture
async def asked(
    receiver_database: str,
    sandbox: Simulated,
    tmp_path: Path,
    own_environment: None,  # noqa: ARG001 - it must be clean
) -> AsyncIterator[Asked]:
    """Yield a console with accounts of three providers."""
    found = Asked(
        receiver_database, TRANSCRIBE_API_URL=sandbox.url, TRANSCRIBE_API_KEY=sandbox.key,
        TIMBR_AUDIO_API_URL=f"{sandbox.url}/timbr-audio", TIMBR_AUDIO_API_KEY=sandbox.key,
        THUNDERSCRIBE_API_URL=f"{sandbox.url}/thunderscribe", THUNDERSCRIBE_API_KEY=sandbox.key,
        RECEIVER_ARTIFACTS_DIR=str(tmp_path / "shelf"), RECEIVER_ARTIFACT_MAX_MB="1",
    )  # fmt: skip
    yield found
    await found.close()


def left(asked: Asked) -> list[Path]:
    """Return the files and folders that are left of drafts."""
    return sorted(Drafts(asked.configured).place.rglob("*"))


async def hand_in(person: Person, at: str, *files: Path, **fields: str) -> str:
    """Hand something in; returns the page of the draft."""
    answer = await send(person, at, *files, **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def send(person: Person, at: str, *files: Path, **fields: str) -> httpx.Response:
    """Send the form."""
    parts = [(name, (None, value)) for name, value in fields.items()]
    return await person.post(
        at, files=[*parts, *(("files", (file.name, file.read_bytes())) for file in files)] or [("x", (None, ""))]
    )  # fmt: skip


async def submissions(db: Pool) -> list[Submission]:
    return await records.recent(db, None, None)


def body(name: str = "a.mp3", content: bytes = b"content", *, end: bool = True) -> bytes:
    """Return a form with a file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode() + content + (f"\r\n--{BOUNDARY}--\r\n".encode() if end else b"")


async def post(person: Person, content: bytes | AsyncIterator[bytes], at: str = STEMS) -> httpx.Response:
    kind = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    return await person.post(at, content=content, headers=kind)


# --- the form --------------------------------------------------------------------------------------------------------


async def test_everything_that_can_be_asked_for_has_a_form_with_its_options(operator: Person) -> None:
    page = await operator.page("/submissions/new")
    offers = [link for link in page.values("a", "href") if link.startswith("/submissions/new?")]
    assert len(offers) > 3
    for at in offers:
        form = await operator.page(at)
        labels, ids = set(form.values("label", "for")), set(form.values("input", "id"))
        assert ids | set(form.values("select", "id")) | set(form.values("textarea", "id")) == labels
    thunder = await operator.page(THUNDER)
    assert {"option:language", "option:temperature", "if_lost", "max_charge"} <= labels | set(
        thunder.values("label", "for")
    )
    assert "At most 50 files, and 1.0 MB together; thunderscribe takes at most" in thunder.text


async def test_a_reader_may_not_submit(asked: Asked, tmp_path: Path) -> None:
    reader = await asked.reader()
    assert (await reader.get("/submissions/new")).status_code == 403
    assert (await send(reader, STEMS, wav(tmp_path / "talk.wav", 2))).status_code == 403
    assert left(asked) == []


async def test_what_nobody_here_offers_is_not_found(operator: Person) -> None:
    at = "/submissions/new?source=timbr&account=default&operation=separation"
    assert (await operator.get(at)).status_code == 404
    assert (await operator.post(at, files={"x": "y"})).status_code == 404


# --- once ------------------------------------------------------------------------------------------------------------


async def test_an_address_is_priced_and_submitted_once(db: Pool, asked: Asked, operator: Person) -> None:
    draft = await hand_in(operator, TRANSCRIBE, url="https://example.com/episode.mp3", **{"option:language": "en"})
    page = await operator.page(draft)
    assert "$" in page.text
    assert "billed minutes" in page.text
    assert await submissions(db) == []
    answers = await asyncio.gather(*(operator.submit(draft) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {303}
    answers = [*answers, await operator.submit(draft), await operator.get(draft)]
    (one,) = await submissions(db)
    assert (one.url, one.wishes["language"]) == ("https://example.com/episode.mp3", "en")
    assert one.state is State.UPLOADED
    assert answers[-2].headers["location"] == answers[-1].headers["location"] == f"/submissions/{one.id}"
    assert "episode.mp3" not in "".join(path.read_text() for path in left(asked) if path.is_file())


async def test_the_same_again_pays_nothing_unless_a_person_says_so(db: Pool, operator: Person) -> None:
    async def draft() -> str:
        return await hand_in(operator, TRANSCRIBE, url="https://example.com/episode.mp3")

    await operator.submit(await draft())
    (one,) = await submissions(db)
    again = await draft()
    assert f"{one.id} asks for the same: nothing is paid again" in (await operator.page(again)).text
    await operator.submit(again)
    answer = await operator.get(again)
    assert answer.headers["location"] == f"/submissions/{one.id}?before=1"
    assert "nothing was sent or paid again" in (await operator.page(answer.headers["location"])).text
    assert len(await submissions(db)) == 1
    another = await draft()
    for _ in range(3):
        await operator.submit(another, again="1")
    assert len(await submissions(db)) == 2


async def test_a_crash_between_paying_and_noting_it_pays_once(db: Pool, asked: Asked, operator: Person) -> None:
    for fields in ({}, {"again": "1"}):
        at = await hand_in(operator, TRANSCRIBE, url="https://example.com/episode.mp3")
        name = at.rpartition("/")[2]
        before = Drafts(asked.configured).find(name)
        assert before is not None
        await operator.submit(at, **fields)
        number = len(await submissions(db))
        Drafts(asked.configured).keep(before)  # as a process leaves it that is killed before it notes what it did
        asked.console.progress.clear()
        await operator.submit(at, **fields)
        assert len(await submissions(db)) == number


async def test_files_are_submitted_each_by_itself_and_then_gone_here(
    db: Pool, asked: Asked, operator: Person, tmp_path: Path
) -> None:
    files = [wav(tmp_path / "one.wav", 2), wav(tmp_path / "zwei \u202e.wav", 3)]
    draft = await hand_in(operator, STEMS, *files)
    await operator.submit(draft)
    page = await operator.page(draft)
    found = await submissions(db)
    assert {one.recording for one in found} == {"one.wav", "zwei \u202e.wav"}
    assert all(one.state is State.UPLOADED for one in found)
    assert {f"/submissions/{one.id}" for one in found} <= set(page.values("a", "href"))
    assert [path.name for path in left(asked) if path.is_file()] == ["draft.json"]


async def test_a_file_that_goes_along_lies_on_the_disk_once(
    db: Pool,
    receiver_database: str,
    sandbox: Simulated,
    tmp_path: Path,
    own_environment: None,  # noqa: ARG001 - it must be clean
) -> None:
    asked = Asked(
        receiver_database, OPENAI_API_URL=f"{sandbox.url}/thunderscribe/api/v1", OPENAI_API_KEY=sandbox.key,
        RECEIVER_ARTIFACTS_DIR=str(tmp_path / "shelf"),
    )  # fmt: skip
    operator = await asked.operator()
    at = "/submissions/new?source=openai&account=default&operation=transcription"
    file = wav(tmp_path / "talk.wav", 2)
    draft = await hand_in(operator, at, file, **{"option:model": "whisper-1", "option:language": "en"})
    (handed,) = [path for path in left(asked) if path.suffix == ".wav"]
    inode = handed.stat().st_ino
    await operator.submit(draft)
    (one,) = await submissions(db)
    waiting = tmp_path / "shelf" / "waiting" / one.id
    assert (waiting.stat().st_ino, waiting.stat().st_nlink) == (inode, 1)
    assert waiting.read_bytes() == file.read_bytes()
    await asked.close()


async def test_a_secret_address_is_nowhere_whole(db: Pool, operator: Person) -> None:
    draft = await hand_in(operator, TRANSCRIBE, url=SECRET_URL)
    assert "TOP-SECRET" not in (await operator.get(draft)).text
    await operator.submit(draft)
    (one,) = await submissions(db)
    assert one.url == SECRET_URL
    for at in (draft, f"/submissions/{one.id}", "/submissions"):
        assert "TOP-SECRET" not in (await operator.get(at, follow_redirects=True)).text
    for at in ("/events", "/events/1", "/events/1/raw"):
        assert "TOP-SECRET" not in (await operator.get(at)).text
    assert (await operator.get("/events/1/raw")).json()["data"]["submission"]["recording"].endswith("/talk.mp3?…")
    assert "addresses are shortened" in (await operator.page("/events/1")).text
    answer = await send(operator, TRANSCRIBE, url="https://u:TOP-SECRET@[/x.mp3")
    assert (answer.status_code, "TOP-SECRET" in answer.text) == (422, False)


@pytest.mark.parametrize("is_file", [False, True])
async def test_what_costs_more_than_its_ceiling_is_said_before_and_has_no_button(
    db: Pool, asked: Asked, operator: Person, tmp_path: Path, *, is_file: bool
) -> None:
    files, fields = [wav(tmp_path / "talk.wav", 2)] if is_file else [], {"max_charge": "0.000001"}
    draft = await hand_in(
        operator, TRANSCRIBE, *files, **fields | ({} if is_file else {"url": "https://example.com/episode.mp3"})
    )
    for _ in range(2):  # the second one is made of what was kept
        page = await operator.page(draft)
        assert "It cannot be submitted so: it would cost $" in page.text
        assert "more than the ceiling of $1e-06: nothing was submitted" in page.text
        assert "Submit and pay" not in page.text
        assert TRANSCRIBE in page.values("a", "href")
    await operator.submit(draft)  # from a page that is older
    assert "more than the ceiling" in (await operator.page(draft)).text
    assert await submissions(db) == [], "it would look like work under way"
    assert (await operator.submit(f"{draft}/drop")).status_code == 303
    assert (left(asked), asked.console.progress) == ([], {})
    assert (await operator.get(draft)).status_code == 404


async def test_what_was_paid_for_before_costs_nothing_and_has_its_button(db: Pool, operator: Person) -> None:
    fields = {"url": "https://example.com/episode.mp3"}
    await operator.submit(await hand_in(operator, TRANSCRIBE, **fields))
    draft = await hand_in(operator, TRANSCRIBE, max_charge="0.000001", **fields)
    page = await operator.page(draft)
    assert "Submit and pay" in page.text
    assert "once more" not in page.text, "that would be refused"
    await operator.submit(draft)
    (one,) = await submissions(db)
    assert (await operator.get(draft)).headers["location"] == f"/submissions/{one.id}?before=1"


async def test_a_ceiling_that_an_estimate_is_above_is_said_at_its_field(operator: Person, tmp_path: Path) -> None:
    answer = await send(operator, STEMS, wav(tmp_path / "talk.wav", 2), max_charge="0")
    assert answer.status_code == 422
    assert mistakes_at(Shown(answer.text)).keys() == {"max_charge"}


async def test_a_page_that_waits_for_a_price_leads_to_what_was_submitted_meanwhile(
    db: Pool, asked: Asked, operator: Person
) -> None:
    draft = await hand_in(operator, TRANSCRIBE, url="https://example.com/episode.mp3")
    answers = await asyncio.gather(*(operator.get(draft) for _ in range(3)), operator.submit(draft))
    assert {answer.status_code for answer in answers} <= {200, 303}
    await asyncio.gather(*(progress.task for progress in asked.console.progress.values()))
    (one,) = await submissions(db)
    assert (await operator.get(draft)).headers["location"] == f"/submissions/{one.id}"
    known = Drafts(asked.configured).known(draft.rpartition("/")[2])
    assert (known.is_submitted, known.url) == (True, None)


async def test_every_page_of_a_draft_shows_that_it_is_under_way_and_what_came_of_it(
    db: Pool, asked: Asked, operator: Person, tmp_path: Path
) -> None:
    draft = await hand_in(operator, STEMS, wav(tmp_path / "talk.wav", 2))
    page = await operator.page(draft)
    assert (page.values("body", "data-changes"), "Submit and pay" in page.text) == (["/changes"], True)

    async def hold(_: Pool) -> None:
        await asyncio.Event().wait()

    holding = [asyncio.create_task(asked.console.upload(hold)) for _ in range(UPLOADS)]
    await asyncio.sleep(0)
    await operator.submit(draft)  # in another tab
    page = await operator.page(draft)
    assert "Being submitted" in page.text
    assert "It waits until other recordings are uploaded." in page.text
    assert "Submit and pay" not in page.text
    for held in holding:
        held.cancel()
    await asked.console.progress[draft.rpartition("/")[2]].task
    (one,) = await submissions(db)
    assert (await operator.get(draft)).headers["location"] == f"/submissions/{one.id}"
    assert asked.console.progress == {}, "what has ended is forgotten"


async def test_why_a_draft_was_not_submitted_is_known_as_long_as_the_draft(
    db: Pool, asked: Asked, operator: Person
) -> None:
    drafts = [await hand_in(operator, TRANSCRIBE, url=f"https://example.com/{number}.mp3") for number in range(2)]
    await db.execute("alter table receiver.submissions rename to elsewhere")
    for draft in drafts:
        await operator.submit(draft)
    await db.execute("alter table receiver.elsewhere rename to submissions")
    ids = [draft.rpartition("/")[2] for draft in drafts]
    assert sorted(asked.console.progress) == sorted(ids)
    Drafts(asked.configured).forget(ids[0])
    await operator.submit(await hand_in(operator, TRANSCRIBE, url="https://example.com/3.mp3"))
    assert list(asked.console.progress) == ids[1:]


async def test_every_error_on_the_way_to_the_workers_is_said(
    db: Pool, operator: Person, caplog: pytest.LogCaptureFixture
) -> None:
    draft = await hand_in(operator, TRANSCRIBE, url="https://example.com/episode.mp3")
    await operator.get(draft)
    await db.execute("alter table receiver.submissions rename to elsewhere")
    await operator.submit(draft)
    await db.execute("alter table receiver.elsewhere rename to submissions")
    page = await operator.page(draft)
    assert "It was not submitted whole: the database refuses it: relation" in page.text
    assert "a draft on its way to the workers failed" in caplog.text
    await operator.submit(draft)
    assert await submissions(db)


# --- what is refused -------------------------------------------------------------------------------------------------


def mistakes_at(page: Shown) -> dict[str, str]:
    """Return for each field that is marked as wrong what describes it."""
    return {
        str(given["id"]): str(given["aria-describedby"]) for _, given in page.elements
        if given.get("aria-invalid") == "true"
    }  # fmt: skip


async def test_a_mistake_is_said_at_its_field_and_the_rest_stays_filled_in(operator: Person, tmp_path: Path) -> None:
    fields = {
        "url": "https://example.com/a<b>.mp3", "option:language": "de", "option:temperature": "hot", "if_lost": "again",
        "max_charge": "3",
    }  # fmt: skip
    answer = await send(operator, THUNDER, **fields)
    page = Shown(answer.text)
    assert (answer.status_code, mistakes_at(page)) == (422, {
        "option:temperature": "option:temperature-wrong option:temperature-said"
    })  # fmt: skip
    assert "temperature: must be a valid number" in page.text
    assert "#option:temperature" in page.values("a", "href")
    assert {fields["url"], "hot", "3"} <= set(page.values("input", "value"))
    chosen = [
        given["value"] for tag, given in page.elements if tag == "option" and "selected" in given and "value" in given
    ]
    assert "again" in chosen
    assert answer.text.count("<option selected>de</option>") + page.values("input", "value").count("de") == 1
    assert "Choose the files again" not in page.text
    wrong = {"url": "https://example.com/a.mp3", "max_charge": "much", "if_lost": "x", "option:temperature": "hot"}
    answer = await send(operator, THUNDER, wav(tmp_path / "talk.wav", 2), **wrong)
    page = Shown(answer.text)
    assert mistakes_at(page).keys() == {*wrong, "option:language"}, "all of them at once"
    assert "Choose the files again: browsers do not keep them." in page.text
    assert "much" in page.values("input", "value")


async def test_an_address_that_can_hold_a_secret_is_typed_again(operator: Person) -> None:
    answer = await send(operator, TRANSCRIBE, url=SECRET_URL, max_charge="much")
    assert "TOP-SECRET" not in answer.text
    assert "Type it again: it is not shown, because it can hold a secret." in Shown(answer.text).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "either the web address of a recording, or files"),
        ({"url": "/etc/passwd"}, "is not a web address"),
        ({"url": "@/etc/passwd"}, "is not a web address"),
        ({"url": "file:///etc/passwd"}, "is not a web address"),
        ({"url": "https://example.com/a.mp3", "option:colour": "red"}, "there is no option colour"),
        ({"url": "https://example.com/a.mp3", "option:duration_seconds": "-1"}, "duration_seconds"),
        ({"url": "https://example.com/a\0.mp3"}, "has a character that no address has"),
        ({"url": "https://example.com/a.mp3", "option:language": "e\0n"}, "cannot be kept, such as NUL"),
        ({"url": "https://example.com/a.mp3", "if_lost": "pay"}, "one of ask, again, fail"),
        ({"url": "https://example.com/a.mp3", "max_charge": "nan"}, "is a number, and not nan"),
    ],
)
async def test_mistakes_are_said_at_once_and_nothing_stays(
    asked: Asked, operator: Person, fields: dict[str, str], said: str
) -> None:
    answer = await send(operator, TRANSCRIBE, **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert left(asked) == []


async def test_no_option_names_a_file_of_this_machine(asked: Asked, operator: Person, tmp_path: Path) -> None:
    at = "/submissions/new?source=timbr-audio&account=default&operation=diarization"
    file = wav(tmp_path / "talk.wav", 2)
    answer = await send(operator, at, file, **{"option:input_srt_file_id": "@/etc/passwd"})
    assert answer.status_code == 422
    assert "is a file or its id" in answer.text
    assert left(asked) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.wav", b"", "empty.wav is empty"),
        ("ta\0lk.wav", b"x", "has the character NUL"),
        ("talk.txt", b"no media", "has no extension of a media file"),
        ("talk.wav", b"fLaC" + bytes(2000), "by its content: rename it to talk.flac"),
    ],
)
async def test_a_file_that_the_provider_would_refuse_does_not_stay(
    asked: Asked, operator: Person, name: str, content: bytes, said: str
) -> None:
    answer = await post(operator, body(name, content), TRANSCRIBE)
    assert answer.status_code == (409 if "\0" in name else 422)
    assert said in answer.text
    assert left(asked) == []


@pytest.mark.parametrize(
    "name", ["../../../evil.wav", "/etc/evil.wav", "..", "a\\b.wav", "x" * 3000 + ".wav", "CON.wav"]
)
async def test_the_name_of_a_file_leads_nowhere(asked: Asked, operator: Person, tmp_path: Path, name: str) -> None:
    answer = await post(operator, body(name, wav(tmp_path / "talk.wav", 2).read_bytes()))
    assert answer.status_code in (303, 422)
    place = Drafts(asked.configured).place
    assert all(path.parent.parent.parent == place for path in left(asked) if path.suffix == ".wav")
    assert not list(tmp_path.rglob("evil*")) or answer.status_code == 303


@pytest.mark.parametrize("whole", [True, False], ids=["said in its head", "unsaid"])
async def test_what_is_too_large_is_refused_while_it_comes_and_not_read_to_its_end(
    asked: Asked, operator: Person, *, whole: bool
) -> None:
    read = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal read
        yield body(end=False)
        for _ in range(1000):
            read += 65536
            yield bytes(65536)

    answer = await post(operator, body(content=bytes(3 * 1024**2)) if whole else pieces())
    assert answer.status_code == 413
    assert "can have 1 MB together" in answer.text
    assert read < 4 * 1024**2
    assert left(asked) == []


@pytest.mark.parametrize(
    "content",
    [
        b"", b"nothing", body(end=False), body()[:-6], body().replace(b'name="files"; ', b""),
    ],
    ids=["empty", "no form", "cut in a file", "cut at its end", "nameless"],
)  # fmt: skip
async def test_a_form_that_is_broken_leaves_nothing(asked: Asked, operator: Person, content: bytes) -> None:
    assert (await post(operator, content)).status_code == 400
    assert left(asked) == []


@pytest.mark.parametrize(("number", "size"), [(1, 100_000), (300, 1)], ids=["a long one", "many"])
async def test_fields_are_bounded(asked: Asked, operator: Person, number: int, size: int) -> None:
    field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="url"\r\n\r\n'.encode() + b"x" * size + b"\r\n"
    assert (await post(operator, field * number + f"--{BOUNDARY}--\r\n".encode())).status_code == 413
    assert left(asked) == []


async def test_what_comes_behind_the_last_part_is_bounded_too(asked: Asked, operator: Person) -> None:
    read = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal read
        yield body()
        for _ in range(1000):
            read += 65536
            yield bytes(65536)

    assert (await post(operator, pieces())).status_code == 413
    assert read < 4 * 1024**2
    assert left(asked) == []


@pytest.mark.parametrize("content", [body(end=False), body()], ids=["in a file", "behind the last part"])
async def test_a_form_takes_only_so_long_however_steadily_it_comes(asked: Asked, content: bytes) -> None:
    coming: Iterator[Message] = itertools.chain(
        [{"type": "http.request", "body": content, "more_body": True}],
        itertools.repeat({"type": "http.request", "body": b"\r", "more_body": True}),
    )

    async def receive() -> Message:
        await asyncio.sleep(0)
        return next(coming)

    head = [(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())]
    request = Request({"type": "http", "method": "POST", "headers": head}, receive)
    with (
        pytest.raises(HTTPException, match=r"did not come whole within 0.1 s"),
        Drafts(asked.configured).arriving() as arriving,
    ):
        await uploads.read(request, arriving, asked.console.ending, seconds=0.1)
    assert left(asked) == []


async def test_there_are_only_so_many_files(asked: Asked, operator: Person) -> None:
    files = {number: body(f"{number}.wav", b"x", end=False) + b"\r\n" for number in range(MOST_FILES + 1)}
    answer = await post(operator, b"".join(files.values()) + f"--{BOUNDARY}--\r\n".encode())
    assert answer.status_code == 409
    assert "at most 50 files are handed in at once" in answer.text
    assert left(asked) == []


async def test_a_browser_that_goes_away_leaves_nothing(asked: Asked, operator: Person) -> None:
    said = list[Message]()
    coming: Iterator[Message] = iter([
        {"type": "http.request", "body": body(content=bytes(300_000), end=False), "more_body": True},
        {"type": "http.disconnect"},
    ])  # fmt: skip

    async def receive() -> Message:
        return next(coming)

    async def send(message: Message) -> None:
        said.append(message)

    path, _, question = STEMS.partition("?")
    cookie = "; ".join(f"{name}={value}" for name, value in operator.cookies.items())
    headers = {
        "host": "127.0.0.1:8080", "cookie": cookie, "sec-fetch-site": "same-origin",
        "content-type": f"multipart/form-data; boundary={BOUNDARY}",
    }  # fmt: skip
    await asked.app(
        {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "root_path": "",
            "query_string": question.encode(), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
            "scheme": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        },
        receive, send,
    )  # fmt: skip
    assert said[0]["status"] == 400
    assert left(asked) == []


async def test_an_upload_ends_with_its_process(asked: Asked, operator: Person) -> None:
    began, never = asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield body(content=bytes(300_000), end=False)
        began.set()
        await never.wait()

    sending = asyncio.create_task(post(operator, pieces()))
    await began.wait()
    assert left(asked) != []
    asked.console.ending.set()
    assert (await sending).status_code == 503
    assert left(asked) == []


async def test_what_was_left_long_ago_is_removed(asked: Asked, operator: Person) -> None:
    drafts = Drafts(asked.configured)
    old = drafts.place / ("0" * 32)
    old.mkdir(parents=True)
    drafts.keep(Draft(id="0" * 32, source="x", account="default", operation="y", url="https://example.com/"))
    os.utime(old, (0, 0))
    await hand_in(operator, TRANSCRIBE, url="https://example.com/episode.mp3")
    assert not old.exists()
    assert len([path for path in left(asked) if path.is_file()]) == 1


@pytest.mark.parametrize("name", ["0" * 31, "g" * 32, "..%2F" + "0" * 32, "0" * 32])
async def test_no_draft_is_found_by_another_name(operator: Person, name: str) -> None:
    assert (await operator.get(f"/submissions/drafts/{name}")).status_code == 404
    assert (await operator.submit(f"/submissions/drafts/{name}")).status_code in (404, 405)
    assert (await operator.submit(f"/submissions/drafts/{name}/drop")).status_code in (404, 405)
